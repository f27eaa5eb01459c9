"""Rows of retention policies; ingest reads and follows them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class RetentionRow(Base):
    """Days by event time; None = for ever. `carrier_id` None = the platform's default."""

    __tablename__ = "retention_policies"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    ping_days: Mapped[int | None] = mapped_column(Integer)
    thin_after_days: Mapped[int | None] = mapped_column(Integer)
    thin_to_s: Mapped[int | None] = mapped_column(Integer)
    interval_days: Mapped[int | None] = mapped_column(Integer)
    visit_days: Mapped[int | None] = mapped_column(Integer)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
