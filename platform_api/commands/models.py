"""Rows of commands and of their steps. Columns and nothing else; decisions are in `rules`."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from platform_api.fleet.models import Device
from platform_api.models_base import Base


class Command(Base):
    """See the schema for what each time means; `ended_at` None = open."""

    __tablename__ = "device_commands"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    kind: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    state: Mapped[str]
    waiting: Mapped[str | None]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    request_key: Mapped[str | None]
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None]
    supersedes: Mapped[UUID | None] = mapped_column(ForeignKey("device_commands.id"))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    claimed_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(default="")

    device: Mapped[Device] = relationship(lazy="raise")


class CommandStep(Base):
    """Append-only: the audit of a command."""

    __tablename__ = "command_steps"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    command_id: Mapped[UUID] = mapped_column(ForeignKey("device_commands.id"))
    step: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    details: Mapped[dict[str, Any]]
