"""A truck's day in words: drive, stand, creep, fall silent; and what the fold tells of it.

The truth is kept second by second on a straight road that leads north-east from a yard. `Day.fixes` makes of it what
a receiver sends: a fix every so many seconds, with scatter that wanders (`tests.support.jitter` explains it).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from geofence.index import FenceIndex
from ingest.interval import Interval, latest
from ingest.ping import Ping
from ingest.state import VehicleState
from telemetry.rules import DEFAULTS, VehicleRules
from tests.support.law import TRACKER, Candidate, fold_one

START_US = 1_767_600_000_000_000
US = 1_000_000
LON, LAT = -17.43, 14.71
_METRE = 1 / 111_320.0
_ACCELERATION = 1.0  # m/s2, also when braking
NO_FENCES = FenceIndex([])


@dataclass(frozen=True, slots=True)
class Second:
    """The truth at one second: metres along the road, speed, whether the engine runs, whether the device is on."""

    along_m: float
    mps: float
    engine: bool
    silent: bool
    fuel_pct: float


@dataclass
class Day:
    """Grows by what the truck does; every method returns the same day."""

    seconds: list[Second] = field(default_factory=list)
    fuel_pct: float = 60.0

    @property
    def now_s(self) -> int:
        return len(self.seconds)

    @property
    def along_m(self) -> float:
        return self.seconds[-1].along_m if self.seconds else 0.0

    def drive(
        self, km: float, kmh: float = 60.0, *, engine: bool = True, silent: bool = False, back: bool = False
    ) -> Self:
        """From standing to standing."""
        way, top = km * 1000.0, kmh / 3.6
        begin, gone, mps = self.along_m, 0.0, 0.0
        while gone < way - 0.01:
            brakes_at = math.sqrt(2 * _ACCELERATION * (way - gone))
            mps = max(0.5, min(top, mps + _ACCELERATION, brakes_at))
            gone = min(way, gone + mps)
            self._second(begin + (-gone if back else gone), mps, engine, silent)
        return self

    def stand(self, minutes: float, *, engine: bool = False, silent: bool = False) -> Self:
        for _ in range(round(minutes * 60)):
            self._second(self.along_m, 0.0, engine, silent)
        return self

    def creep(self, metres: float, times: int, wait_minutes: float) -> Self:
        """A queue: forward a little, wait, forward again."""
        for _ in range(times):
            self.drive(metres / 1000.0, 10.0).stand(wait_minutes, engine=True)
        return self

    def _second(self, along_m: float, mps: float, engine: bool, silent: bool) -> None:
        self.seconds.append(Second(along_m, mps, engine, silent, self.fuel_pct))

    def fixes(
        self,
        every_s: int = 10,
        *,
        scatter_m: float = 0.0,
        memory_s: float = 60.0,
        seed: int = 0,
        speeds: bool = True,
        ignition: bool | None = None,
        bus: bool = True,
        device_id: int = 1,
        priority: int = TRACKER,
        offset_m: float = 0.0,
        **values: Any,
    ) -> list[Candidate]:
        """What the receiver sends. `ignition`: what its wire says instead of the truth; `bus` False: it has none."""
        dice = random.Random(f"{seed}/{every_s}/{scatter_m}/{memory_s}")
        keep = math.exp(-every_s / memory_s) if memory_s else 0.0
        fresh = math.sqrt(1 - keep * keep)
        east, north = (dice.gauss(0, scatter_m) for _ in range(2))
        made = []
        for second in range(0, len(self.seconds), every_s):
            true = self.seconds[second]
            east = keep * east + fresh * dice.gauss(0, scatter_m)
            north = keep * north + fresh * dice.gauss(0, scatter_m)
            if true.silent:
                continue
            lon, lat = place(true.along_m + offset_m, east, north)
            if speeds:
                values["speed_kmh"] = round(true.mps * 3.6, 1)
            if bus:
                values["ignition"] = true.engine if ignition is None else ignition
            ping = Ping(time_us=START_US + second * US, lon=lon, lat=lat, **values)
            made.append(Candidate(ping, device_id, priority))
        return made


def place(along_m: float, east_m: float = 0.0, north_m: float = 0.0) -> tuple[float, float]:
    """lon, lat of a point of the road, and metres beside it."""
    step = along_m / math.sqrt(2)
    lat = LAT + (step + north_m) * _METRE
    return LON + (step + east_m) * _METRE / math.cos(math.radians(lat)), lat


def at(
    second: float, along_m: float = 0.0, *, device_id: int = 1, priority: int = TRACKER, **values: Any
) -> Candidate:
    """One fix by itself."""
    lon, lat = place(along_m)
    return Candidate(
        Ping(time_us=START_US + round(second * US), lon=lon, lat=lat, **values), device_id, priority
    )


@dataclass(frozen=True)
class Told:
    """What was told, in seconds since the day began; None = not over."""

    intervals: list[Interval]
    state: VehicleState

    def of(self, *kinds: str) -> list[Interval]:
        return [interval for interval in self.intervals if interval.kind in kinds]

    def spans(self, *kinds: str) -> list[tuple[float, float | None]]:
        return [span(interval) for interval in self.of(*kinds)]

    @property
    def trips(self) -> list[Interval]:
        return self.of("trip")

    @property
    def story(self) -> list[str]:
        """The kinds in the order in which they began, e.g. ["parking", "trip", "stop"]."""
        return [interval.kind for interval in self.intervals]


def span(interval: Interval) -> tuple[float, float | None]:
    ended = interval.ended_us
    return (interval.started_us - START_US) / US, None if ended is None else (ended - START_US) / US


def tell(
    candidates: Sequence[Candidate], rules: VehicleRules = DEFAULTS, fences: FenceIndex = NO_FENCES
) -> Told:
    """Fold all of them, and the last word on each interval by its beginning."""
    output = fold_one(VehicleState(), candidates, fences, rules)
    intervals = sorted(latest(output.told).values(), key=lambda i: (i.started_us, i.kind))
    return Told(intervals, output.state)
