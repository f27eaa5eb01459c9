"""Rows of vehicles, devices, and which device sat in which vehicle when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from platform_api.models_base import Base


class Vehicle(Base):
    __tablename__ = "vehicles"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    plate: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    capacity_kg: Mapped[int | None] = mapped_column(Integer)
    available: Mapped[bool] = mapped_column(server_default="true")
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


class DirtyVehicle(Base):
    """An order to ingest: fold this vehicle's pings again from `from_time`; None = from the first ping."""

    __tablename__ = "dirty_vehicles"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    from_time: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(server_default="late")
    marked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
