"""The way a truck really took, from raw fixes of one or several devices: pure geometry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import LineString

from platform_api.tracking.rules import GEOD
from telemetry.rules import VehicleRules

# Points of the drawn line; distance is measured on all fixes, not on these.
MAX_ROUTE_POINTS = 1000
MAX_UNTRUSTED_POINTS = 200
# Fixes nearer than this to the last kept one are a parked truck's noise, not a way.
MIN_MOVE_M = 25.0
# Where the search for a tolerance starts; each round doubles it.
_FIRST_TOLERANCE_M = 2.0
_M_PER_DEGREE = 111_320.0

Coordinate = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fix:
    time: datetime
    lat: float
    lon: float
    device_id: int
    priority: int  # of the device; the lower, the better a source
    accuracy_m: float | None = None
    mock: bool = False
    repeated: bool = False  # the device has no fix, and repeats its last one


@dataclass(frozen=True, slots=True)
class Way:
    """`points` are (lon, lat) in event time; empty when there is no fix."""

    points: tuple[Coordinate, ...]
    distance_km: float
    started_at: datetime | None
    ended_at: datetime | None
    fixes: int
    untrusted_fixes: int = 0
    untrusted: tuple[Coordinate, ...] = ()  # where they are, thinned


NOWHERE = Way((), 0.0, None, None, 0)


def arbitrate(fixes: Sequence[Fix], rules: VehicleRules, *, bucket_s: float = 0.0) -> list[Fix]:
    """One truck from several devices, as `ingest.arbitration` has it but for jumps: a contract test compares.

    `fixes` in order of time, priority, device. One device counts until it has been silent for `takeover_s`, or a
    better one speaks; otherwise the line would jump between them, and the way would be counted twice. Of thinned
    fixes two may be up to `bucket_s` farther apart than the device was silent.
    """
    used: list[Fix] = []
    silence = timedelta(seconds=rules.takeover_s + bucket_s)
    for fix in fixes:
        if fix.repeated or (fix.mock and rules.mock == "ignore"):
            continue
        if fix.accuracy_m is not None and fix.accuracy_m > rules.max_accuracy_m:
            continue
        if used and not _may_follow(used[-1], fix, silence):
            continue
        used.append(fix)
    return used


def _may_follow(source: Fix, fix: Fix, silence: timedelta) -> bool:
    own_or_better = fix.device_id == source.device_id or fix.priority < source.priority
    return own_or_better or fix.time - source.time > silence


def without_spikes(fixes: Sequence[Fix], max_speed_kmh: float) -> list[Fix]:
    """Drop a fix that is reached and left impossibly fast while its neighbours agree."""
    if len(fixes) < 3:
        return list(fixes)
    lon = np.array([fix.lon for fix in fixes])
    lat = np.array([fix.lat for fix in fixes])
    seconds = np.array([fix.time.timestamp() for fix in fixes])
    legs_m = _distances_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    fast = legs_m > max_speed_kmh / 3.6 * np.maximum(np.diff(seconds), 1e-6)
    around_m = _distances_m(lon[:-2], lat[:-2], lon[2:], lat[2:])
    agree = around_m <= max_speed_kmh / 3.6 * np.maximum(seconds[2:] - seconds[:-2], 1e-6)
    spike = np.zeros(len(fixes), dtype=bool)
    spike[1:-1] = fast[:-1] & fast[1:] & agree
    return [fix for fix, bad in zip(fixes, spike, strict=True) if not bad]


def _distances_m(
    lon1: NDArray[np.float64], lat1: NDArray[np.float64], lon2: NDArray[np.float64], lat2: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Geodesic metres between pairs, degrees in."""
    return np.asarray(GEOD.inv(lon1, lat1, lon2, lat2)[2], dtype=np.float64)


def moved(fixes: Sequence[Fix]) -> list[Fix]:
    """Only fixes MIN_MOVE_M or more from the last kept one: a truck that waits does not drive."""
    kept: list[Fix] = []
    for fix in fixes:
        if not kept or _roughly_m(kept[-1], fix) >= MIN_MOVE_M:
            kept.append(fix)
    return kept


def _roughly_m(a: Fix, b: Fix) -> float:
    """Equirectangular metres: good to a percent at the few metres it is asked about."""
    north = (b.lat - a.lat) * _M_PER_DEGREE
    east = (b.lon - a.lon) * _M_PER_DEGREE * math.cos(math.radians(a.lat))
    return math.hypot(north, east)


def simplify(points: Sequence[Coordinate], limit: int = MAX_ROUTE_POINTS) -> tuple[Coordinate, ...]:
    """At most `limit` of the points (Douglas-Peucker in local metres), ends kept."""
    if len(points) <= limit:
        return tuple(points)
    shrink = math.cos(math.radians(points[0][1]))
    plane = LineString([(lon * shrink * _M_PER_DEGREE, lat * _M_PER_DEGREE) for lon, lat in points])
    tolerance_m = _FIRST_TOLERANCE_M
    while True:
        line = plane.simplify(tolerance_m, preserve_topology=False)
        if len(line.coords) <= limit:
            break
        tolerance_m *= 2
    return tuple((round(x / shrink / _M_PER_DEGREE, 7), round(y / _M_PER_DEGREE, 7)) for x, y in line.coords)


def actual_way(
    fixes: Sequence[Fix], rules: VehicleRules, *, since: datetime | None = None, bucket_s: float = 0.0
) -> Way:
    """The way driven: arbitrated, cleaned, measured along the geodesic, then simplified for drawing.

    Fixes before `since` only say who was the source then. Made-up positions are part of the way, as they move the
    vehicle, unless its rules ignore them; they are marked.
    """
    counted = arbitrate(fixes, rules, bucket_s=bucket_s)
    used = without_spikes([fix for fix in counted if since is None or fix.time >= since], rules.max_speed_kmh)
    if not used:
        return NOWHERE
    line = moved(used)
    untrusted = [fix for fix in used if fix.mock]
    return Way(
        points=simplify([(fix.lon, fix.lat) for fix in line]),
        distance_km=length_km([(fix.lon, fix.lat) for fix in line]),
        started_at=used[0].time,
        ended_at=used[-1].time,
        fixes=len(used),
        untrusted_fixes=len(untrusted),
        untrusted=_thinned(moved(untrusted)),
    )


def _thinned(fixes: Sequence[Fix]) -> tuple[Coordinate, ...]:
    """At most MAX_UNTRUSTED_POINTS of them, evenly."""
    step = -(-len(fixes) // MAX_UNTRUSTED_POINTS) or 1
    return tuple((fix.lon, fix.lat) for fix in fixes[::step])


def length_km(points: Sequence[Coordinate]) -> float:
    if len(points) < 2:
        return 0.0
    return float(GEOD.line_length([lon for lon, _ in points], [lat for _, lat in points])) / 1000


def line_geometry(points: Sequence[Coordinate]) -> dict[str, Any] | None:
    """GeoJSON LineString, a Point for a truck that stood still, None (unlocated) for no fix."""
    if not points:
        return None
    if len(points) == 1:
        return {"type": "Point", "coordinates": list(points[0])}
    return {"type": "LineString", "coordinates": [list(point) for point in points]}
