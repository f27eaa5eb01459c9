"""Rows of orders and their history. Columns and nothing else; decisions are in `rules`."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Order(Base):
    """Times of the journey are event times; see the schema."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    shipper_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    status: Mapped[str]
    goods: Mapped[str]
    weight_kg: Mapped[int | None] = mapped_column(Integer)
    pickup_name: Mapped[str]
    pickup_lat: Mapped[float]
    pickup_lon: Mapped[float]
    # GeoJSON Feature
    pickup_shape: Mapped[dict[str, Any]]
    delivery_name: Mapped[str]
    delivery_lat: Mapped[float]
    delivery_lon: Mapped[float]
    delivery_shape: Mapped[dict[str, Any]]
    pickup_geofence_id: Mapped[int | None] = mapped_column(ForeignKey("geofences.id"))
    delivery_geofence_id: Mapped[int | None] = mapped_column(ForeignKey("geofences.id"))
    # positions in lon, lat order
    planned_route: Mapped[list[Any] | None]
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    agreed_xof: Mapped[int | None]
    assigned_at: Mapped[datetime | None]
    arrived_pickup_at: Mapped[datetime | None]
    picked_up_at: Mapped[datetime | None]
    departed_pickup_at: Mapped[datetime | None]
    arrived_delivery_at: Mapped[datetime | None]
    departed_delivery_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OrderHistory(Base):
    """Append-only. `event_time`: when it happened; `recorded_at`: when the platform learned of it."""

    __tablename__ = "order_history"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    action: Mapped[str]
    from_status: Mapped[str | None]
    to_status: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    # the table is read by SQL text: no class maps it
    crossing_id: Mapped[int | None]
    event_time: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    evidence: Mapped[dict[str, Any]]
