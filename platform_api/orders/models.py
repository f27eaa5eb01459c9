"""Rows of orders and their history. Columns and nothing else; decisions are in `rules`."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, FetchedValue, ForeignKey, Identity, Integer, Text, func
from sqlalchemy.dialects.postgresql import TSVECTOR
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
    # for people, made by the database
    reference: Mapped[str] = mapped_column(server_default=FetchedValue())
    # grows with every change
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    category: Mapped[str | None]
    packaging: Mapped[str | None]
    packages: Mapped[int | None] = mapped_column(Integer)
    volume_m3: Mapped[float | None]
    value_xof: Mapped[int | None]
    needs: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default="{}")
    temperature_min_c: Mapped[float | None]
    temperature_max_c: Mapped[float | None]
    un_number: Mapped[str | None]
    vehicle_type: Mapped[str | None] = mapped_column(ForeignKey("vehicle_types.code"))
    pickup_opens_at: Mapped[datetime | None]
    pickup_closes_at: Mapped[datetime | None]
    delivery_opens_at: Mapped[datetime | None]
    delivery_closes_at: Mapped[datetime | None]
    pickup_contact_name: Mapped[str | None]
    pickup_contact_phone: Mapped[str | None]
    delivery_contact_name: Mapped[str | None]
    delivery_contact_phone: Mapped[str | None]
    contacts_forgotten_at: Mapped[datetime | None]
    instructions: Mapped[str] = mapped_column(server_default="")
    target_xof: Mapped[int | None]
    target_shown: Mapped[bool] = mapped_column(server_default="false")
    posted_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    # names of its stops, a copy for the search
    stop_names: Mapped[str] = mapped_column(server_default="")
    # words of goods, places and stops, made by the database
    search: Mapped[str | None] = mapped_column(TSVECTOR(), FetchedValue(), deferred=True)
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
    # sealed or open
    bidding: Mapped[str] = mapped_column(default="sealed")
    # kept from the market while a private offer lives
    hidden: Mapped[bool] = mapped_column(default=False)
    broker_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    # what the customer pays his broker: see `money` for who is shown which price
    customer_xof: Mapped[int | None]
    assigned_at: Mapped[datetime | None]
    arrived_pickup_at: Mapped[datetime | None]
    picked_up_at: Mapped[datetime | None]
    departed_pickup_at: Mapped[datetime | None]
    arrived_delivery_at: Mapped[datetime | None]
    departed_delivery_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    # of the waybill in force
    waybill_number: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OrderStop(Base):
    """Between the first pickup and the last delivery, in the order of `sequence`."""

    __tablename__ = "order_stops"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    sequence: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str]
    name: Mapped[str]
    lat: Mapped[float]
    lon: Mapped[float]
    # GeoJSON Feature
    shape: Mapped[dict[str, Any]]
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    contact_name: Mapped[str | None]
    contact_phone: Mapped[str | None]
    goods_note: Mapped[str] = mapped_column(server_default="")
    geofence_id: Mapped[int | None] = mapped_column(ForeignKey("geofences.id"))
    arrived_at: Mapped[datetime | None]
    departed_at: Mapped[datetime | None]


class OrderDocument(Base):
    __tablename__ = "order_documents"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"))
    kind: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    uploaded_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))


class OrderFee(Base):
    """A claim: `debtor_id` owes `creditor_id`. `basis`: the rule as it was applied."""

    __tablename__ = "order_fees"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    kind: Mapped[str]
    debtor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    creditor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    amount_xof: Mapped[int]
    basis: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class OrderWithdrawal(Base):
    """A carrier gave an assigned order back to the market."""

    __tablename__ = "order_withdrawals"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    bid_id: Mapped[UUID | None] = mapped_column(ForeignKey("bids.id"))
    reason: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str]
    assigned_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime]
    withdrawn_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))


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
    # for whom he acted
    party_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    # the table is read by SQL text: no class maps it
    crossing_id: Mapped[int | None]
    event_time: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    evidence: Mapped[dict[str, Any]]
