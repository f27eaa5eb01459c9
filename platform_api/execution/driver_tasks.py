"""A driver's orders and what he has to do for each, in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.errors import Forbidden
from platform_api.execution.models import DeliveryCode, DriverAction, OrderCrew
from platform_api.execution.reckoning import ANSWER_WITHIN, Kind, Verdict
from platform_api.execution.steps import OrderFacts, Spot, Step, StopFacts, steps_of, urgency
from platform_api.orders import repository
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.rules import UNDERWAY, OrderStatus

# One truck has one order at a time; a driver of several trucks has a few.
MOST_ORDERS = 20


@dataclass(frozen=True, slots=True)
class Task:
    order: Order
    steps: Sequence[Step]


def tasks_of(session: Session, actor: Actor, now: datetime) -> list[Task]:
    """The order that he is at first. Raises Forbidden `role_not_allowed` for who is no driver."""
    if actor.role is not Role.DRIVER:
        raise Forbidden("role_not_allowed", "Only drivers have tasks.")
    orders = session.scalars(
        select(Order)
        .where(Order.driver_id == actor.user_id, Order.status.in_(UNDERWAY))
        .order_by(Order.assigned_at, Order.id)
        .limit(MOST_ORDERS)
    ).all()
    if not orders:
        return []
    ids = [order.id for order in orders]
    stops = repository.stops_of(session, ids)
    crews = _crews(session, ids)
    said = _said(session, ids)
    demanded = set(
        session.scalars(
            select(DeliveryCode.order_id).where(DeliveryCode.order_id.in_(ids), DeliveryCode.required)
        )
    )
    tasks = []
    for order in orders:
        crew = crews.get(order.id)
        facts = _facts(order, crew, stops.get(order.id, ()), said.get(order.id, ()), order.id in demanded)
        tasks.append(Task(order, steps_of(facts, now)))
    return sorted(tasks, key=_urgency)


def _urgency(task: Task) -> tuple[int, datetime]:
    assert task.order.assigned_at is not None
    return urgency(OrderStatus(task.order.status), task.order.pickup_opens_at, task.order.assigned_at)


def _crews(session: Session, ids: Sequence[UUID]) -> dict[UUID, OrderCrew]:
    """The last crew of each order that had more than the award's."""
    rows = session.scalars(select(OrderCrew).where(OrderCrew.order_id.in_(ids)).order_by(OrderCrew.id))
    return {crew.order_id: crew for crew in rows}


def _said(session: Session, ids: Sequence[UUID]) -> dict[UUID, list[DriverAction]]:
    rows = session.scalars(
        select(DriverAction)
        .where(
            DriverAction.order_id.in_(ids),
            DriverAction.kind.in_((Kind.ACCEPT, Kind.ARRIVED)),
            DriverAction.verdict == Verdict.APPLIED,
        )
        .order_by(DriverAction.at, DriverAction.id)
    )
    found: dict[UUID, list[DriverAction]] = {}
    for row in rows:
        found.setdefault(row.order_id, []).append(row)
    return found


def _facts(
    order: Order,
    crew: OrderCrew | None,
    stops: Sequence[OrderStop],
    said: Sequence[DriverAction],
    code_required: bool,
) -> OrderFacts:
    assert order.assigned_at is not None
    since = crew.since if crew is not None and crew.since >= order.assigned_at else order.assigned_at
    own = [row for row in said if crew is None or row.crew_id in (None, crew.id)]
    stated: dict[str, datetime] = {}
    for row in own:
        if row.kind == Kind.ARRIVED:
            place = str(row.body.get("stop") if row.body["place"] == "stop" else row.body["place"])
            stated.setdefault(place, row.at)
    return OrderFacts(
        pickup=Spot(
            order.pickup_name, order.pickup_lat, order.pickup_lon, order.pickup_opens_at, order.pickup_closes_at,
            order.pickup_contact_name, order.pickup_contact_phone, order.instructions,
        ),
        delivery=Spot(
            order.delivery_name, order.delivery_lat, order.delivery_lon, order.delivery_opens_at,
            order.delivery_closes_at, order.delivery_contact_name, order.delivery_contact_phone,
        ),
        answer_until=since + ANSWER_WITHIN,
        stops=[_stop(stop) for stop in stops],
        answered_at=next((row.at for row in own if row.kind == Kind.ACCEPT), None),
        arrived_pickup_at=order.arrived_pickup_at,
        picked_up_at=order.picked_up_at,
        arrived_delivery_at=order.arrived_delivery_at,
        delivered_at=order.delivered_at,
        stated=stated,
        code_required=code_required,
    )  # fmt: skip


def _stop(stop: OrderStop) -> StopFacts:
    spot = Spot(
        stop.name, stop.lat, stop.lon, stop.opens_at, stop.closes_at, stop.contact_name, stop.contact_phone,
        stop.goods_note,
    )  # fmt: skip
    return StopFacts(stop.sequence, stop.kind, spot, stop.arrived_at, stop.departed_at)
