"""Trucks near a fence's border as a receiver with scatter sees them: the truth, and fixes that stray from it.

A truck moves on a line that leads east from the middle of a yard; its border is `border_m` out. Scatter is
a Gauss-Markov process on each axis: `memory_s` 0 means that fixes stray independently of one another,
300 that they wander off for minutes, as receivers between walls do.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pyproj import Geod

LON, LAT = -17.4300, 14.7100  # a yard in Dakar's port
START_US = 1_767_600_000_000_000
ROAD_MS = 12.0
FAR_M = 12_000.0
_GEOD = Geod(ellps="WGS84")

Feature = dict[str, object]


@dataclass(frozen=True, slots=True)
class Observed:
    """One fix; `accuracy_m` is what the receiver claims."""

    time_us: int
    lon: float
    lat: float
    accuracy_m: float


@dataclass(frozen=True, slots=True)
class Receiver:
    every_s: int
    scatter_m: float  # standard deviation on each axis
    memory_s: float = 0.0
    claims_m: tuple[float, float] = (5.0, 8.0)


@dataclass(frozen=True, slots=True)
class Drive:
    """Waypoints (seconds, metres east of the middle); straight and even between them."""

    points: tuple[tuple[float, float], ...]

    def east_m(self, seconds: float) -> float:
        for (t0, x0), (t1, x1) in pairwise(self.points):
            if seconds <= t1:
                return x0 + (x1 - x0) * (seconds - t0) / (t1 - t0)
        return self.points[-1][1]

    def crossings_us(self, border_m: float) -> list[int]:
        """When the truck itself, not its fixes, crosses the border."""
        times = []
        for (t0, x0), (t1, x1) in pairwise(self.points):
            if (x0 > border_m) != (x1 > border_m):
                times.append(START_US + round((t0 + (t1 - t0) * (border_m - x0) / (x1 - x0)) * 1e6))
        return times


def circle(radius_m: float) -> Feature:
    geometry = {"type": "Point", "coordinates": [LON, LAT]}
    return {"type": "Feature", "geometry": geometry, "properties": {"radius_m": radius_m}}


def yard(border_m: float) -> Feature:
    """A polygon that is not convex; its eastern side, 2 x `border_m` long, is the border the truck uses."""
    b = border_m
    corners = [(b, -b), (b, b), (0.0, b), (-0.4 * b, 0.2 * b), (-b, b), (-b, -b), (b, -b)]
    ring = [list(place(east, north)) for east, north in corners]
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": {}}


def place(east_m: float, north_m: float) -> tuple[float, float]:
    """lon, lat of a point given in metres from the middle."""
    azimuth = math.degrees(math.atan2(east_m, north_m))
    lon, lat, _ = _GEOD.fwd(LON, LAT, azimuth, math.hypot(east_m, north_m))
    return float(lon), float(lat)


def waiting(border_m: float, wait_s: float, *, depth_m: float = 10.0) -> Drive:
    """Drives in from afar, waits `depth_m` inside the border, drives off again."""
    return visits(border_m, [(wait_s, 0.0)], depth_m=depth_m)


def visits(border_m: float, stays: Sequence[tuple[float, float]], *, depth_m: float = 10.0) -> Drive:
    """Several stays, each (seconds parked, seconds away after it); away it drives off and comes back."""
    stand_m = border_m - depth_m
    seconds = (border_m + FAR_M - stand_m) / ROAD_MS
    points = [(0.0, border_m + FAR_M), (seconds, stand_m)]
    for number, (wait_s, away_s) in enumerate(stays):
        seconds += wait_s
        points.append((seconds, stand_m))
        if number < len(stays) - 1:
            turn_m = stand_m + min(FAR_M, ROAD_MS * away_s / 2)
            drive_s = (turn_m - stand_m) / ROAD_MS
            points += [(seconds + drive_s, turn_m), (seconds + away_s - drive_s, turn_m)]
            seconds += away_s
            points.append((seconds, stand_m))
    points.append((seconds + (border_m + FAR_M - stand_m) / ROAD_MS, border_m + FAR_M))
    return Drive(tuple(dict(points).items()))


def parked(east_m: float, wait_s: float) -> Drive:
    return Drive(((0.0, east_m), (wait_s, east_m)))


def passing(speed_kmh: float, *, reach_m: float = 9000.0) -> Drive:
    """Straight through the middle without a stop."""
    return Drive(((0.0, reach_m), (2 * reach_m / speed_kmh * 3.6, -reach_m)))


def observe(drive: Drive, receiver: Receiver, seed: int | str) -> Iterator[Observed]:
    """What arrives; fixes begin at a random moment of the first interval."""
    rng = random.Random(str(seed))
    keep = math.exp(-receiver.every_s / receiver.memory_s) if receiver.memory_s else 0.0
    fresh = math.sqrt(1 - keep * keep)
    east = rng.gauss(0, receiver.scatter_m)
    north = rng.gauss(0, receiver.scatter_m)
    seconds = float(rng.randrange(receiver.every_s))
    while seconds <= drive.points[-1][0]:
        lon, lat = place(drive.east_m(seconds) + east, north)
        yield Observed(START_US + round(seconds * 1e6), lon, lat, round(rng.uniform(*receiver.claims_m), 1))
        east = keep * east + fresh * rng.gauss(0, receiver.scatter_m)
        north = keep * north + fresh * rng.gauss(0, receiver.scatter_m)
        seconds += receiver.every_s
