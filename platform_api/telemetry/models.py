"""Rows of intervals, which ingest writes and the API only reads, and of settings, which it is the other way round."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Interval(Base):
    """What lasted on a vehicle, or happened at one moment, as it is known now; times are event times."""

    __tablename__ = "intervals"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    # a name of telemetry.kinds.KINDS
    kind: Mapped[str]
    family: Mapped[str]
    # platform or device
    origin: Mapped[str]
    # 0 = the vehicle as a whole
    device_id: Mapped[int]
    started_at: Mapped[datetime]
    # None while it lasts; a moment ends when it starts
    ended_at: Mapped[datetime | None]
    # time of the ping that made it certain
    seen_at: Mapped[datetime]
    start_lon: Mapped[float | None]
    start_lat: Mapped[float | None]
    end_lon: Mapped[float | None]
    end_lat: Mapped[float | None]
    details: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    revision: Mapped[int] = mapped_column(Integer, server_default="0")
    retracted_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class TelemetrySetting(Base):
    """Overrides of telemetry.rules.VehicleRules for a carrier's fleet, or for the vehicles that a device is in."""

    __tablename__ = "telemetry_settings"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id"))
    settings: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
