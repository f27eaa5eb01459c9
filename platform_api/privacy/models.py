"""Rows of exports, erasures and the access log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class DataExport(Base):
    """A copy of one person's data; the file is in MESS_EXPORT_DIR, named by `id`."""

    __tablename__ = "data_exports"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    subject_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(server_default="queued")
    part: Mapped[str | None]
    rows_written: Mapped[int] = mapped_column(server_default="0")
    file_bytes: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class Erasure(Base):
    """Asked for, under way, or done; a done row is the tombstone and names nobody."""

    __tablename__ = "erasures"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    subject_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(server_default="asked")
    code_hash: Mapped[str]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    held_by: Mapped[str | None]
    started_at: Mapped[datetime | None]
    step: Mapped[str | None]
    cursor_id: Mapped[int] = mapped_column(server_default="0")
    counts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    finished_at: Mapped[datetime | None]


class PhoneErasure(Base):
    """What ingest is asked to erase of one phone; it writes down how far it came."""

    __tablename__ = "phone_erasures"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("erasures.id"))
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    uid: Mapped[str | None]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    step: Mapped[str] = mapped_column(server_default="settle")
    cursor_id: Mapped[int] = mapped_column(server_default="0")
    counts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    finished_at: Mapped[datetime | None]


class AccessEntry(Base):
    """Who did what with a driver's data. Reads of one order by one reader within an hour are one row."""

    __tablename__ = "access_log"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    actor_role: Mapped[str]
    action: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    at: Mapped[datetime]
    hour: Mapped[datetime | None]
    last_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(Integer, server_default="1")
