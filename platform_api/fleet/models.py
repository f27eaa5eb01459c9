"""Rows of vehicles, devices, and which device sat in which vehicle when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from platform_api.models_base import Base
from platform_api.vehicle_types.models import VehicleType

__all__ = ["Device", "DeviceAssignment", "DirtyVehicle", "MqttRevocation", "Vehicle", "VehicleType"]


class Vehicle(Base):
    __tablename__ = "vehicles"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    plate: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    type_code: Mapped[str | None] = mapped_column(ForeignKey("vehicle_types.code"))
    capacity_kg: Mapped[int | None] = mapped_column(Integer)
    volume_m3: Mapped[float | None]
    # empty, and laden at most, as the carte grise says (PV, PTAC or PTRA)
    tare_kg: Mapped[int | None] = mapped_column(Integer)
    ptac_kg: Mapped[int | None] = mapped_column(Integer)
    axle_configuration: Mapped[str | None]
    # outside, with the load bed
    length_m: Mapped[float | None]
    width_m: Mapped[float | None]
    height_m: Mapped[float | None]
    available: Mapped[bool] = mapped_column(server_default="true")
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Device(Base):
    """A tracker, a driver's phone or a gateway; `uid` is its MQTT client id and user name."""

    __tablename__ = "devices"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    uid: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    # of a vehicle's devices the one with the lowest number is the best source
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="100")
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    # the driver whose phone this is
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    disabled: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    assignments: Mapped[list["DeviceAssignment"]] = relationship(lazy="raise", back_populates="device")


class DeviceAssignment(Base):
    """Half-open [valid_from, valid_to) in event time; None = without bound."""

    __tablename__ = "device_assignments"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"))
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]

    device: Mapped[Device] = relationship(lazy="raise", back_populates="assignments")


class MqttRevocation(Base):
    """Written by triggers: this client's connection must be ended at EMQX."""

    __tablename__ = "mqtt_revocations"

    client_id: Mapped[str] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]


class DirtyVehicle(Base):
    """An order to ingest: fold this vehicle's pings again from `from_time`; None = from the first ping."""

    __tablename__ = "dirty_vehicles"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    from_time: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="late")
    marked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
