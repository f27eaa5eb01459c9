"""A truck in motion: the true state of one vehicle over simulated time. Pure, by seed."""

import bisect
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from .route import Road, Route

STEP_S = 1.0
LOOK_AHEAD_M = 800.0  # longer than any braking distance of the profiles below
CRAWL_MPS = 0.7  # so that the last metre before a stop is driven, not approached for ever


@dataclass(frozen=True, slots=True)
class Profile:
    """How a laden truck is driven. Limits are what drivers do, not what signs say."""

    motorway_kmh: float = 82.0
    open_kmh: float = 72.0
    town_kmh: float = 34.0
    bad_kmh: float = 38.0
    acceleration_mps2: float = 0.45
    braking_mps2: float = 0.9
    variation: float = 0.07  # relative standard deviation of the wished speed
    variation_s: float = 90.0  # its correlation time
    tank_l: float = 600.0
    litres_per_100km: float = 36.0
    idle_litres_per_h: float = 2.5

    def limit_mps(self, road: Road) -> float:
        kmh = {
            "motorway": self.motorway_kmh,
            "open": self.open_kmh,
            "town": self.town_kmh,
            "bad": self.bad_kmh,
        }[road]
        return kmh / 3.6


@dataclass(frozen=True, slots=True)
class Stop:
    """The truck stands at `along_m` for `duration_s`."""

    along_m: float
    duration_s: float
    reason: str
    engine_on: bool = False


class State(msgspec.Struct, frozen=True, gc=False):
    """Where the truck truly is. `standing` names the reason of a stop, empty when driving."""

    time_us: int
    along_m: float
    speed_mps: float
    ignition: bool
    standing: str
    fuel_l: float


def travel(
    route: Route,
    *,
    stops: Sequence[Stop] = (),
    profile: Profile | None = None,
    seed: str,
    start_us: int,
    fuel_l: float = 420.0,
) -> Iterator[State]:
    """One state each second of simulated time from `start_us` to the end of the route.

    The same arguments give the same states. Speed follows the road class with a driver's slow
    wavering, brakes ahead of slower zones and stops, and never jumps.
    """
    car = _Car(route, profile or Profile(), random.Random(seed), start_us, fuel_l)
    yield car.state("", ignition=True)
    for stop in sorted(stops, key=lambda s: s.along_m):
        if not 0.0 <= stop.along_m <= route.length_m:
            continue
        yield from car.drive_to(stop.along_m)
        yield from car.stand(stop)
    yield from car.drive_to(route.length_m)


class _Car:
    """The moving part of `travel`; never leaves this module."""

    def __init__(
        self, route: Route, profile: Profile, rng: random.Random, start_us: int, fuel_l: float
    ) -> None:
        self.profile = profile
        self.rng = rng
        self.edges = [zone.from_m for zone in route.zones]
        self.limits = [profile.limit_mps(zone.road) for zone in route.zones]
        self.time_us = start_us
        self.along_m = 0.0
        self.speed_mps = 0.0
        self.waver = 0.0
        self.fuel_l = fuel_l

    def state(self, standing: str, *, ignition: bool) -> State:
        return State(self.time_us, self.along_m, self.speed_mps, ignition, standing, self.fuel_l)

    def drive_to(self, end_m: float) -> Iterator[State]:
        per_m = self.profile.litres_per_100km / 100_000.0
        while self.along_m < end_m:
            self.speed_mps = self._next_speed(end_m)
            moved_m = min(self.speed_mps * STEP_S, end_m - self.along_m)
            self.along_m = end_m if end_m - self.along_m - moved_m < 0.05 else self.along_m + moved_m
            self._pass_time(moved_m * per_m)
            yield self.state("", ignition=True)

    def stand(self, stop: Stop) -> Iterator[State]:
        self.speed_mps = 0.0
        burned = self.profile.idle_litres_per_h / 3600.0 * STEP_S if stop.engine_on else 0.0
        for _ in range(math.ceil(stop.duration_s / STEP_S)):
            self._pass_time(burned)
            yield self.state(stop.reason, ignition=stop.engine_on)

    def _pass_time(self, litres: float) -> None:
        self.time_us += int(STEP_S * 1_000_000)
        self.fuel_l -= litres
        if self.fuel_l < 0.1 * self.profile.tank_l:
            self.fuel_l = 0.95 * self.profile.tank_l  # drivers fill up on the way

    def _next_speed(self, end_m: float) -> float:
        profile = self.profile
        # Ornstein-Uhlenbeck, exact step: keeps its spread whatever the step length.
        keep = math.exp(-STEP_S / profile.variation_s)
        self.waver = keep * self.waver + profile.variation * math.sqrt(1 - keep * keep) * self.rng.gauss(0, 1)
        zone = bisect.bisect_right(self.edges, self.along_m) - 1
        wished = self.limits[zone] * min(max(1.0 + self.waver, 0.6), 1.12)
        allowed = min(wished, self._braking_speed(end_m - self.along_m, 0.0))
        for ahead in range(zone + 1, len(self.edges)):
            gap_m = self.edges[ahead] - self.along_m
            if gap_m > LOOK_AHEAD_M:
                break
            allowed = min(allowed, self._braking_speed(gap_m, self.limits[ahead]))
        slowest = self.speed_mps - profile.braking_mps2 * STEP_S * 1.5
        fastest = self.speed_mps + profile.acceleration_mps2 * STEP_S
        return max(min(allowed, fastest), slowest, CRAWL_MPS)

    def _braking_speed(self, gap_m: float, then_mps: float) -> float:
        """The fastest speed from which `then_mps` is still reached in `gap_m`: v² = u² + 2bd."""
        after_step = max(gap_m - self.speed_mps * STEP_S, 0.0)
        return math.sqrt(then_mps * then_mps + 2.0 * self.profile.braking_mps2 * after_step)
