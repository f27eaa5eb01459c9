"""Rows of the outbox of text messages."""

from datetime import datetime

from sqlalchemy import Identity, Integer
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class SmsMessage(Base):
    """One text to one phone. `text` is gone once it is sent or given up, because it may hold a code."""

    __tablename__ = "sms_messages"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    # E.164
    phone: Mapped[str]
    text: Mapped[str | None]
    purpose: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="queued")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    doubts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    provider: Mapped[str | None]
    provider_ref: Mapped[str | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
