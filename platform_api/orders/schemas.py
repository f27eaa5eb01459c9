"""What the order endpoints take and answer; an order as it is sent is in `bodies`."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import object_session

from platform_api.actor import Actor
from platform_api.orders import repository
from platform_api.orders.bodies import Body, Latitude, Longitude, OrderIn, Text
from platform_api.orders.cancelling import CancelReason, Cost, WithdrawalReason
from platform_api.orders.content import Bidding
from platform_api.orders.models import Order, OrderHistory, OrderStop
from platform_api.orders.money import is_customer, shown_evidence, shown_prices
from platform_api.orders.rules import SHOWN_TO_BIDDERS, OrderStatus
from platform_api.orders.service import is_party, price_facts
from platform_api.waybills.rules import is_waybill_missing

__all__ = ["Latitude", "Longitude", "OrderIn", "Text"]


class PlaceOut(BaseModel):
    name: str
    lat: float
    lon: float
    shape: dict[str, Any]


class WindowOut(BaseModel):
    opens_at: datetime | None
    closes_at: datetime | None

    @classmethod
    def of(cls, opens_at: datetime | None, closes_at: datetime | None) -> Self | None:
        return cls(opens_at=opens_at, closes_at=closes_at) if opens_at or closes_at else None


class ContactOut(BaseModel):
    """`phone` in E.164."""

    name: str
    phone: str

    @classmethod
    def of(cls, name: str | None, phone: str | None) -> Self | None:
        return cls(name=name, phone=phone) if name is not None and phone is not None else None


class StopOut(BaseModel):
    """Times are event times. Contact and times are null for those who only bid."""

    sequence: int
    kind: Literal["pickup", "delivery"]
    place: PlaceOut
    window: WindowOut | None
    goods_note: str
    contact: ContactOut | None = None
    arrived_at: datetime | None = None
    departed_at: datetime | None = None

    @classmethod
    def of(cls, stop: OrderStop, *, party: bool) -> Self:
        return cls(
            sequence=stop.sequence,
            kind="pickup" if stop.kind == "pickup" else "delivery",
            place=PlaceOut(name=stop.name, lat=stop.lat, lon=stop.lon, shape=stop.shape),
            window=WindowOut.of(stop.opens_at, stop.closes_at),
            goods_note=stop.goods_note,
            contact=ContactOut.of(stop.contact_name, stop.contact_phone) if party else None,
            arrived_at=stop.arrived_at if party else None,
            departed_at=stop.departed_at if party else None,
        )


class OrderOut(BaseModel):
    """Times of the journey are event times.

    Null for those who only bid: what the goods are worth, who to call, who won, for how much, and the
    journey; `target_xof` unless the shipper shows it.
    """

    id: UUID
    reference: str = Field(examples=["MESS-26-7K3QX9P"])
    status: OrderStatus
    shipper_id: UUID
    broker_id: UUID | None
    bidding: Bidding
    goods: str
    category: str | None
    packaging: str | None
    packages: int | None
    weight_kg: int | None
    volume_m3: float | None
    needs: list[str]
    temperature_min_c: float | None
    temperature_max_c: float | None
    un_number: str | None
    vehicle_type: str | None
    pickup: PlaceOut
    delivery: PlaceOut
    pickup_window: WindowOut | None
    delivery_window: WindowOut | None
    stops: list[StopOut]
    instructions: str
    target_xof: int | None
    target_shown: bool
    planned_route: list[list[float]] | None
    created_at: datetime
    updated_at: datetime
    posted_at: datetime | None
    expires_at: datetime | None
    version: int | None = None
    value_xof: int | None = None
    pickup_contact: ContactOut | None = None
    delivery_contact: ContactOut | None = None
    carrier_id: UUID | None = None
    driver_id: UUID | None = None
    vehicle_id: int | None = None
    agreed_xof: int | None = Field(default=None, description="what you pay, or are paid")
    customer_xof: int | None = Field(default=None, description="for a freight broker and his customer")
    margin_xof: int | None = Field(default=None, description="for the freight broker alone")
    assigned_at: datetime | None = None
    arrived_pickup_at: datetime | None = None
    picked_up_at: datetime | None = None
    departed_pickup_at: datetime | None = None
    arrived_delivery_at: datetime | None = None
    departed_delivery_at: datetime | None = None
    delivered_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    waybill_number: int | None = None
    waybill_missing: bool = Field(
        default=False, description="more than 7 t on the way without a waybill (UEMOA regulation 14/2005)"
    )
    # only where a list is asked for what is near
    distance_km: float | None = None

    @classmethod
    def of(cls, order: Order, stops: Sequence[OrderStop], actor: Actor) -> Self:
        party, facts = is_party(order, actor), price_facts(order)
        known = {name: getattr(order, name) for name in _FOR_ALL}
        known |= {name: getattr(order, name) for name in _FOR_PARTIES if party}
        if party:
            known |= asdict(shown_prices(facts, actor))
            known["waybill_missing"] = is_waybill_missing(
                OrderStatus(order.status), order.weight_kg, order.waybill_number
            )
            known["pickup_contact"] = ContactOut.of(order.pickup_contact_name, order.pickup_contact_phone)
            known["delivery_contact"] = ContactOut.of(
                order.delivery_contact_name, order.delivery_contact_phone
            )
        # What a freight broker thinks of paying is not his customer's business.
        target_hidden = is_customer(facts, actor) or not (party or order.target_shown)
        return cls(
            **known,
            bidding=Bidding(order.bidding),
            status=_shown_status(order, party=party),
            pickup=PlaceOut(
                name=order.pickup_name, lat=order.pickup_lat, lon=order.pickup_lon, shape=order.pickup_shape
            ),
            delivery=PlaceOut(
                name=order.delivery_name,
                lat=order.delivery_lat,
                lon=order.delivery_lon,
                shape=order.delivery_shape,
            ),
            pickup_window=WindowOut.of(order.pickup_opens_at, order.pickup_closes_at),
            delivery_window=WindowOut.of(order.delivery_opens_at, order.delivery_closes_at),
            stops=[StopOut.of(stop, party=party) for stop in stops],
            target_xof=None if target_hidden else order.target_xof,
            updated_at=order.updated_at if party else order.created_at,
        )


_FOR_ALL = (
    "id", "reference", "shipper_id", "broker_id", "goods", "category", "packaging", "packages", "weight_kg", "volume_m3", "needs",
    "temperature_min_c", "temperature_max_c", "un_number", "vehicle_type", "instructions", "target_shown",
    "planned_route", "created_at", "posted_at", "expires_at", "cancelled_at",
)  # fmt: skip
_FOR_PARTIES = (
    "version", "value_xof", "carrier_id", "driver_id", "vehicle_id", "assigned_at", "arrived_pickup_at",
    "picked_up_at", "departed_pickup_at", "arrived_delivery_at", "departed_delivery_at", "delivered_at",
    "completed_at", "cancel_reason", "waybill_number",
)  # fmt: skip


def shown_order(order: Order, actor: Actor) -> OrderOut:
    """What this actor is shown of an order that he may know of."""
    return shown_orders([order], actor)[0]


def shown_orders(orders: Sequence[Order], actor: Actor) -> list[OrderOut]:
    """The same of several of one session, with one query for the stops of all."""
    if not orders:
        return []
    session = object_session(orders[0])
    assert session is not None  # rows are shown while their transaction is open
    stops = repository.stops_of(session, [order.id for order in orders])
    return [OrderOut.of(order, stops.get(order.id, ()), actor) for order in orders]


def _shown_status(order: Order, *, party: bool) -> OrderStatus:
    status = OrderStatus(order.status)
    return status if party or status in SHOWN_TO_BIDDERS else OrderStatus.ASSIGNED


class CancelIn(Body):
    """`reason`: in words, needed where the code is `other`."""

    reason_code: CancelReason = CancelReason.OTHER
    reason: Text = ""


class WithdrawIn(Body):
    """`note`: in words, needed where the code is `other`."""

    reason_code: WithdrawalReason
    note: Text = ""


class CancellationOut(BaseModel):
    """`fee_xof` = `percent` of the price you agreed to, at least `minimum_xof`, at most all of it; 0 where it is free."""

    fee_xof: int
    stage: Literal["not_awarded", "assigned", "arrived"]
    percent: int
    minimum_xof: int
    free_because: Literal["not_awarded", "carrier_late", "no_fee"] | None

    @classmethod
    def of(cls, cost: Cost) -> Self:
        return cls(
            fee_xof=cost.amount_xof,
            stage=cost.stage,
            percent=cost.percent,
            minimum_xof=cost.minimum_xof,
            free_because=cost.free_because,
        )


class FeeOut(BaseModel):
    """`debtor_id` owes `creditor_id`; `basis`: the rule as it was applied."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    order_id: UUID
    kind: Literal["cancellation", "refund"]
    debtor_id: UUID
    creditor_id: UUID
    amount_xof: int
    basis: dict[str, Any]
    created_at: datetime


class HistoryOut(BaseModel):
    """`event_time`: when it happened; `recorded_at`: when the platform learned of it."""

    id: int
    action: str
    from_status: str | None
    to_status: str
    actor_kind: str
    actor_id: UUID | None
    crossing_id: int | None
    event_time: datetime
    recorded_at: datetime
    evidence: dict[str, Any]

    @classmethod
    def of(cls, row: OrderHistory, order: Order, actor: Actor) -> Self:
        """As this actor is shown it: evidence and names for the order's parties and for whom it concerns."""
        concerned = row.party_id == actor.party_id or row.evidence.get("carrier_id") == str(actor.party_id)
        shown = concerned or is_party(order, actor)
        return cls(
            id=row.id,
            action=row.action,
            from_status=row.from_status,
            to_status=row.to_status,
            actor_kind=row.actor_kind,
            actor_id=row.actor_id if shown else None,
            crossing_id=row.crossing_id if shown else None,
            event_time=row.event_time,
            recorded_at=row.recorded_at,
            evidence=shown_evidence(row.evidence, price_facts(order), actor) if shown else {},
        )
