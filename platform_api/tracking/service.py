"""Tracking's use cases: an order's pings and route, who is near, and what a socket needs at its start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor, Role
from platform_api.errors import Forbidden, NotFound
from platform_api.pagination import decode_cursor, encode_cursor
from platform_api.privacy import access
from platform_api.privacy.access import Access
from platform_api.telemetry import service as telemetry
from platform_api.tracking import repository, route, rules
from platform_api.tracking.repository import GoingOn, LastPosition, Places
from platform_api.tracking.route import Way
from platform_api.tracking.rules import RankedDriver, Search, TrackedOrder

MAX_PINGS = 2000
DEFAULT_PINGS = 500
# Fixes of one device that a route is made of; longer orders are thinned evenly in time.
MAX_ROUTE_FIXES = 20_000
# A device clock may run ahead of ours (see Settings.max_future_s); its newest pings are shown all the same.
_NO_DEVICE = -1
# Half as many again as are wanted: those that are near on the plane are not quite those that are near.
MOST_AT_FIRST = rules.MAX_DRIVERS * 3 // 2

NEARBY_ROLES = (Role.SHIPPER, Role.BROKER, Role.ADMINISTRATOR, Role.CARRIER)


@dataclass(frozen=True, slots=True)
class PingPage:
    rows: Sequence[Row[Any]]
    next_cursor: str | None
    kinds: frozenset[str] = frozenset()  # of the alarms that this viewer is shown


@dataclass(frozen=True, slots=True)
class Route:
    places: Places
    planned: tuple[route.Coordinate, ...]
    planned_km: float
    actual: Way


@dataclass(frozen=True, slots=True)
class View:
    """What a live viewer starts from."""

    order: TrackedOrder
    position: LastPosition | None
    kinds: frozenset[str] = frozenset()  # of the intervals that this viewer is shown
    going_on: Sequence[GoingOn] = ()
    dispatches: bool = False  # and may hear of what carriers ask


def find_order(session: Session, actor: Actor, order_id: UUID) -> TrackedOrder:
    """Raises NotFound `order_not_found`, also for an order that is not the actor's to follow."""
    order = repository.order(session, order_id)
    if order is None or not rules.may_track(actor, order):
        raise NotFound("order_not_found", "There is no such order, or it is not yours to follow.")
    return order


def list_pings(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    from_time: datetime | None,
    to_time: datetime | None,
    limit: int,
    cursor: str | None,
    now: datetime,
) -> PingPage:
    """Pings of the order's vehicle within the order's window, in event time."""
    order = find_order(session, actor, order_id)
    window = rules.order_window(order)
    if window is None or order.vehicle_id is None:
        return PingPage((), None)
    access.note_read(session, actor, order.driver_id, Access.PINGS_READ, order_id, now=now)
    asked = rules.narrow(window, from_time, to_time, _device_now(now))
    assert asked.end is not None
    after = (asked.start, _NO_DEVICE)
    if cursor is not None:
        after_time, after_device = decode_cursor(cursor, [datetime, int])
        # A cursor of another order or a forged one must not reach before the window.
        after = max(after, (after_time, after_device))
    if after[0] > asked.end:
        return PingPage((), None)
    rows = repository.pings(session, order.vehicle_id, end=asked.end, after=after, limit=limit + 1)
    if len(rows) <= limit:
        return PingPage(rows, None, rules.kinds_for(actor))
    last = rows[limit - 1]
    return PingPage(rows[:limit], encode_cursor([last.time, last.device_id]), rules.kinds_for(actor))


def _device_now(now: datetime) -> datetime:
    """The newest time a stored ping may have: device clocks run ahead a little."""
    return now + timedelta(seconds=get_settings().max_future_s)


def trace_route(session: Session, actor: Actor, order_id: UUID, *, now: datetime) -> Route:
    """The planned and the driven way of an order."""
    order = find_order(session, actor, order_id)
    places = repository.places(session, order_id)
    planned = tuple((lon, lat) for lon, lat in places.planned_route or (places.pickup, places.delivery))
    window = rules.order_window(order)
    actual = route.NOWHERE
    if window is not None and order.vehicle_id is not None:
        access.note_read(session, actor, order.driver_id, Access.ROUTE_READ, order_id, now=now)
        actual = actual_way(session, order.vehicle_id, window, window.end or _device_now(now))
    return Route(places, planned, route.length_km(planned), actual)


def actual_way(session: Session, vehicle_id: int, window: rules.Window, end: datetime) -> Way:
    """By the vehicle's own rules, as ingest has them: both name the same source at every moment."""
    judged_by = telemetry.rules_of_vehicle(session, vehicle_id)
    seconds = (end - window.start).total_seconds()
    if seconds < 0:
        return route.NOWHERE
    bucket_s = max(seconds / MAX_ROUTE_FIXES, 0.001)
    # Whoever is the source when the window begins became it before.
    before = timedelta(seconds=judged_by.takeover_s)
    fixes = repository.fixes(session, vehicle_id, window, end, bucket_s=bucket_s, before=before)
    return route.actual_way(fixes, judged_by, since=window.start, bucket_s=bucket_s)


def find_nearby_drivers(
    session: Session, actor: Actor, *, lat: float, lon: float, radius_km: float, now: datetime
) -> list[RankedDriver]:
    """Free trucks around a point, nearest first; a carrier sees its own."""
    if actor.role not in NEARBY_ROLES and not actor.is_administrator:
        raise Forbidden("role_not_allowed", f"Only for: {', '.join(NEARBY_ROLES)}.")
    own = actor.role is Role.CARRIER and not actor.is_administrator
    within_km, most = (radius_km if own else min(rules.FIRST_RADIUS_KM, radius_km)), MOST_AT_FIRST
    while True:
        search = Search(lat, lon, rules.bounding_box(lat, lon, within_km), most)
        candidates = repository.available(
            session,
            search,
            fresh_since=now - timedelta(minutes=get_settings().driver_fresh_minutes),
            now=now,
            carrier_id=actor.party_id if own else None,
        )
        found = rules.rank(candidates, lat=lat, lon=lon, radius_km=within_km, now=now)
        if not rules.is_certain(search, candidates, found):
            most *= 4
        # Nobody outside the circle is nearer than those in it.
        elif len(found) == rules.MAX_DRIVERS or within_km >= radius_km:
            return found
        else:
            within_km = rules.next_radius(within_km, len(found), wanted=rules.MAX_DRIVERS, most_km=radius_km)


def view_order(session: Session, actor: Actor, order_id: UUID, *, now: datetime) -> View:
    """Where the order stands; of the truck only while it may be followed, and only of its window."""
    order = find_order(session, actor, order_id)
    dispatches = rules.dispatches(actor, order)
    window = rules.order_window(order)
    if window is None or order.vehicle_id is None or not rules.is_followed(order, now):
        return View(order, None, dispatches=dispatches)
    access.note_read(session, actor, order.driver_id, Access.LIVE_WATCHED, order_id, now=now)
    position = repository.last_position(session, order.vehicle_id)
    if position is not None and not window.holds(position.time):
        position = None
    kinds = rules.kinds_for(actor)
    going_on = repository.going_on(session, order.vehicle_id, kinds, since=window.start)
    return View(order, position, kinds, going_on, dispatches)


def find_own_phone(session: Session, actor: Actor) -> str:
    """Device uid of the driver's phone. Raises Forbidden `role_not_allowed`, NotFound `no_phone_registered`."""
    if actor.role is not Role.DRIVER:
        raise Forbidden("role_not_allowed", "Only drivers send positions here.")
    uid = repository.phone_uid(session, actor.user_id)
    if uid is None:
        raise NotFound("no_phone_registered", "No phone is registered for this driver.")
    return uid
