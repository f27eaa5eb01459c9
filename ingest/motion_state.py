"""What is remembered of a vehicle's motion, and what it tells of itself. Pure values."""

from typing import Final

import msgspec

from ingest.interval import Interval, Place, Value

US: Final = 1_000_000
UNKNOWN, STOPPED, DEPARTING, MOVING = range(4)
OFF, ON = 0, 1


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A used fix that motion looks at, and what happened since the one before it."""

    time_us: int
    lon: float
    lat: float
    odo_mm: int  # way of all used fixes up to here
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
    still: Sample  # the last sample that was surely there
    parked: bool = False
    outside: int = 0  # samples in a row outside the radius
    top_kmh: float = 0.0  # highest speed since `still`


class Trip(msgspec.Struct, frozen=True, array_like=True):
    start: Sample
    top_kmh: float = 0.0  # not counting the samples of the window
    stopped_us: int = 0  # short stops on the way


class MotionState(msgspec.Struct, frozen=True, array_like=True):
    """What has to be remembered; MotionState() = nothing seen yet."""

    phase: int = UNKNOWN
    last: Sample | None = None
    window: tuple[Sample, ...] = ()  # candidate for a stop; none while STOPPED
    stop: Stop | None = None  # while STOPPED, and while DEPARTING from it
    trip: Trip | None = None  # told
    tentative: Trip | None = None  # a way that is no trip yet, while UNKNOWN or DEPARTING
    off_since: Sample | None = None  # first of the samples in a row with the engine off
    on_since: Sample | None = None
    ignition_works: bool = False  # it was on once: else a loose wire would make every trip a tow
    idle_since: Sample | None = None  # told
    towed_since: Sample | None = None  # told
    top_kmh: float = 0.0  # highest speed since the last sample

    @property
    def parked(self) -> bool:
        return self.stop is not None and self.stop.parked


def engine_of(state: MotionState) -> int:
    """What is known of the engine: ON, OFF, or -1."""
    if state.on_since is not None:
        return ON
    return -1 if state.off_since is None else OFF


def open_intervals(state: MotionState) -> list[Interval]:
    """What was told and is not over."""
    told = []
    if state.trip is not None:
        told.append(interval_of("trip", state.trip.start, None, trip_values(state.trip, None), 0))
    if state.stop is not None:
        told.append(interval_of(kind_of(state.stop), state.stop.start, None, {}, 0))
    if state.idle_since is not None:
        told.append(interval_of("idling", state.idle_since, None, {}, 0))
    if state.towed_since is not None:
        told.append(interval_of("tow", state.towed_since, None, {}, 0))
    return told


def kind_of(stop: Stop) -> str:
    return "parking" if stop.parked else "stop"


def trip_values(trip: Trip, end: Sample | None) -> dict[str, Value]:
    start, values = trip.start, dict[str, Value]()
    for name in ("odometer_km", "fuel_pct"):
        for moment, sample in (("start", start), ("end", end)):
            value = None if sample is None else getattr(sample, name)
            if value is not None:
                values[f"{moment}_{name}"] = value
    if end is not None:
        values["distance_m"] = (end.odo_mm - start.odo_mm) / 1000
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
