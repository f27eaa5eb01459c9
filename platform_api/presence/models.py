"""Rows of presence. Ingest alone writes them; here they are only read. Times are arrival times."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class DevicePresence(Base):
    """Every device has one."""

    __tablename__ = "device_presence"

    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    state: Mapped[str] = mapped_column(server_default="unknown")
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime | None]
    goodbye_at: Mapped[datetime | None]
    connected_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    tells: Mapped[bool] = mapped_column(server_default="false")
    downlink: Mapped[str | None]
    downlink_address: Mapped[str] = mapped_column(server_default="")
    report: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    reported_at: Mapped[datetime | None]


class PresenceChange(Base):
    """Append-only: what was told, and when."""

    __tablename__ = "presence_changes"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    vehicle_id: Mapped[int | None]
    state: Mapped[str]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    handled_at: Mapped[datetime | None]
