"""Watching the way of an order: its events are made to say what visits and intervals say, and told. The edge commits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.alerts import service as alerts
from platform_api.orders import repository as orders
from platform_api.orders.models import Order
from platform_api.orders.rules import parties_of
from platform_api.watch import deriving, repository, rules
from platform_api.watch.models import RouteEvent
from platform_api.watch.rules import Comparison, Event, Kind, Told

# Of the alert that tells of it.
_ALERT_KINDS = {Kind.DEVIATION: "corridor_deviation", Kind.UNPLANNED_STOP: "unplanned_stop"}
NOTHING = Comparison((), (), ())


def judge(session: Session, order_id: UUID, now: datetime) -> Comparison:
    """Bring the events of this order's journey up to date. Idempotent; two at once wait for each other."""
    order = orders.lock_order(session, order_id)
    if order is None or order.vehicle_id is None:
        repository.take_due(session, order_id)
        return NOTHING
    if repository.is_being_folded(session, order.vehicle_id):
        # Of a fence just made nothing is known yet: the truck would seem to be outside of it.
        return NOTHING
    repository.take_due(session, order_id)
    way = rules.journey(
        departed_pickup_at=order.departed_pickup_at,
        arrived_delivery_at=order.arrived_delivery_at,
        delivered_at=order.delivered_at,
        seen_at=repository.seen_at(session, order.vehicle_id),
    )
    if way is not None and way.over and way.until < now - timedelta(days=get_settings().lateness_days):
        # Nothing that comes now is folded into that time, and retention may have taken what proves it.
        return NOTHING
    plan = repository.current_plan(session, order_id)
    derived = [] if way is None else deriving.derive(session, order, way, plan)
    rows = {(row.kind, row.cause): row for row in repository.events(session, order_id)}
    found = rules.compare([_told(row) for row in rows.values()], derived)
    for event in found.news:
        _write(session, order, rows.get((event.kind, event.cause)), event, now)
        _tell(session, order, event, now)
    for event in found.growing:
        rows[event.kind, event.cause].evidence = dict(event.evidence)
    for gone in found.withdrawn:
        row = rows[gone.kind, gone.cause]
        row.withdrawn_at = row.updated_at = now
        row.revision += 1
        alerts.withdraw_alert(session, _dedup(order, gone), now=now)
    return found


def _told(row: RouteEvent) -> Told:
    return Told(Kind(row.kind), row.cause, row.started_at, row.ended_at, row.withdrawn_at is not None)


def _write(session: Session, order: Order, row: RouteEvent | None, event: Event, now: datetime) -> None:
    if row is None:
        row = RouteEvent(
            order_id=order.id,
            vehicle_id=order.vehicle_id,
            kind=event.kind,
            cause=event.cause,
            revision=0,
            recorded_at=now,
        )
        session.add(row)
    else:
        row.revision += 1
    row.started_at, row.ended_at = event.started_at, event.ended_at
    row.evidence = dict(event.evidence)
    row.updated_at, row.withdrawn_at = now, None


def _tell(session: Session, order: Order, event: Event, now: datetime) -> None:
    """To the parties; an event that is over is told as over."""
    assert order.vehicle_id is not None
    dedup = _dedup(order, event)
    facts = _facts(order, repository.plate(session, order.vehicle_id), event)
    for party_id in recipients(order):
        alerts.raise_alert(
            session,
            party_id=party_id,
            kind=_ALERT_KINDS[event.kind],
            at=event.started_at,
            now=now,
            order_id=order.id,
            vehicle_id=order.vehicle_id,
            facts=facts,
            dedup=dedup,
        )
    if event.ended_at is not None:
        alerts.end_alert(session, dedup, at=event.ended_at, now=now)


def recipients(order: Order) -> Sequence[UUID]:
    """The parties of an order that has a carrier."""
    return parties_of(order.shipper_id, order.broker_id, order.carrier_id)


def _facts(order: Order, plate: str, event: Event) -> dict[str, object]:
    evidence = event.evidence
    facts: dict[str, object] = {
        "reference": order.reference,
        "plate": plate,
        "pickup": order.pickup_name,
        "delivery": order.delivery_name,
        "minutes": round(evidence["lasted_s"] / 60),
    }
    if event.kind is Kind.UNPLANNED_STOP:
        place = {"lat": evidence["lat"], "lon": evidence["lon"]}
        return facts | place | {"stopped_at": event.started_at.isoformat()}
    farthest = evidence["farthest"]
    return facts | {
        "left_at": event.started_at.isoformat(),
        "width_m": round(evidence["width_m"]),
        "distance_m": max(round(farthest["distance_m"]), 0) if farthest else 0,
    }


def _dedup(order: Order, event: Event | Told) -> str:
    return f"{event.kind}/{order.id}/{event.cause}"
