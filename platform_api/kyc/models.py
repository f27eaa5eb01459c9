"""Rows of documents that prove who a business is, their pages, and what happened to them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class KycDocument(Base):
    __tablename__ = "kyc_documents"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    number: Mapped[str]
    # the last day on which it is valid
    expires_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(server_default="submitted")
    submitted_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    submitted_at: Mapped[datetime]
    claimed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    claimed_until: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="")


class KycPage(Base):
    __tablename__ = "kyc_pages"

    document_id: Mapped[UUID] = mapped_column(
        ForeignKey("kyc_documents.id", ondelete="CASCADE"), primary_key=True
    )
    page: Mapped[int] = mapped_column(Integer, primary_key=True)
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"))


class KycEvent(Base):
    """Append-only."""

    __tablename__ = "kyc_events"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("kyc_documents.id", ondelete="CASCADE"))
    action: Mapped[str]
    # None = the platform by itself
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(server_default="")
