"""Rows of bulk exports."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class BulkExport(Base):
    """The file is in MESS_EXPORT_DIR, see `rules.file_name`."""

    __tablename__ = "bulk_exports"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str]
    format: Mapped[str]
    from_time: Mapped[datetime]
    until_time: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    rows_written: Mapped[int] = mapped_column(server_default="0")
    file_bytes: Mapped[int | None]
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
