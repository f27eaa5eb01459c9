"""From what ingest wrote of a truck to the events of an order's journey, each with its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Row
from sqlalchemy.orm import Session

from config.settings import get_settings
from geofence.geojson import parse_shape
from geofence.shapes import Shape, signed_distance_m
from platform_api.orders.models import Order
from platform_api.routing.models import PlannedRoute
from platform_api.telemetry import service as telemetry
from platform_api.tracking import repository as tracking
from platform_api.tracking import route
from platform_api.tracking.rules import Window
from platform_api.watch import repository, rules
from platform_api.watch.rules import Event, Inside, Journey, Kind, Limits, Outing, Standing

# Fixes of an outing that its farthest point is looked for in; of a longer one they are thinned in time.
MAX_FIXES = 2_000
# A queue before the gate is not an unplanned stop.
NEAR_PLACE_M = 1_000.0
# What is wider than this is a region, not a place where a truck may stand.
MAX_PLACE_M = 10_000.0


def derive(session: Session, order: Order, way: Journey, plan: PlannedRoute | None) -> list[Event]:
    """All events of the journey as visits and intervals stand now."""
    places = repository.places(session, order)
    return [
        *_deviations(session, order, way, plan, [p.geofence_id for p in places if p.geofence_id]),
        *_stops(session, order, way, [parse_shape(place.shape) for place in places]),
    ]


def _deviations(
    session: Session, order: Order, way: Journey, plan: PlannedRoute | None, fences: Sequence[int]
) -> list[Event]:
    if plan is None or plan.geofence_id is None or order.vehicle_id is None:
        return []
    settings = get_settings()
    limits = Limits(timedelta(minutes=settings.deviation_minutes), settings.deviation_distance_m)
    rows = repository.stays(
        session, order.vehicle_id, [plan.geofence_id, *fences], start=way.start, until=way.until
    )
    stays = [Inside(row.id, row.entered_at, row.exited_at) for row in rows]
    corridor = parse_shape(repository.shape_of(session, plan.geofence_id))
    found = []
    for outing in rules.outings(way, stays):
        farthest = _farthest(session, order.vehicle_id, corridor, outing)
        if limits.are_passed_by(outing, farthest.distance_m if farthest else None):
            found.append(_deviation(outing, plan, rows, farthest))
    return found


@dataclass(frozen=True, slots=True)
class _Farthest:
    distance_m: float
    time: datetime
    lat: float
    lon: float
    device_id: int
    fixes: int


def _farthest(session: Session, vehicle_id: int, corridor: Shape, outing: Outing) -> _Farthest | None:
    """Where it was farthest from the corridor; None without a fix outside."""
    judged_by = telemetry.rules_of_vehicle(session, vehicle_id)
    window = Window(outing.started_at, outing.until)
    bucket_s = max(outing.lasted.total_seconds() / MAX_FIXES, 0.001)
    fixes = tracking.fixes(
        session,
        vehicle_id,
        window,
        outing.until,
        bucket_s=bucket_s,
        before=timedelta(seconds=judged_by.takeover_s),
    )
    counted = route.without_spikes(
        [
            fix
            for fix in route.arbitrate(fixes, judged_by, bucket_s=bucket_s)
            if fix.time >= outing.started_at
        ],
        judged_by.max_speed_kmh,
    )
    if not counted:
        return None
    away = signed_distance_m(
        corridor, np.array([fix.lon for fix in counted]), np.array([fix.lat for fix in counted])
    )
    at = int(np.argmax(away))
    fix = counted[at]
    return _Farthest(float(away[at]), fix.time, fix.lat, fix.lon, fix.device_id, len(counted))


def _deviation(
    outing: Outing, plan: PlannedRoute, rows: Sequence[Row[Any]], farthest: _Farthest | None
) -> Event:
    left = next((row for row in rows if f"visit/{row.id}" == outing.cause), None)
    back = next((row for row in rows if row.entered_at == outing.until), None)
    evidence = {
        "plan_id": plan.id,
        "geofence_id": plan.geofence_id,
        "width_m": plan.width_m,
        "visit_left": left.id if left else None,
        "visit_back": back.id if back else None,
        "lasted_s": round(outing.lasted.total_seconds()),
        "farthest": None
        if farthest is None
        else {
            "distance_m": round(farthest.distance_m, 1),
            "time": farthest.time.isoformat(),
            "lat": farthest.lat,
            "lon": farthest.lon,
            "device_id": farthest.device_id,
        },
        "fixes": farthest.fixes if farthest else 0,
        "pings": [
            ping
            for ping in (left.exit_evidence if left else None, back.enter_evidence if back else None)
            if ping is not None
        ],
    }
    ended_at = outing.until if outing.ended else None
    return Event(Kind.DEVIATION, outing.cause, outing.started_at, ended_at, evidence)


def _stops(session: Session, order: Order, way: Journey, places: Sequence[Shape]) -> list[Event]:
    rows = repository.standings(session, order, start=way.start, until=way.until)
    standings = [
        Standing(row.id, row.started_at, row.ended_at, row.lat, row.lon, known=_is_known(row, places))
        for row in rows
    ]
    at_least = timedelta(minutes=get_settings().unplanned_stop_minutes)
    return [_stop(each, way) for each in rules.unplanned(way, standings, at_least)]


def _is_known(row: Row[Any], places: Sequence[Shape]) -> bool:
    if any(extent_m(parse_shape(shape)) <= MAX_PLACE_M for shape in row.around):
        return True
    if row.lat is None or row.lon is None:
        return False
    at = np.array([row.lon]), np.array([row.lat])
    return any(signed_distance_m(place, *at)[0] <= NEAR_PLACE_M for place in places)


def extent_m(shape: Shape) -> float:
    """Diagonal of the shape's bounds."""
    west, south, east, north = shape.bounds
    return route.length_km([(west, south), (east, north)]) * 1000


def _stop(standing: Standing, way: Journey) -> Event:
    ended_at = standing.ended_at if standing.ended_at is not None else (way.until if way.over else None)
    until = min(standing.ended_at or way.until, way.until)
    evidence = {
        "interval_id": standing.interval_id,
        "lat": standing.lat,
        "lon": standing.lon,
        "lasted_s": round((until - standing.started_at).total_seconds()),
    }
    return Event(
        Kind.UNPLANNED_STOP, f"interval/{standing.interval_id}", standing.started_at, ended_at, evidence
    )
