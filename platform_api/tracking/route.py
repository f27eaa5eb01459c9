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

# Points of the drawn line; distance is measured on all fixes, not on these.
MAX_ROUTE_POINTS = 1000
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
    tracker: bool  # False: a phone
    accuracy_m: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """`points` are (lon, lat) in event time; empty when there is no fix."""

    points: tuple[Coordinate, ...]
    distance_km: float
    started_at: datetime | None
    ended_at: datetime | None
    fixes: int


def arbitrate(fixes: Sequence[Fix], phone_takeover_s: float) -> list[Fix]:
    """One truck from two devices: a phone's fix counts only after the tracker's silence.

    `fixes` in event time. Otherwise the line would jump between tracker and phone, and the way
    would be counted twice.
    """
    used: list[Fix] = []
    takeover = timedelta(seconds=phone_takeover_s)
    last_tracker: datetime | None = None
    for fix in fixes:
        if fix.tracker:
            last_tracker = fix.time
        elif last_tracker is not None and fix.time - last_tracker <= takeover:
            continue
        used.append(fix)
    return used


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
    fixes: Sequence[Fix], *, phone_takeover_s: float, max_speed_kmh: float, max_accuracy_m: float
) -> Way:
    """The way driven: arbitrated, cleaned, measured along the geodesic, then simplified for drawing."""
    precise = [fix for fix in fixes if fix.accuracy_m is None or fix.accuracy_m <= max_accuracy_m]
    used = without_spikes(arbitrate(precise, phone_takeover_s), max_speed_kmh)
    if not used:
        return Way((), 0.0, None, None, 0)
    line = moved(used)
    return Way(
        points=simplify([(fix.lon, fix.lat) for fix in line]),
        distance_km=length_km([(fix.lon, fix.lat) for fix in line]),
        started_at=used[0].time,
        ended_at=used[-1].time,
        fixes=len(used),
    )


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
