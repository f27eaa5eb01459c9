"""What a GPS receiver makes of the truth: sampling, correlated error, claimed accuracy."""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .commands import Pace
from .fix import Fix
from .route import Route
from .truck import Profile, State, Stop, travel

METRES_PER_DEGREE = 111_320.0
# A circular normal error of sigma per axis lies within 1.515 sigma for 68 % of the time.
RADIUS_68_PER_SIGMA = math.sqrt(-2.0 * math.log(1.0 - 0.6827))
SLOW_SHARE = 0.8  # of the variance wanders (multipath, ionosphere), the rest is white


@dataclass(frozen=True, slots=True)
class Receiver:
    """A tracker or phone. `jitter` is the true error over the claimed one; above 1 it lies."""

    interval_s: float = 10.0
    standing_interval_s: float = 30.0
    first_delay_s: float = 0.0  # offset that keeps two devices of one truck out of step
    accuracy_m: float = 6.0
    accuracy_spread: float = 0.25  # relative, log-normal
    jitter: float = 1.0
    correlation_s: float = 60.0
    satellites: int = 11
    vehicle_bus: bool = True  # ignition, odometer and fuel are known
    battery_pct: float = 100.0
    battery_drain_per_h: float = 0.0  # charges at three times this when the engine runs


TRACKER = Receiver()
PHONE = Receiver(
    interval_s=30.0,
    standing_interval_s=60.0,
    first_delay_s=7.0,
    accuracy_m=18.0,
    accuracy_spread=0.5,
    satellites=8,
    vehicle_bus=False,
    battery_pct=85.0,
    battery_drain_per_h=6.0,
)


def observe(
    states: Iterable[State],
    route: Route,
    receiver: Receiver = TRACKER,
    *,
    seed: str,
    profile: Profile | None = None,
    odometer_km: float = 120_000.0,
    pace: Pace | None = None,
) -> Iterator[Fix]:
    """Sample true states into fixes with error; unnumbered (`seq` 0), strictly rising in time.

    An interval commanded in `pace` takes the place of the receiver's own two; a truck that begins to move
    is reported at once all the same.

    The error wanders as an AR(1) process in east and north, also while standing, so a parked
    truck drifts over a border as real ones do. Coordinates carry 7 decimals (about 1 cm).
    """
    sensor = _Sensor(route, receiver, random.Random(seed), profile or Profile(), odometer_km)
    next_us: int | None = None
    stood = False
    for state in states:
        if next_us is None:
            next_us = state.time_us + round(receiver.first_delay_s * 1e6)
        commanded_s = None if pace is None else pace.interval_s
        starts = commanded_s is not None and stood and state.speed_mps > 0
        if state.time_us < next_us and not starts:
            continue
        yield sensor.fix(state)
        stood = state.speed_mps <= 0
        wait_s = receiver.standing_interval_s if stood else receiver.interval_s
        next_us = state.time_us + round((commanded_s or wait_s) * 1e6)


def drive(
    route: Route,
    *,
    profile: Profile | None = None,
    seed: str,
    start_us: int,
    stops: tuple[Stop, ...] = (),
    receiver: Receiver = TRACKER,
) -> Iterator[Fix]:
    """One device's fixes of one truck on `route`. A second receiver with the same `seed` and
    `start_us` sees the same truck, with errors of its own when `first_delay_s` or `accuracy_m` differ."""
    states = travel(route, stops=stops, profile=profile, seed=seed, start_us=start_us)
    own = f"{seed}/{receiver.accuracy_m}/{receiver.first_delay_s}"
    return observe(states, route, receiver, seed=own, profile=profile)


class _Sensor:
    def __init__(
        self, route: Route, receiver: Receiver, rng: random.Random, profile: Profile, odometer_km: float
    ) -> None:
        self.route = route
        self.receiver = receiver
        self.rng = rng
        self.tank_l = profile.tank_l
        self.odometer_km = odometer_km
        self.sigma_m = receiver.jitter * receiver.accuracy_m / RADIUS_68_PER_SIGMA
        self.slow_m = [self._gauss_slow(), self._gauss_slow()]
        self.last_us: int | None = None
        self.battery_pct = receiver.battery_pct
        self.heading_deg = 0.0

    def _gauss_slow(self) -> float:
        return self.sigma_m * math.sqrt(SLOW_SHARE) * self.rng.gauss(0, 1)

    def fix(self, state: State) -> Fix:
        gap_s = (state.time_us - self.last_us) / 1e6 if self.last_us is not None else 0.0
        self.last_us = state.time_us
        east_m, north_m = self._error(gap_s)
        lon, lat, course = self.route.position(state.along_m)
        rng, receiver = self.rng, self.receiver
        moving = state.speed_mps > 0.5
        if moving:  # a standing receiver knows no course: trackers repeat the last one
            self.heading_deg = (course + rng.gauss(0, 2.0)) % 360.0
        speed_kmh = max(0.0, state.speed_mps * 3.6 + rng.gauss(0, 0.5)) if moving else 0.0
        self._use_battery(gap_s, state.ignition)
        satellites = max(4, receiver.satellites + rng.choice((-2, -1, 0, 0, 1)))
        spread = math.exp(rng.gauss(0, receiver.accuracy_spread))
        bus = receiver.vehicle_bus
        return Fix(
            time_us=state.time_us,
            lon=round(lon + east_m / (METRES_PER_DEGREE * math.cos(math.radians(lat))), 7),
            lat=round(lat + north_m / METRES_PER_DEGREE, 7),
            speed_kmh=round(speed_kmh, 1),
            heading_deg=round(self.heading_deg, 1) % 360.0,
            altitude_m=round(18.0 + rng.gauss(0, 3.0), 1),
            accuracy_m=round(max(1.0, receiver.accuracy_m * spread), 1),
            satellites=satellites,
            hdop=round(max(0.6, 9.0 / satellites), 2),
            ignition=state.ignition if bus else None,
            battery_pct=round(self.battery_pct, 1),
            fuel_pct=round(100.0 * state.fuel_l / self.tank_l, 1) if bus else None,
            odometer_km=round(self.odometer_km + state.along_m / 1000.0, 3) if bus else None,
        )

    def _error(self, gap_s: float) -> tuple[float, float]:
        keep = math.exp(-gap_s / self.receiver.correlation_s)
        fresh = math.sqrt(1.0 - keep * keep)
        white_m = self.sigma_m * math.sqrt(1.0 - SLOW_SHARE)
        self.slow_m = [keep * slow + fresh * self._gauss_slow() for slow in self.slow_m]
        return (
            self.slow_m[0] + white_m * self.rng.gauss(0, 1),
            self.slow_m[1] + white_m * self.rng.gauss(0, 1),
        )

    def _use_battery(self, gap_s: float, charging: bool) -> None:
        rate = self.receiver.battery_drain_per_h * (3.0 if charging else -1.0)
        self.battery_pct = min(100.0, max(1.0, self.battery_pct + rate * gap_s / 3600.0))
