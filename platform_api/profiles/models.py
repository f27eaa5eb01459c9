"""Rows of profiles."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Profile(Base):
    """What somebody says of himself; what he says of his business counts where he is its owner."""

    __tablename__ = "profiles"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    # None = as the request asks
    language: Mapped[str | None]
    email: Mapped[str | None]
    address: Mapped[str] = mapped_column(server_default="")
    company_name: Mapped[str] = mapped_column(server_default="")
    ninea: Mapped[str | None]
    rccm: Mapped[str | None]
    # ISO 3166-2
    region: Mapped[str | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    updated_at: Mapped[datetime]
