"""Which trucks suit a load, and why: a score in explained parts. Pure.

Each part is between 0 and 1 and has a weight; the score is their weighted sum, 0 to 100. Of two trucks
that are alike in everything else the nearer, fresher, fuller, better known one is never behind.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

import numpy as np
from pyproj import Geod

GEOD = Geod(ellps="WGS84")

RADIUS_KM = 300.0
MAX_SUGGESTIONS = 50
# Where a truck under way will be free is another shipper's place: it is told in steps of this.
COARSE_KM = 25.0
# The load takes a truck home that picked up its last one within this of the delivery.
HOME_KM = 50.0
FAR_FROM_HOME_KM = 200.0
# Slower than this a truck has no direction.
MOVING_KMH = 10.0
# For the estimate of when a truck under way is free: roads are longer than the line, and unloading takes time.
DETOUR = 1.3
TRUCK_KMH = 45.0
UNLOADING = timedelta(hours=2)
# Without a pickup window.
FREE_WITHIN = timedelta(hours=24)
UNKNOWN = 0.5


class Part(StrEnum):
    DISTANCE = "distance"
    FIT = "fit"
    DIRECTION = "direction"
    FRESHNESS = "freshness"
    HISTORY = "history"
    RELIABILITY = "reliability"


WEIGHTS: Mapping[Part, int] = MappingProxyType(
    {
        Part.DISTANCE: 40,
        Part.FIT: 20,
        Part.DIRECTION: 15,
        Part.FRESHNESS: 10,
        Part.HISTORY: 10,
        Part.RELIABILITY: 5,
    }
)


@dataclass(frozen=True, slots=True)
class Point:
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Load:
    """`pickup_closes_at`: after it nobody is there any more; None = open."""

    pickup: Point
    delivery: Point
    weight_kg: int | None = None
    vehicle_type: str | None = None
    pickup_closes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Truck:
    """A candidate. `unloads_at`: of the load it has now, None = it is free.

    `came_from`: where it picked up its last load. `loads_together`: how many it carried for this dispatcher.
    `reliability`: 0 to 1, None = nobody knows yet.
    """

    vehicle_id: int
    carrier_id: UUID
    driver_id: UUID
    plate: str
    vehicle_name: str
    driver_name: str
    capacity_kg: int | None
    vehicle_type: str | None
    position: Point | None
    position_time: datetime | None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    unloads_at: Point | None = None
    came_from: Point | None = None
    loads_together: int = 0
    reliability: float | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """`value`: 0 to 1; `facts`: what its explanation names."""

    part: Part
    value: float
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def points(self) -> float:
        return round(WEIGHTS[self.part] * self.value, 1)


@dataclass(frozen=True, slots=True)
class Suggestion:
    truck: Truck
    distance_km: float
    scores: tuple[Score, ...]

    @property
    def points(self) -> float:
        return round(sum(score.points for score in self.scores), 1)


def distance_km(a: Point, b: Point) -> float:
    _, _, metres = GEOD.inv(a.lon, a.lat, b.lon, b.lat)
    return float(metres) / 1000


def suggest(
    load: Load, trucks: Sequence[Truck], now: datetime, fresh: timedelta, limit: int = MAX_SUGGESTIONS
) -> list[Suggestion]:
    """The best first, at most `limit`; trucks too small, too far or free too late are left out."""
    found = [made for truck in trucks if (made := _consider(load, truck, now, fresh)) is not None]
    found.sort(key=lambda each: (-each.points, each.distance_km, each.truck.vehicle_id))
    return found[:limit]


def _consider(load: Load, truck: Truck, now: datetime, fresh: timedelta) -> Suggestion | None:
    if load.weight_kg and truck.capacity_kg and truck.capacity_kg < load.weight_kg:
        return None
    starts_from = truck.unloads_at or truck.position
    if starts_from is None or not _free_in_time(load, truck, now):
        return None
    away_km = distance_km(starts_from, load.pickup)
    if away_km > RADIUS_KM:
        return None
    if truck.unloads_at is not None:
        away_km = math.ceil(away_km / COARSE_KM) * COARSE_KM
    scores = (
        Score(Part.DISTANCE, max(0.0, 1 - away_km / RADIUS_KM), {"km": round(away_km)}),
        _fit(load, truck),
        _direction(load, truck),
        _freshness(truck, now, fresh),
        Score(
            Part.HISTORY, truck.loads_together / (truck.loads_together + 2), {"loads": truck.loads_together}
        ),
        Score(
            Part.RELIABILITY,
            UNKNOWN if truck.reliability is None else truck.reliability,
            {"percent": None if truck.reliability is None else round(100 * truck.reliability)},
        ),
    )
    return Suggestion(truck, away_km, scores)


def _free_in_time(load: Load, truck: Truck, now: datetime) -> bool:
    """Whether a truck under way will have unloaded before the pickup closes; a free one is."""
    if truck.unloads_at is None:
        return True
    if truck.position is None:
        return False
    driving = timedelta(hours=distance_km(truck.position, truck.unloads_at) * DETOUR / TRUCK_KMH)
    return now + driving + UNLOADING <= (load.pickup_closes_at or now + FREE_WITHIN)


def _fit(load: Load, truck: Truck) -> Score:
    """Half the type that was asked for, half how much of the truck the load fills."""
    if load.vehicle_type is None:
        kind = 1.0
    elif truck.vehicle_type is None:
        kind = UNKNOWN
    else:
        kind = 1.0 if truck.vehicle_type == load.vehicle_type else 0.0
    known = load.weight_kg is not None and truck.capacity_kg is not None
    filled = (load.weight_kg or 0) / (truck.capacity_kg or 1) if known else UNKNOWN
    return Score(
        Part.FIT,
        (kind + filled) / 2,
        {
            "same_type": load.vehicle_type is not None and truck.vehicle_type == load.vehicle_type,
            "filled_percent": round(100 * filled) if known else None,
        },
    )


def _direction(load: Load, truck: Truck) -> Score:
    """The best of: it unloads near the pickup, the load takes it back to where it came from, it drives there already."""
    if truck.unloads_at is not None:
        return Score(Part.DIRECTION, 1.0, {"why": "unloads_near"})
    home, towards = _homeward(load, truck), _towards(load, truck)
    if home >= towards:
        return Score(Part.DIRECTION, home, {"why": "return_load" if home > 0 else None})
    return Score(Part.DIRECTION, towards, {"why": "drives_there" if towards > UNKNOWN else None})


def _homeward(load: Load, truck: Truck) -> float:
    if truck.came_from is None:
        return 0.0
    away_km = distance_km(load.delivery, truck.came_from)
    return float(np.clip((FAR_FROM_HOME_KM - away_km) / (FAR_FROM_HOME_KM - HOME_KM), 0.0, 1.0))


def _towards(load: Load, truck: Truck) -> float:
    """1 straight to the pickup, 0 straight away from it or while it stands."""
    moving = truck.speed_kmh is not None and truck.speed_kmh >= MOVING_KMH
    if not moving or truck.heading_deg is None or truck.position is None:
        return 0.0
    at, to = truck.position, load.pickup
    bearing, _, _ = GEOD.inv(at.lon, at.lat, to.lon, to.lat)
    return (1 + math.cos(math.radians(bearing - truck.heading_deg))) / 2


def _freshness(truck: Truck, now: datetime, fresh: timedelta) -> Score:
    """Where a truck under way is now is not told, so its age says nothing."""
    if truck.unloads_at is not None or truck.position_time is None:
        return Score(Part.FRESHNESS, UNKNOWN, {"minutes": None})
    age = max(now - truck.position_time, timedelta(0))
    return Score(
        Part.FRESHNESS, float(np.clip(1 - age / fresh, 0.0, 1.0)), {"minutes": int(age.total_seconds() // 60)}
    )
