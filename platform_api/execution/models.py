"""Rows of crews, of what they said, and of the consignee's code."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Identity, Integer, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class OrderCrew(Base):
    """Who was put on an order and since when; the last row is the present crew."""

    __tablename__ = "order_crews"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    driver_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    since: Mapped[datetime]
    # the fence that watched its truck there; None = as before 0020, when nobody wrote it down
    pickup_geofence_id: Mapped[int | None] = mapped_column(ForeignKey("geofences.id"))
    # None = by the award itself
    put_on_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))


class DriverAction(Base):
    """What somebody of the crew said, taken or not. `at` is his clock's, `recorded_at` ours."""

    __tablename__ = "driver_actions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    # may name an order that is none of the sender's, so it is no foreign key
    order_id: Mapped[UUID]
    crew_id: Mapped[int | None] = mapped_column(ForeignKey("order_crews.id"))
    source: Mapped[str]
    kind: Mapped[str]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    body: Mapped[dict[str, Any]]
    code_verdict: Mapped[str | None]
    fingerprint: Mapped[str]
    verdict: Mapped[str]
    refusal: Mapped[str | None]
    flags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)


class DriverActionFile(Base):
    """A photo or signature that an action refers to."""

    __tablename__ = "driver_action_files"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "action_id"], ["driver_actions.user_id", "driver_actions.id"]),
    )

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    action_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"), primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]


class DeliveryCode(Base):
    """The code itself is computed (`execution.codes`), so that nobody reads it in the database."""

    __tablename__ = "delivery_codes"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    serial: Mapped[int] = mapped_column(Integer, default=1)
    required: Mapped[bool] = mapped_column(default=False)
    misses: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime]
    renewed_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
