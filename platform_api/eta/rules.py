"""When a truck will be at the last delivery: pure arithmetic over a plan, a position and what was driven lately.

The plan says how long its legs take; what the truck really drove in the last hour says how much of that to
believe. The bounds are rules of thumb, not a distribution: they close in as the way gets shorter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from platform_api.eta.resting import NO_REST, Moment, Rest, drive
from platform_api.routing.plan import Assumed, Leg, Point

GEOD = Geod(ellps="WGS84")
_M_PER_DEGREE = 111_320.0

# Where a plan passes one spot twice, segments about as near as the nearest one are all possible.
_AS_NEAR_M = 200.0
# A receiver's wander may seem to lead back.
_BACK_M = 1_000.0
# Slower than this the truck is in a queue or stands: that says nothing of the road.
MOVING_KMH = 5.0
# After so much driving the truck's own speed counts for half; it is never all there is to know.
_TRUSTED_S = 3_600.0
_MOST_WEIGHT = 0.5
# No truck drives three times as fast as planned; and behind a procession the road will be free again.
_SLOWEST, _FASTEST = 0.4, 1.5
# Shares of the remaining driving that it may take less and more.
_EARLY, _LATE_PLAN, _LATE_LINE = 0.10, 0.25, 0.50
# Shares of the stays that are still to come.
_STAY_EARLY, _STAY_LATE = 0.5, 1.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What the truck drove lately, halts left out."""

    distance_m: float
    moving_s: float


def observed(times_s: Sequence[float], points: Sequence[Point]) -> Observed:
    """Of fixes in event time (epoch seconds, (lon, lat)) the pieces that were driven at MOVING_KMH or more."""
    if len(points) < 2:
        return Observed(0.0, 0.0)
    lon, lat = (np.asarray(column, dtype=np.float64) for column in zip(*points, strict=True))
    steps_m = np.asarray(GEOD.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])[2], dtype=np.float64)
    steps_s = np.diff(np.asarray(times_s, dtype=np.float64))
    moving = (steps_s > 0) & (steps_m >= MOVING_KMH / 3.6 * steps_s)
    return Observed(float(steps_m[moving].sum()), float(steps_s[moving].sum()))


class Line:
    """A plan's line, to find how far along it a truck is."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._lon = np.array([lon for lon, _ in points], dtype=np.float64)
        self._lat = np.array([lat for _, lat in points], dtype=np.float64)
        self._steps_m = np.asarray(
            GEOD.inv(self._lon[:-1], self._lat[:-1], self._lon[1:], self._lat[1:])[2], dtype=np.float64
        )
        self._before_m: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(self._steps_m)])

    @property
    def length_m(self) -> float:
        return float(self._before_m[-1])

    def match(self, at: Point, since_m: float = 0.0) -> tuple[float, float]:
        """(metres along the line, metres beside it) of the nearest point that is not before `since_m`.

        Where the line passes by more than once, the first of them counts.
        """
        shrink = math.cos(math.radians(at[1]))
        x = (self._lon - at[0]) * shrink * _M_PER_DEGREE
        y = (self._lat - at[1]) * _M_PER_DEGREE
        dx, dy = np.diff(x), np.diff(y)
        squared = np.maximum(dx * dx + dy * dy, 1e-9)
        share = np.clip(-(x[:-1] * dx + y[:-1] * dy) / squared, 0.0, 1.0)
        away = np.hypot(x[:-1] + share * dx, y[:-1] + share * dy)
        along = self._before_m[:-1] + share * self._steps_m
        allowed = along >= since_m - _BACK_M
        if not allowed.any():
            return self.length_m, float(away[-1])
        away = np.where(allowed, away, np.inf)
        first = int(np.argmax(away <= away.min() + _AS_NEAR_M))
        # Of the segments in a row that are near, the nearest.
        last = first
        while last + 1 < len(away) and away[last + 1] <= away.min() + _AS_NEAR_M:
            last += 1
        best = first + int(np.argmin(away[first : last + 1]))
        return max(float(along[best]), min(since_m, self.length_m)), float(away[best])


@dataclass(frozen=True, slots=True)
class Way:
    """What is left: driving as planned or assumed, and the stays at stops before the last."""

    remaining_m: float
    driving_s: float
    stays_s: float
    stops_left: int
    planned: bool


def along_plan(
    line: Line, legs: Sequence[Leg], along_m: float, beside_m: float, assumed: Assumed
) -> tuple[float, float]:
    """(metres, seconds) from a place on a plan to its end, with the way back to it from beside.

    Shares of the line are shares of the engine's own lengths, leg by leg.
    """
    total = sum(leg.distance_m for leg in legs)
    done_m = along_m / line.length_m * total if line.length_m > 0 else total
    left_m, left_s, before = 0.0, 0.0, 0.0
    for leg in legs:
        undone = min(max(before + leg.distance_m - done_m, 0.0), leg.distance_m)
        left_m += undone
        left_s += leg.duration_s * (undone / leg.distance_m) if leg.distance_m > 0 else 0.0
        before += leg.distance_m
    back_m = beside_m * assumed.detour
    return left_m + back_m, left_s + assumed.seconds(back_m)


def leg_start_m(line: Line, legs: Sequence[Leg], leg: int) -> float:
    """Where on the line the leg begins."""
    total = sum(each.distance_m for each in legs)
    if total <= 0:
        return 0.0
    return sum(each.distance_m for each in legs[:leg]) / total * line.length_m


@dataclass(frozen=True, slots=True)
class Estimate:
    """Times are aware UTC; `speed_kmh` is what the rest is reckoned with."""

    eta_at: datetime
    low_at: datetime
    high_at: datetime
    speed_kmh: float


def estimate(
    way: Way,
    seen: Observed,
    *,
    position_time: datetime,
    assumed: Assumed,
    rest: Rest = NO_REST,
    driven: timedelta = timedelta(0),
) -> Estimate:
    """From the position's own time on: a truck that stands gets later and later.

    `driven`: by its driver since his last pause. Stays are reckoned with before the driving, as no pauses.
    """
    # Less than a second of driving says nothing about a speed, and divides badly.
    planned_ms = way.remaining_m / way.driving_s if way.driving_s >= 1 else assumed.speed_kmh / 3.6
    factor = pace(seen, planned_ms)
    driving_s = way.driving_s / factor
    late = _LATE_PLAN if way.planned else _LATE_LINE

    def arrival(of_driving: float, of_stays: float) -> datetime:
        start = Moment(position_time + timedelta(seconds=way.stays_s * of_stays), driven)
        return drive(start, timedelta(seconds=driving_s * of_driving), rest).at

    eta_at = arrival(1, 1)
    return Estimate(
        eta_at=eta_at,
        # A pause into which a short night falls can make a later start the better one.
        low_at=min(arrival(1 - _EARLY, 1 - _STAY_EARLY), eta_at),
        high_at=max(arrival(1 + late, 1 + _STAY_LATE), eta_at),
        speed_kmh=planned_ms * factor * 3.6,
    )


def pace(seen: Observed, planned_ms: float) -> float:
    """Of the planned speed, how much this truck is expected to drive: 1 when nothing was seen of it."""
    if seen.moving_s <= 0 or planned_ms <= 0:
        return 1.0
    ratio = min(max(seen.distance_m / seen.moving_s / planned_ms, _SLOWEST), _FASTEST)
    weight = _MOST_WEIGHT * min(seen.moving_s / _TRUSTED_S, 1.0)
    return weight * ratio + (1 - weight)


def stay_left_s(service_s: float, arrived_at: datetime | None, position_time: datetime) -> float:
    """Of a stay that takes so long, what is left of it."""
    if arrived_at is None:
        return service_s
    return max(service_s - max((position_time - arrived_at).total_seconds(), 0.0), 0.0)


def is_late(was_late: bool, late_by: timedelta, *, alert: timedelta, clear: timedelta) -> bool:
    """With a gap between the two limits, so that an estimate on the border does not come and go."""
    return late_by > (min(clear, alert) if was_late else alert)
