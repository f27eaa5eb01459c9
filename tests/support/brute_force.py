"""What a recorded track's visits are, worked out a second time: no code of the platform is used here.

Files are read with `csv` and `xml.etree`, distances are geodesics of `pyproj.Geod`, and whether a fix is
in a polygon is told by casting a ray in a plane of metres around it. Then the documented rules, by plain
loops over the whole track: a visit begins with the first fix inside; it ends with the first fix after the
last one inside, once enough fixes are clearly outside; two fixes outside with the way between them
through the place are a visit with interpolated times.
"""

import csv
import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from pyproj import Geod

GEOD = Geod(ellps="WGS84")
GPX = "{http://www.topografix.com/GPX/1/1}"
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """One row of a file."""

    seconds: float  # since 1970, UTC
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Rules:
    """One fix opens a visit; these say what closes it. The files claim no accuracy, so there is none."""

    exit_margin_m: float
    exit_confirmations: int
    exit_dwell_s: float
    pass_gap_s: float

    def overrides(self) -> dict[str, Any]:
        """The same as settings of a geofence row."""
        return {
            "enter_confirmations": 1,
            "enter_dwell_s": 0,
            "exit_margin_m": self.exit_margin_m,
            "exit_confirmations": self.exit_confirmations,
            "exit_dwell_s": round(self.exit_dwell_s),
            "segment_crossing": True,
            "segment_max_gap_s": round(self.pass_gap_s),
        }


@dataclass(frozen=True, slots=True)
class Stay:
    entered: float
    left: float | None  # None = still there at the end of the track
    passed: bool = False


def read_csv(path: Path) -> dict[str, list[Seen]]:
    """Rows by vehicle, in time order."""
    tracks: dict[str, list[Seen]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            moment = datetime.strptime(row["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            seen = Seen(moment.timestamp(), float(row["longitude"]), float(row["latitude"]))
            tracks.setdefault(row["vehicle_id"], []).append(seen)
    return {vehicle: sorted(track, key=lambda s: s.seconds) for vehicle, track in tracks.items()}


def read_gpx(path: Path) -> list[Seen]:
    track = []
    for point in ET.parse(path).getroot().iter(f"{GPX}trkpt"):
        moment = datetime.fromisoformat(point.findtext(f"{GPX}time", ""))
        track.append(Seen(moment.timestamp(), float(point.attrib["lon"]), float(point.attrib["lat"])))
    return sorted(track, key=lambda s: s.seconds)


def top_speed_kmh(track: Sequence[Seen]) -> float:
    """Between neighbouring rows; below the platform's limit its jump filter has no part in the result."""
    return max(
        3.6 * float(GEOD.inv(a.lon, a.lat, b.lon, b.lat)[2]) / (b.seconds - a.seconds)
        for a, b in pairwise(track)
    )


class Place:
    """A circle (`Point` with `radius_m`) or a polygon without holes, seen in a plane around its middle."""

    def __init__(self, feature: Mapping[str, Any]) -> None:
        geometry = feature["geometry"]
        if geometry["type"] == "Point":
            self._middle: Point = tuple(geometry["coordinates"])
            self._radius_m = float(feature["properties"]["radius_m"])
            self._corners: list[Point] = []
        else:
            ring = geometry["coordinates"][0][:-1]
            self._middle = (sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring))
            self._radius_m = 0.0
            self._corners = [self.plane(lon, lat) for lon, lat in ring]

    def plane(self, lon: float, lat: float) -> Point:
        """Metres east and north of the middle, true in distance and direction from there."""
        azimuth, _, metres = GEOD.inv(*self._middle, lon, lat)
        return metres * math.sin(math.radians(azimuth)), metres * math.cos(math.radians(azimuth))

    def outside_m(self, point: Point) -> float:
        """Distance from the border; 0 inside."""
        if not self._corners:
            return max(0.0, math.hypot(*point) - self._radius_m)
        if self._holds(point):
            return 0.0
        return min(_to_segment_m(point, a, b) for a, b in self._edges())

    def inside(self, point: Point) -> bool:
        if not self._corners:
            return math.hypot(*point) <= self._radius_m
        return self._holds(point)

    def way_through(self, a: Point, b: Point) -> tuple[float, float] | None:
        """First and last share of the way from `a` to `b` that lies inside; both ends are outside."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        if not self._corners:
            square = dx * dx + dy * dy
            middle = -(a[0] * dx + a[1] * dy) / square if square else 0.0
            near = math.hypot(a[0] + middle * dx, a[1] + middle * dy)
            if near >= self._radius_m or not 0 <= middle <= 1:
                return None
            half = math.sqrt(self._radius_m**2 - near**2) / math.sqrt(square)
            return middle - half, middle + half
        cuts = [cut for c, d in self._edges() if (cut := _cut(a, b, c, d)) is not None]
        return (min(cuts), max(cuts)) if len(cuts) >= 2 else None

    def _edges(self) -> list[tuple[Point, Point]]:
        return list(zip(self._corners, [*self._corners[1:], self._corners[0]], strict=True))

    def _holds(self, point: Point) -> bool:
        x, y = point
        crossings = 0
        for (x1, y1), (x2, y2) in self._edges():
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
                crossings += 1
        return crossings % 2 == 1


def stays(track: Sequence[Seen], place: Place, rules: Rules) -> list[Stay]:
    """The visits of one vehicle at one place, in time order."""
    points = [place.plane(seen.lon, seen.lat) for seen in track]
    found: list[Stay] = []
    at = 0
    while at < len(track):
        if place.inside(points[at]):
            last, confirmed = _departure(track, points, at, place, rules)
            left = None if confirmed is None else track[last + 1].seconds
            found.append(Stay(track[at].seconds, left))
            if confirmed is None:
                break
            at = confirmed
        elif at and not place.inside(points[at - 1]):
            passed = _passed(track[at - 1], track[at], points[at - 1], points[at], place, rules)
            found.extend([passed] if passed else [])
        at += 1
    return found


def runs(track: Sequence[Seen], place: Place) -> list[Stay]:
    """The naive scan: every unbroken run of fixes inside."""
    found: list[Stay] = []
    since: float | None = None
    for seen in track:
        if place.inside(place.plane(seen.lon, seen.lat)):
            since = seen.seconds if since is None else since
        elif since is not None:
            found.append(Stay(since, seen.seconds))
            since = None
    return [*found, Stay(since, None)] if since is not None else found


def _departure(
    track: Sequence[Seen], points: Sequence[Point], entry: int, place: Place, rules: Rules
) -> tuple[int, int | None]:
    """Numbers of the last fix inside, and of the fix that makes the exit certain (None: none does)."""
    last = entry
    outside: list[int] = []
    for number in range(entry + 1, len(track)):
        if place.inside(points[number]):
            last, outside = number, []
        elif place.outside_m(points[number]) > rules.exit_margin_m:
            outside.append(number)
            span = track[number].seconds - track[outside[0]].seconds
            if len(outside) >= rules.exit_confirmations and span >= rules.exit_dwell_s:
                return last, number
        else:
            outside = []
    return last, None


def _passed(before: Seen, after: Seen, a: Point, b: Point, place: Place, rules: Rules) -> Stay | None:
    seconds = after.seconds - before.seconds
    way_m = GEOD.inv(before.lon, before.lat, after.lon, after.lat)[2]
    if seconds > rules.pass_gap_s or way_m <= 2 * rules.exit_margin_m:
        return None
    through = place.way_through(a, b)
    if through is None:
        return None
    return Stay(before.seconds + through[0] * seconds, before.seconds + through[1] * seconds, passed=True)


def _to_segment_m(point: Point, a: Point, b: Point) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    share = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy)
    share = min(1.0, max(0.0, share))
    return math.hypot(a[0] + share * dx - point[0], a[1] + share * dy - point[1])


def _cut(a: Point, b: Point, c: Point, d: Point) -> float | None:
    """Share of the way from `a` to `b` at which it meets the segment `c`-`d`."""
    r, s = (b[0] - a[0], b[1] - a[1]), (d[0] - c[0], d[1] - c[1])
    cross = r[0] * s[1] - r[1] * s[0]
    if cross == 0:
        return None
    q = (c[0] - a[0], c[1] - a[1])
    along, across = (q[0] * s[1] - q[1] * s[0]) / cross, (q[0] * r[1] - q[1] * r[0]) / cross
    return along if 0 <= along <= 1 and 0 <= across <= 1 else None
