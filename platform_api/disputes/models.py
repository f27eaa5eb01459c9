"""Rows of disputes."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Dispute(Base):
    """About one order; see the schema."""

    __tablename__ = "disputes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), unique=True)
    opened_side: Mapped[str]
    opened_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    description: Mapped[str]
    claimed_xof: Mapped[int | None]
    state: Mapped[str]
    reviewer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    outcome: Mapped[str | None]
    verdict: Mapped[str] = mapped_column(server_default="")
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    resolved_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DisputeMessage(Base):
    """Append-only."""

    __tablename__ = "dispute_messages"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    dispute_id: Mapped[UUID] = mapped_column(ForeignKey("disputes.id", ondelete="CASCADE"))
    side: Mapped[str]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str]
    created_at: Mapped[datetime]


class DisputeFile(Base):
    __tablename__ = "dispute_files"

    message_id: Mapped[int] = mapped_column(
        ForeignKey("dispute_messages.id", ondelete="CASCADE"), primary_key=True
    )
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"), primary_key=True)
