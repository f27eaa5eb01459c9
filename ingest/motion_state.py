"""What is remembered of a vehicle's motion, what it tells of itself, and one sample being worked on."""

from typing import Final

import msgspec

from ingest.geometry import way_m
from ingest.interval import Interval, Place, Value
from telemetry.rules import VehicleRules

US: Final = 1_000_000
UNKNOWN, STOPPED, DEPARTING, MOVING = range(4)
OFF, ON = 0, 1
# Between fixes farther apart the engine may have been off.
ENGINE_UNSEEN_US: Final = 600 * US


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A used fix that motion looks at, and what happened since the one before it."""

    time_us: int
    lon: float
    lat: float
    odo_mm: int  # way up to here
    ignition: int = -1  # 1 on, 0 off, -1 unknown
    top_kmh: float = 0.0  # highest speed since the sample before
    odometer_km: float | None = None  # the device's own
    fuel_pct: float | None = None

    @property
    def place(self) -> Place:
        return (self.lon, self.lat)


class Stop(msgspec.Struct, frozen=True, array_like=True):
    start: Sample
    lon: float  # middle of the place
    lat: float
    samples: int  # so many the middle is the mean of
    still: Sample  # the last sample that was surely there
    since: Sample  # where it came to stand here, after shunting later than `start`
    origin: Sample | None = None  # before the first shunting, the last sample at the first place
    parked: bool = False
    top_kmh: float = 0.0  # highest speed that no trip has counted yet

    def distance_m(self, sample: Sample) -> float:
        return way_m(self.lon, self.lat, sample.lon, sample.lat)


class Way(msgspec.Struct, frozen=True, array_like=True):
    """What may become a trip: the way from a place."""

    start: Sample
    lon: float  # middle of the place
    lat: float
    top_kmh: float = 0.0  # not counting the samples of the window
    outside: int = 0  # samples in a row outside the place's radius
    outside_us: int = 0  # time of the first of them

    def distance_m(self, sample: Sample) -> float:
        return way_m(self.lon, self.lat, sample.lon, sample.lat)


class Trip(msgspec.Struct, frozen=True, array_like=True):
    start: Sample
    wander_mm: int  # the vehicle's when the trip began
    top_kmh: float = 0.0  # not counting the samples of the window
    stopped_us: int = 0  # short stops on the way


class Woken(msgspec.Struct, frozen=True, array_like=True):
    """After a long silence at a stop the first fix is elsewhere: the one before, and that one."""

    before: Sample
    first: Sample


class MotionState(msgspec.Struct, frozen=True, array_like=True):
    """What has to be remembered; MotionState() = nothing seen yet."""

    phase: int = UNKNOWN
    last: Sample | None = None
    window: tuple[Sample, ...] = ()  # candidate for a stop; none while STOPPED
    stop: Stop | None = None  # while STOPPED, and while DEPARTING from it
    trip: Trip | None = None  # told
    way: Way | None = None  # that is no trip yet, while UNKNOWN or DEPARTING
    woken: Woken | None = None  # while STOPPED
    off_since: Sample | None = None  # first of the samples in a row with the engine off
    on_since: Sample | None = None
    engine_us: int = 0  # time of the last sample that told of the engine
    was_on: bool = False  # else a dead wire would make every trip a tow
    was_off: bool = False  # else a wire that is always on would make every night idling
    idle_since: Sample | None = None  # told
    towed_since: Sample | None = None  # left with the engine off, and still off
    tow_told: bool = False
    wander_mm: int = 0  # way that was counted while standing, and was none
    top_kmh: float = 0.0  # highest speed since the last sample

    @property
    def parked(self) -> bool:
        return self.stop is not None and self.stop.parked


class Work:
    """One sample being worked on: the rules, and what was told."""

    __slots__ = ("now", "rules", "seen_us", "told")

    def __init__(self, now: Sample, rules: VehicleRules) -> None:
        self.now, self.rules = now, rules
        self.seen_us = now.time_us
        self.told: list[Interval] = []

    def earlier(self, sample: Sample) -> "Work":
        """For a sample before this one that only this one made sense of."""
        work = Work(sample, self.rules)
        work.seen_us, work.told = self.seen_us, self.told
        return work

    def tell(
        self, kind: str, start: Sample, end: Sample | None, values: dict[str, Value] | None = None
    ) -> None:
        self.told.append(interval_of(kind, start, end, values or {}, self.seen_us))


def engine_of(state: MotionState) -> int:
    """What is known of the engine: ON, OFF, or -1."""
    if state.on_since is not None:
        return ON
    return -1 if state.off_since is None else OFF


def wander_of(state: MotionState) -> int:
    """Way counted since the vehicle stands here that is more than the straight line; 0 while it is not standing."""
    stop = state.stop
    if stop is None:
        return 0
    here = stop.still
    return max(0, here.odo_mm - stop.since.odo_mm - round(way_m(*stop.since.place, *here.place) * 1000))


def open_intervals(state: MotionState) -> list[Interval]:
    """What was told and is not over."""
    told = []
    if state.trip is not None:
        told.append(interval_of("trip", state.trip.start, None, trip_values(state.trip, None, 0), 0))
    if state.stop is not None:
        told.append(interval_of(kind_of(state.stop), state.stop.start, None, {}, 0))
    if state.idle_since is not None:
        told.append(interval_of("idling", state.idle_since, None, {}, 0))
    if state.towed_since is not None and state.tow_told:
        told.append(interval_of("tow", state.towed_since, None, {}, 0))
    return told


def kind_of(stop: Stop) -> str:
    return "parking" if stop.parked else "stop"


def trip_values(trip: Trip, end: Sample | None, wander_mm: int) -> dict[str, Value]:
    start, values = trip.start, dict[str, Value]()
    for name in ("odometer_km", "fuel_pct"):
        for moment, sample in (("start", start), ("end", end)):
            value = None if sample is None else getattr(sample, name)
            if value is not None:
                values[f"{moment}_{name}"] = value
    if end is not None:
        wandered_mm = wander_mm - trip.wander_mm
        values["distance_m"] = max(0, end.odo_mm - start.odo_mm - wandered_mm) / 1000
        if trip.top_kmh:
            # Else the device reports no speeds: that it never moved would be wrong.
            values["max_speed_kmh"] = round(trip.top_kmh, 1)
        values["stopped_s"] = trip.stopped_us // US
    return values


def interval_of(
    kind: str, start: Sample, end: Sample | None, values: dict[str, Value], seen_us: int
) -> Interval:
    return Interval(
        kind,
        start.time_us,
        None if end is None else end.time_us,
        seen_us,
        start=start.place,
        end=None if end is None else end.place,
        values=values,
    )
