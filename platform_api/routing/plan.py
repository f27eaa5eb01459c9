"""A planned way through the stops of an order, and what stands in for one: pure geometry."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pyproj import Geod

GEOD = Geod(ellps="WGS84")

# (longitude, latitude), degrees: as GeoJSON and OSRM have it, the other way round than people say it.
Point = tuple[float, float]

# A drawn way whose points lie farther apart is a sketch: no corridor can be cut along it.
MAX_SKETCH_M = 20_000.0
# An engine snaps a stop to the nearest road it knows, however far: beyond this it does not know the country.
MAX_SNAP_M = 20_000.0


class Source(StrEnum):
    SHIPPER = "shipper"
    OSRM = "osrm"
    VALHALLA = "valhalla"
    STRAIGHT_LINE = "straight_line"


@dataclass(frozen=True, slots=True)
class Leg:
    """From one stop to the next."""

    distance_m: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """`degraded`: good for a rough time, not for saying that a truck has left it."""

    points: tuple[Point, ...]
    legs: tuple[Leg, ...]
    source: Source
    degraded: bool

    @property
    def distance_m(self) -> float:
        return sum(leg.distance_m for leg in self.legs)

    @property
    def duration_s(self) -> float:
        return sum(leg.duration_s for leg in self.legs)


@dataclass(frozen=True, slots=True)
class TruckSize:
    """Outside measures in metres, laden weight in tonnes.

    The defaults are the largest articulated truck that may drive without a permit on five axles
    (Regulation 14/2005/CM/UEMOA): a way that it can take every smaller one can take.
    """

    height_m: float = 4.0
    width_m: float = 2.55
    length_m: float = 16.5
    weight_t: float = 38.0
    axle_load_t: float = 11.5
    axle_count: int = 5


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is assumed of a way that nobody has looked up."""

    speed_kmh: float
    detour: float  # road distance over the great circle

    def seconds(self, distance_m: float) -> float:
        return distance_m / (self.speed_kmh / 3.6)


def distance_m(a: Point, b: Point) -> float:
    """Geodesic."""
    return float(GEOD.inv(a[0], a[1], b[0], b[1])[2])


def length_m(points: Sequence[Point]) -> float:
    """Geodesic length of a line."""
    if len(points) < 2:
        return 0.0
    return float(GEOD.line_length([lon for lon, _ in points], [lat for _, lat in points]))


def straight_line(stops: Sequence[Point], assumed: Assumed) -> Plan:
    """From stop to stop as the crow flies, lengthened by the detour factor."""
    legs = []
    for a, b in itertools.pairwise(stops):
        way_m = distance_m(a, b) * assumed.detour
        legs.append(Leg(way_m, assumed.seconds(way_m)))
    return Plan(tuple(stops), tuple(legs), Source.STRAIGHT_LINE, degraded=True)


def drawn_line(points: Sequence[Point], stops: Sequence[Point], assumed: Assumed) -> Plan:
    """The way that the shipper gave; its legs end where it passes nearest to each stop, in their order."""
    steps = np.asarray(GEOD.inv(*_columns(points[:-1]), *_columns(points[1:]))[2], dtype=np.float64)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    cuts = [0.0]
    first = 0
    for stop in stops[1:-1]:
        away = np.asarray(GEOD.inv(*_columns(points[first:]), *_columns([stop] * len(points[first:])))[2])
        first += int(np.argmin(away))
        cuts.append(float(along[first]))
    cuts.append(float(along[-1]))
    legs = tuple(Leg(b - a, assumed.seconds(b - a)) for a, b in itertools.pairwise(cuts))
    return Plan(tuple(points), legs, Source.SHIPPER, degraded=bool(steps.max() > MAX_SKETCH_M))


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [lon for lon, _ in points], [lat for _, lat in points]


def leads_through(points: Sequence[Point], stops: Sequence[Point]) -> bool:
    """Whether a way begins and ends at the stops it was asked for, as near as a road may be."""
    if len(points) < 2:
        return False
    ends = ((points[0], stops[0]), (points[-1], stops[-1]))
    return all(distance_m(a, b) <= MAX_SNAP_M for a, b in ends)
