"""Rows of uploaded files."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class File(Base):
    """Content lies on disk under `sha256`; the row says whose it is and what it was called."""

    __tablename__ = "files"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    uploaded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    # hex
    sha256: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # when something first referred to it; never used ones are swept away
    used_at: Mapped[datetime | None]
