"""Roads: corridors of Senegal from the data file, and the geodesic line a truck follows."""

import bisect
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import accumulate
from typing import Literal

import numpy as np
from pyproj import Geod

GEOD = Geod(ellps="WGS84")
Road = Literal["motorway", "open", "town", "bad"]
Post = Literal["port", "weighbridge", "checkpoint", "border"]


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A place on the way; `road` is the class of the road that begins here."""

    name: str
    lon: float  # degrees, WGS 84
    lat: float
    town_m: float = 0.0  # town speed within this distance along the road
    road: Road = "open"
    post: Post | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """From `from_m` along the route on, until the next zone."""

    from_m: float
    road: Road


@dataclass(frozen=True, slots=True)
class Route:
    """Waypoints joined by geodesics. `along_m[i]` is the distance driven at waypoint i."""

    name: str
    waypoints: tuple[Waypoint, ...]
    along_m: tuple[float, ...]
    azimuths_deg: tuple[float, ...]  # of the leg after each waypoint but the last
    zones: tuple[Zone, ...]

    @property
    def length_m(self) -> float:
        return self.along_m[-1]

    def position(self, along_m: float) -> tuple[float, float, float]:
        """lon, lat and heading [0, 360) after `along_m` metres; clamped to the ends."""
        at_m = min(max(along_m, 0.0), self.length_m)
        leg = min(bisect.bisect_right(self.along_m, at_m), len(self.azimuths_deg)) - 1
        start = self.waypoints[leg]
        azimuth = self.azimuths_deg[leg]
        lon, lat, back = GEOD.fwd(start.lon, start.lat, azimuth, at_m - self.along_m[leg])
        return float(lon), float(lat), (float(back) + 180.0) % 360.0

    def along_of(self, name: str) -> float:
        """Distance of the first waypoint of that name; KeyError when there is none."""
        for waypoint, along_m in zip(self.waypoints, self.along_m, strict=True):
            if waypoint.name == name:
                return along_m
        raise KeyError(f"route {self.name} has no waypoint {name!r}")


def build_route(name: str, waypoints: tuple[Waypoint, ...]) -> Route:
    """Join waypoints; neighbours at the same place are merged. ValueError below two places."""
    kept = [waypoints[0]] if waypoints else []
    for waypoint in waypoints[1:]:
        if (waypoint.lon, waypoint.lat) != (kept[-1].lon, kept[-1].lat):
            kept.append(waypoint)
    if len(kept) < 2:
        raise ValueError(f"route {name} needs two different places")
    lons = np.array([w.lon for w in kept])
    lats = np.array([w.lat for w in kept])
    azimuths, _, lengths = GEOD.inv(lons[:-1], lats[:-1], lons[1:], lats[1:])
    along = tuple(accumulate((float(m) for m in lengths), initial=0.0))
    return Route(
        name=name,
        waypoints=tuple(kept),
        along_m=along,
        azimuths_deg=tuple(float(a) for a in azimuths),
        zones=_zones(tuple(kept), along),
    )


def _zones(waypoints: tuple[Waypoint, ...], along_m: tuple[float, ...]) -> tuple[Zone, ...]:
    """Road class by distance; the surroundings of a town override the road's own class."""
    towns = [(m - w.town_m, m + w.town_m) for w, m in zip(waypoints, along_m, strict=True) if w.town_m > 0]
    edges = sorted({0.0, *along_m[:-1], *(e for town in towns for e in town if 0 < e < along_m[-1])})
    zones: list[Zone] = []
    for edge in edges:
        in_town = any(low <= edge < high for low, high in towns)
        leg = bisect.bisect_right(along_m, edge) - 1
        road: Road = "town" if in_town else waypoints[leg].road
        if not zones or zones[-1].road != road:
            zones.append(Zone(edge, road))
    return tuple(zones)


@dataclass(frozen=True, slots=True)
class Corridor:
    """A named way across the country, in the direction written in the data file."""

    name: str
    label: str
    roads: tuple[str, ...]
    waypoints: tuple[Waypoint, ...]

    def route(self, *, reverse: bool = False) -> Route:
        if not reverse:
            return build_route(self.name, self.waypoints)
        # The class of a leg is kept at its start, which is its other end on the way back.
        roads: list[Road] = [w.road for w in self.waypoints]
        turned = [
            Waypoint(w.name, w.lon, w.lat, w.town_m, roads[i - 1] if i else "town", w.post)
            for i, w in enumerate(self.waypoints)
        ]
        return build_route(f"{self.name} (return)", tuple(reversed(turned)))


@lru_cache
def corridors() -> dict[str, Corridor]:
    """Every corridor of the data file, by name."""
    text = resources.files("simulator").joinpath("data/corridors.json").read_text(encoding="utf-8")
    return {
        entry["name"]: Corridor(
            name=entry["name"],
            label=entry["label"],
            roads=tuple(entry["roads"]),
            waypoints=tuple(Waypoint(**waypoint) for waypoint in entry["waypoints"]),
        )
        for entry in json.loads(text)["corridors"]
    }
