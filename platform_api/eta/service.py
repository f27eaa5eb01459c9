"""Estimated arrivals: computed by a task when new positions came, kept, told to viewers. The edge commits."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from config.database import after_commit
from config.logging import get_logger
from config.redis import order_channel, sync_redis
from config.settings import get_settings
from platform_api.alerts import service as alerts
from platform_api.eta import repository, resting, rules
from platform_api.eta.models import OrderEta
from platform_api.eta.resting import Rest
from platform_api.eta.rules import Estimate, Line, Observed, Way
from platform_api.fleet.models import Vehicle
from platform_api.orders.crew_since import crew_since
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.rules import UNDERWAY, parties_of
from platform_api.routing.lines import legs_of, points_of
from platform_api.routing.models import PlannedRoute
from platform_api.routing.plan import Assumed, Point, distance_m, straight_line
from platform_api.telemetry import service as telemetry
from platform_api.tracking import repository as tracking
from platform_api.tracking import route
from platform_api.tracking.repository import LastPosition
from platform_api.tracking.rules import Window
from platform_api.tracking.times import rfc3339

log = get_logger(__name__)

# How far back the truck's own speed is looked at, and in how many fixes at most.
LOOK_BACK = timedelta(minutes=60)
_FIXES = 360
# Who has stood for no pause in a day has other troubles.
DRIVEN_BACK = timedelta(hours=24)


def refresh(session: Session, order_id: UUID, now: datetime) -> OrderEta | None:
    """The order's estimate from its truck's newest position; None when there is nothing to estimate (any more)."""
    order = repository.find_order(session, order_id)
    row = repository.lock_eta(session, order_id)
    if order is None:
        return None
    if order.vehicle_id is None or order.status not in UNDERWAY or order.arrived_delivery_at is not None:
        if row is not None and row.late_since is not None:
            row.late_since = None
            alerts.end_alert(session, _dedup(order), at=order.arrived_delivery_at or now, now=now)
        return None
    position = tracking.last_position(session, order.vehicle_id)
    since = crew_since(session, order_id)
    if position is None or since is None or position.time < since:
        return None
    plan = repository.current_plan(session, order_id)
    assumed = _assumed()
    way, along_m = _way(session, order, plan, position, _known_m(row, plan), assumed)
    seen = _observed(session, order.vehicle_id, position.time, since)
    rest = _rest()
    trips = repository.trips(
        session, order.vehicle_id, max(since, position.time - DRIVEN_BACK), position.time
    )
    found = rules.estimate(
        way,
        seen,
        position_time=position.time,
        assumed=assumed,
        rest=rest,
        driven=resting.driven_since_pause(trips, position.time, rest.pause),
    )
    row = _keep(session, row, order, way, found, position, along_m, now)
    _judge_lateness(session, order, row, now)
    _push(session, row)
    return row


def _rest() -> Rest:
    settings = get_settings()
    begins, ends = settings.eta_night_from, settings.eta_night_until
    return Rest(
        timedelta(minutes=settings.eta_pause_minutes),
        timedelta(minutes=settings.eta_pause_after_minutes),
        None if begins is None or ends is None else (begins, ends),
    )


def current(session: Session, order_id: UUID, vehicle_id: int | None) -> OrderEta | None:
    """What is thought of the truck that is on the order; of one that was on it before, nothing."""
    row = repository.find_eta(session, order_id)
    if row is None or vehicle_id is None:
        return None
    since = crew_since(session, order_id)
    return row if since is not None and row.position_time >= since else None


def _known_m(row: OrderEta | None, plan: PlannedRoute | None) -> float:
    """How far along this plan the truck has been; of another plan it says nothing."""
    return 0.0 if row is None or plan is None or plan.made_at > row.computed_at else row.along_m


def _assumed() -> Assumed:
    settings = get_settings()
    return Assumed(settings.routing_assumed_kmh, settings.routing_detour)


def _way(
    session: Session,
    order: Order,
    plan: PlannedRoute | None,
    position: LastPosition,
    known_m: float,
    assumed: Assumed,
) -> tuple[Way, float]:
    """What is left, and how far along the plan the truck is."""
    stops = repository.stops_of(session, order.id)
    left = [stop for stop in stops if stop.departed_at is None]
    at: Point = (position.lon, position.lat)
    stays_s = _stays_s(order, left, position.time)
    pickup: Point = (order.pickup_lon, order.pickup_lat)
    delivery: Point = (order.delivery_lon, order.delivery_lat)
    before_pickup = order.departed_pickup_at is None
    ahead = [*([pickup] if before_pickup else []), *((stop.lon, stop.lat) for stop in left), delivery]
    if plan is None or plan.degraded:
        rest = straight_line([at, *ahead], assumed)
        return Way(rest.distance_m, rest.duration_s, stays_s, len(left), planned=False), 0.0
    line, legs = Line(points_of(plan)), legs_of(plan)
    if before_pickup:
        to_pickup_m = 0.0 if order.arrived_pickup_at else distance_m(at, pickup) * assumed.detour
        left_m, left_s = rules.along_plan(line, legs, 0.0, 0.0, assumed)
        way = Way(
            left_m + to_pickup_m, left_s + assumed.seconds(to_pickup_m), stays_s, len(left), planned=True
        )
        return way, 0.0
    done = len(stops) - len(left)
    since_m = max(rules.leg_start_m(line, legs, done), min(known_m, line.length_m))
    along_m, beside_m = line.match(at, since_m)
    left_m, left_s = rules.along_plan(line, legs, along_m, beside_m, assumed)
    return Way(left_m, left_s, stays_s, len(left), planned=True), along_m


def _stays_s(order: Order, left: list[OrderStop], time: datetime) -> float:
    """At the pickup until the goods are loaded, and at each stop before the last."""
    service_s = get_settings().stop_service_minutes * 60
    total = sum(rules.stay_left_s(service_s, stop.arrived_at, time) for stop in left)
    if order.departed_pickup_at is None and order.picked_up_at is None:
        total += rules.stay_left_s(service_s, order.arrived_pickup_at, time)
    return total


def _observed(session: Session, vehicle_id: int, until: datetime, since: datetime) -> Observed:
    judged_by = telemetry.rules_of_vehicle(session, vehicle_id)
    window = Window(max(until - LOOK_BACK, since), until)
    bucket_s = max((until - window.start).total_seconds() / _FIXES, 1.0)
    fixes = tracking.fixes(
        session, vehicle_id, window, until, bucket_s=bucket_s, before=timedelta(seconds=judged_by.takeover_s)
    )
    counted = [
        fix for fix in route.arbitrate(fixes, judged_by, bucket_s=bucket_s) if fix.time >= window.start
    ]
    used = route.without_spikes(counted, judged_by.max_speed_kmh)
    return rules.observed([fix.time.timestamp() for fix in used], [(fix.lon, fix.lat) for fix in used])


def _keep(
    session: Session,
    row: OrderEta | None,
    order: Order,
    way: Way,
    found: Estimate,
    position: LastPosition,
    along_m: float,
    now: datetime,
) -> OrderEta:
    if row is None:
        row = OrderEta(order_id=order.id)
        session.add(row)
    for name, value in asdict(found).items():
        setattr(row, name, value)
    row.method = "plan" if way.planned else "straight_line"
    row.remaining_m, row.stops_left, row.along_m = way.remaining_m, way.stops_left, along_m
    row.position_time, row.computed_at = position.time, now
    session.flush()
    return row


def _judge_lateness(session: Session, order: Order, row: OrderEta, now: datetime) -> None:
    """Against the end of the delivery's window, for the parties."""
    if order.delivery_closes_at is None:
        return
    settings = get_settings()
    late_by = row.eta_at - order.delivery_closes_at
    was_late = row.late_since is not None
    late = rules.is_late(
        was_late,
        late_by,
        alert=timedelta(minutes=settings.late_alert_minutes),
        clear=timedelta(minutes=settings.late_clear_minutes),
    )
    if late and not was_late:
        row.late_since = row.position_time
        _tell_late(session, order, row, late_by, now)
    elif was_late and not late:
        row.late_since = None
        alerts.end_alert(session, _dedup(order), at=row.position_time, now=now)


def _tell_late(session: Session, order: Order, row: OrderEta, late_by: timedelta, now: datetime) -> None:
    vehicle = session.get(Vehicle, order.vehicle_id)
    assert vehicle is not None
    assert order.delivery_closes_at is not None
    facts = {
        "reference": order.reference,
        "plate": vehicle.plate,
        "pickup": order.pickup_name,
        "delivery": order.delivery_name,
        "eta_at": row.eta_at.isoformat(),
        "window_end_at": order.delivery_closes_at.isoformat(),
        "late_minutes": round(late_by / timedelta(minutes=1)),
    }
    for party_id in parties_of(order.shipper_id, order.broker_id, order.carrier_id):
        alerts.raise_alert(
            session, party_id=party_id, kind="late_arrival", at=row.position_time, now=now,
            order_id=order.id, vehicle_id=order.vehicle_id, facts=facts, dedup=_dedup(order),
        )  # fmt: skip


def _dedup(order: Order) -> str:
    return f"late_arrival/{order.id}"


def frame(row: OrderEta) -> dict[str, Any]:
    """What viewers of the order are sent."""
    return {
        "type": "eta",
        "order_id": str(row.order_id),
        "eta_at": rfc3339(row.eta_at),
        "low_at": rfc3339(row.low_at),
        "high_at": rfc3339(row.high_at),
        "method": row.method,
        "remaining_m": round(row.remaining_m),
        "position_time": rfc3339(row.position_time),
    }


def _push(session: Session, row: OrderEta) -> None:
    order_id, message = row.order_id, frame(row)
    after_commit(session, lambda: _publish(order_id, message))


def _publish(order_id: UUID, message: dict[str, Any]) -> None:
    try:
        sync_redis().publish(order_channel(order_id), json.dumps(message))
    except RedisError as error:
        log.warning("estimate not sent", order_id=str(order_id), error=str(error))
