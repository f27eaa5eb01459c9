"""What the crew does on the road: loading and delivery. Each under the order's row lock; the edge commits."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from geofence.geojson import parse_shape
from geofence.shapes import signed_distance_m
from platform_api.actor import Actor
from platform_api.execution import rules
from platform_api.orders import visits
from platform_api.orders.following import refresh
from platform_api.orders.models import Order
from platform_api.orders.progress import Place
from platform_api.orders.recording import record
from platform_api.orders.rules import Action, OrderStatus
from platform_api.orders.service import locked_order


def confirm_loading(
    session: Session, actor: Actor, order_id: UUID, *, at: datetime | None = None, now: datetime
) -> Order:
    """The crew's word counts more than the fence: `picked_up_at` is the time they give."""
    order, facts = locked_order(session, actor, order_id)
    loaded_at = rules.confirm_loading(facts, actor, now, at=at)
    if loaded_at is None:
        return order
    told = order.picked_up_at
    order.picked_up_at = loaded_at
    record(
        session,
        order,
        Action.LOADING_CONFIRMED,
        now=now,
        to_status=rules.status_once_loaded(facts.status),
        event_time=loaded_at,
        actor=actor,
        evidence={"picked_up_at_before": told.isoformat()} if told else {},
    )
    # The row is a fact that the next line reads.
    session.flush()
    refresh(session, order, now)
    return order


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the driver notes at the door. `accuracy_m` is what his phone claims of the position."""

    receiver_name: str
    note: str = ""
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None


def proof_of_delivery(
    session: Session,
    actor: Actor,
    order_id: UUID,
    receipt: Receipt,
    *,
    at: datetime | None = None,
    now: datetime,
) -> Order:
    """DELIVERED at the time the driver gives, offline or not; what speaks against it is flagged, not refused."""
    order, facts = locked_order(session, actor, order_id)
    time = at or now
    distance_m = _distance_to_delivery_m(order, receipt)
    delivery = rules.proof_of_delivery(
        facts,
        actor,
        now,
        at=at,
        distance_m=distance_m,
        accuracy_m=receipt.accuracy_m,
        seen_at_fence=_seen_at_delivery(session, order, time),
    )
    if delivery is None:
        return order
    order.delivered_at = delivery.at
    record(
        session,
        order,
        Action.PROOF_OF_DELIVERY,
        now=now,
        to_status=OrderStatus.DELIVERED,
        event_time=delivery.at,
        actor=actor,
        evidence={
            **asdict(receipt),
            "distance_m": None if distance_m is None else round(distance_m, 1),
            "flags": list(delivery.flags),
        },
    )
    refresh(session, order, now)
    return order


def _distance_to_delivery_m(order: Order, receipt: Receipt) -> float | None:
    if receipt.lat is None or receipt.lon is None:
        return None
    shape = parse_shape(order.delivery_shape)
    return float(signed_distance_m(shape, np.array([receipt.lon]), np.array([receipt.lat]))[0])


def _seen_at_delivery(session: Session, order: Order, time: datetime) -> bool:
    stays = (seen.visit for seen in visits.visits_of(session, order).values())
    return any(stay.place is Place.DELIVERY and not stay.inferred and stay.holds(time) for stay in stays)
