"""Rows of the accounts and of refused messages. Ingest writes them; of a letter only `asked_at` is written here."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Date, ForeignKey, Identity, Integer, LargeBinary
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class DeviceDay(Base):
    """What was folded already; `ledger_days` has the rest. `device_id` 0 = of no device."""

    __tablename__ = "device_days"

    device_id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    received: Mapped[int] = mapped_column(server_default="0")
    stored: Mapped[int] = mapped_column(server_default="0")
    duplicate: Mapped[int] = mapped_column(server_default="0")
    late: Mapped[int] = mapped_column(server_default="0")
    rejected: Mapped[int] = mapped_column(server_default="0")
    rejected_by: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    lateness_ms: Mapped[int] = mapped_column(server_default="0")
    lateness: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    gaps: Mapped[int] = mapped_column(Integer, server_default="0")
    gaps_counted_at: Mapped[datetime | None]


class DeadLetter(Base):
    """A message of which something was refused. `device_id` 0 = of no device that was registered when it came."""

    __tablename__ = "dead_letters"

    id: Mapped[int] = mapped_column(Identity(always=False), primary_key=True)
    received_at: Mapped[datetime]
    topic: Mapped[str]
    device_id: Mapped[int]
    device_uid: Mapped[str | None]
    # up to MESS_DEAD_LETTER_KEEP_BYTES each: not for lists
    payload: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    payload_bytes: Mapped[int] = mapped_column(Integer)
    kept_bytes: Mapped[int] = mapped_column(Integer)  # the database computes it
    worker: Mapped[str]
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    tried_at: Mapped[datetime | None]
    outcome: Mapped[dict[str, Any] | None]
    replayed_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]


class RejectedPing(Base):
    """A refused ping of a letter, or the refusal of all of it."""

    __tablename__ = "rejected_pings"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    received_at: Mapped[datetime]
    topic: Mapped[str]
    device_uid: Mapped[str | None]
    reason: Mapped[str]
    detail: Mapped[str] = mapped_column(server_default="")
    # of workers of an earlier version; the database moves it to the letter
    payload: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    payload_bytes: Mapped[int] = mapped_column(Integer)
    worker: Mapped[str]
    letter_id: Mapped[int] = mapped_column(ForeignKey("dead_letters.id"))
