"""Rows of planned routes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class PlannedRoute(Base):
    """One current row an order (`superseded_at` None). `line`: polyline6; `legs`: [{distance_m, duration_s}]."""

    __tablename__ = "planned_routes"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    source: Mapped[str]
    degraded: Mapped[bool]
    line: Mapped[str]
    legs: Mapped[list[Any]]
    distance_m: Mapped[float]
    duration_s: Mapped[float]
    fingerprint: Mapped[str]
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    # the corridor along it
    geofence_id: Mapped[int | None] = mapped_column(ForeignKey("geofences.id"))
    width_m: Mapped[float | None]
    made_at: Mapped[datetime]
    checked_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
