"""Rows of duty periods."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class DutyPeriod(Base):
    """Half-open [started_at, ended_at) in event time; a trigger tells ingest of each change."""

    __tablename__ = "duty_periods"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    started_at: Mapped[datetime]
    # ends by itself then
    closes_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
