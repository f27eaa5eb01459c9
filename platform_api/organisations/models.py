"""Rows of members and invitations. A business itself is its owner's row in `users`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class OrganisationMember(Base):
    """Somebody who acts for `owner_id`."""

    __tablename__ = "organisation_members"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str]
    joined_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class Invitation(Base):
    __tablename__ = "invitations"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    # E.164
    phone: Mapped[str]
    joins_as: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    invited_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
