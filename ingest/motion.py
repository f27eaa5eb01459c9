"""Trips, stops, parking and gaps of one vehicle from its used fixes in event time. Pure.

- A **stop**: all fixes of `stop_min_s` lie within `stop_radius_m`; or the engine is off for `ignition_off_s`, where the
  device reports that. It is dated to the first fix at the place.
- A stop of `parking_min_s` is **parking**: the trip before it ended where the stop began. A shorter stop is part of a trip.
- A **trip** begins at the last fix at the place of the stop before, once two fixes in a row lie outside the radius and
  the way since is `min_trip_m`. A shorter way that ends in a stop again was shunting: both stops are one.
- A **gap**: no fix for `gap_s`, and the vehicle elsewhere afterwards. What was going on ends at the fix before it.
- **Idling**: the engine on while standing, for `idle_min_s`. **Tow**: moved `tow_distance_m` with the engine off.

Going through the fixes one after the other, or in any pieces, ends in the same state and tells the same.
The idea of a window of distance and duration, and of walking back to the true start, is common among trackers'
servers (Traccar's newer motion logic, Wialon's trip detector); `docs/motion.md` compares.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from ingest.geometry import way_m
from ingest.interval import Interval, Value
from ingest.motion_state import (
    DEPARTING,
    MOVING,
    OFF,
    ON,
    STOPPED,
    UNKNOWN,
    US,
    MotionState,
    Sample,
    Stop,
    Trip,
    interval_of,
    kind_of,
    trip_values,
)
from telemetry.rules import VehicleRules

# A fix is looked at when it is this much younger than the one before that was, or when the ignition changed.
SAMPLE_S: Final = 10
# A candidate for a stop keeps at most so many samples.
_WINDOW_SAMPLES: Final = 36
# Of the radius: nearer than this to the middle of a stop the vehicle is still there.
_STILL: Final = 0.25
_AT_PLACE: Final = 0.5
_OUTSIDE_FOR_DEPARTURE: Final = 2
# Slower than walking is a receiver's wander, not a departure.
_WANDER_MPS: Final = 1.0


class _Step:
    """One sample being worked on: the state so far, and what was told."""

    __slots__ = ("now", "rules", "told")

    def __init__(self, now: Sample, rules: VehicleRules) -> None:
        self.now, self.rules = now, rules
        self.told: list[Interval] = []

    def tell(
        self, kind: str, start: Sample, end: Sample | None, values: dict[str, Value] | None = None
    ) -> None:
        self.told.append(interval_of(kind, start, end, values or {}, self.now.time_us))


def step(
    state: MotionState, sample: Sample, before: Sample | None, rules: VehicleRules
) -> tuple[MotionState, list[Interval]]:
    """Go on by one sample; what is told comes in the order of telling.

    `before` is the used fix right before it, given only when `gap_s` lies between them.
    """
    work = _Step(sample, rules)
    if before is not None and way_m(*before.place, *sample.place) > rules.stop_radius_m:
        state = _across_gap(state, before, work)
    state = _engine(state, sample)
    if state.phase == STOPPED:
        state = _stopped(state, work)
    elif state.phase == DEPARTING:
        state = _departing(state, work)
    else:
        state = _on_the_way(state, work)
    state = _idle(_tow(state, work), work)
    return replace(state, last=sample, top_kmh=0.0), work.told


def _on_the_way(state: MotionState, work: _Step) -> MotionState:
    """UNKNOWN or MOVING."""
    now, rules = work.now, work.rules
    if state.phase == UNKNOWN and state.tentative is None:
        state = replace(state, tentative=Trip(now))
    window, passed = _slide(state.window, now, rules)
    state = _with_top(replace(state, window=window), passed)
    stop = _found_stop(state, now, rules)
    if stop is not None:
        return _come_to_rest(state, stop, work)
    tentative = state.tentative
    if tentative is not None and _is_a_trip(tentative, now, rules):
        state = replace(state, phase=MOVING, trip=tentative, tentative=None)
        work.tell("trip", tentative.start, None, trip_values(tentative, None))
    return state


def _come_to_rest(state: MotionState, stop: Stop, work: _Step) -> MotionState:
    trip = state.trip
    if trip is not None:
        # Up to the stop; the rest of the window belongs to it.
        at_most = [sample.top_kmh for sample in state.window if sample.time_us <= stop.start.time_us]
        trip = replace(trip, top_kmh=max(trip.top_kmh, *at_most, 0.0))
    state = replace(state, phase=STOPPED, window=(), stop=stop, trip=trip, tentative=None)
    work.tell(kind_of(stop), stop.start, None)
    return _maybe_parked(state, work)


def _maybe_parked(state: MotionState, work: _Step) -> MotionState:
    """A stop that has become long enough is parking, and the trip was over when it began."""
    stop = state.stop
    assert stop is not None
    if stop.parked or work.now.time_us - stop.start.time_us < work.rules.parking_min_s * US:
        return state
    stop = replace(stop, parked=True)
    work.tell("parking", stop.start, None)
    if state.trip is not None:
        work.tell("trip", state.trip.start, stop.start, trip_values(state.trip, stop.start))
    return replace(state, stop=stop, trip=None)


def _stopped(state: MotionState, work: _Step) -> MotionState:
    stop, now, rules = state.stop, work.now, work.rules
    assert stop is not None
    assert state.last is not None
    distance_m = way_m(stop.lon, stop.lat, *now.place)
    if distance_m > rules.stop_radius_m:
        tentative = Trip(stop.still, stop.top_kmh)
        return replace(
            state, phase=DEPARTING, stop=replace(stop, outside=1), tentative=tentative, window=(now,)
        )
    seconds = (now.time_us - state.last.time_us) / US
    slow = way_m(*state.last.place, *now.place) <= _WANDER_MPS * seconds
    if slow or distance_m <= _STILL * rules.stop_radius_m:
        stop = replace(stop, still=now, outside=0, top_kmh=0.0)
    else:
        stop = replace(stop, outside=0, top_kmh=max(stop.top_kmh, now.top_kmh))
    return _maybe_parked(replace(state, stop=stop), work)


def _departing(state: MotionState, work: _Step) -> MotionState:
    stop, now, rules = state.stop, work.now, work.rules
    assert stop is not None
    if way_m(stop.lon, stop.lat, *now.place) <= rules.stop_radius_m:
        top_kmh = max(stop.top_kmh, now.top_kmh, *(sample.top_kmh for sample in state.window))
        back = replace(stop, outside=0, top_kmh=top_kmh)
        return _maybe_parked(replace(state, phase=STOPPED, stop=back, tentative=None, window=()), work)
    window, passed = _slide(state.window, now, rules)
    stop = replace(stop, outside=stop.outside + 1)
    state = _with_top(replace(state, window=window, stop=stop), passed)
    shunted = _found_stop(state, now, rules)
    if shunted is not None:
        merged = replace(shunted, start=stop.start, parked=stop.parked)
        return _maybe_parked(replace(state, phase=STOPPED, stop=merged, tentative=None, window=()), work)
    tentative = state.tentative
    assert tentative is not None
    if stop.outside < _OUTSIDE_FOR_DEPARTURE or not _is_a_trip(tentative, now, rules):
        return state
    return replace(_leave(state, work), phase=MOVING)


def _leave(state: MotionState, work: _Step) -> MotionState:
    """The stop is over, and the way since is a trip or the rest of the one before."""
    stop, trip, tentative = state.stop, state.trip, state.tentative
    assert stop is not None
    assert tentative is not None
    work.tell(kind_of(stop), stop.start, stop.still)
    if trip is None:
        trip = tentative
        work.tell("trip", trip.start, None, trip_values(trip, None))
    else:
        stopped_us = trip.stopped_us + stop.still.time_us - stop.start.time_us
        trip = replace(trip, top_kmh=max(trip.top_kmh, tentative.top_kmh), stopped_us=stopped_us)
    state = replace(state, stop=None, trip=trip, tentative=None)
    if state.idle_since is not None:
        work.tell("idling", state.idle_since, stop.still)
        state = replace(state, idle_since=None)
    return state


def _across_gap(state: MotionState, before: Sample, work: _Step) -> MotionState:
    """Everything ends at the fix before the gap; what follows begins anew."""
    stop, tentative = state.stop, state.tentative
    if state.phase == DEPARTING:
        state = _leave(state, work)
    elif state.phase == UNKNOWN and tentative is not None and _is_a_trip(tentative, before, work.rules):
        state = replace(state, trip=tentative)
    trip = state.trip
    if state.phase == STOPPED:
        assert stop is not None
        work.tell(kind_of(stop), stop.start, before)
        if trip is not None:
            work.tell("trip", trip.start, stop.start, trip_values(trip, stop.start))
    elif trip is not None:
        trip = replace(
            trip, top_kmh=max(trip.top_kmh, before.top_kmh, *(s.top_kmh for s in state.window), 0.0)
        )
        work.tell("trip", trip.start, before, trip_values(trip, before))
    for kind, since in (("idling", state.idle_since), ("tow", state.towed_since)):
        if since is not None:
            work.tell(kind, since, before)
    way = way_m(*before.place, *work.now.place)
    work.tell("gap", before, work.now, {"distance_m": round(way, 1)})
    return MotionState(ignition_works=state.ignition_works)


def _engine(state: MotionState, now: Sample) -> MotionState:
    if now.ignition == ON:
        if state.on_since is None:
            state = replace(state, on_since=now, off_since=None, ignition_works=True)
    elif now.ignition == OFF and state.off_since is None:
        state = replace(state, off_since=now, on_since=None)
    return state


def _idle(state: MotionState, work: _Step) -> MotionState:
    now, stop = work.now, state.stop
    if state.idle_since is not None:
        if state.off_since is None:
            return state
        work.tell("idling", state.idle_since, now)
        return replace(state, idle_since=None)
    if stop is None or state.phase != STOPPED or state.on_since is None:
        return state
    since = state.on_since if state.on_since.time_us > stop.start.time_us else stop.start
    # Up to where it surely stood: that is where the idling will end if it drives off.
    if stop.still.time_us - since.time_us < work.rules.idle_min_s * US:
        return state
    work.tell("idling", since, None)
    return replace(state, idle_since=since)


def _tow(state: MotionState, work: _Step) -> MotionState:
    now, stop, off = work.now, state.stop, state.off_since
    if state.towed_since is not None:
        if state.phase == STOPPED or off is None:
            work.tell("tow", state.towed_since, now)
            return replace(state, towed_since=None)
        return state
    if state.phase != DEPARTING or not state.ignition_works or not work.rules.use_ignition:
        return state
    assert stop is not None
    if off is None or off.time_us > stop.still.time_us:
        return state
    if way_m(stop.lon, stop.lat, *now.place) < work.rules.tow_distance_m:
        return state
    work.tell("tow", stop.still, None)
    return replace(state, towed_since=stop.still)


def _slide(
    window: tuple[Sample, ...], now: Sample, rules: VehicleRules
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """The window with `now`, cut so that all of it is within the radius of its first; and what was cut off."""
    spacing_us = rules.stop_min_s * US // _WINDOW_SAMPLES
    if len(window) > 1 and now.time_us - window[-2].time_us < spacing_us:
        # Stands for the one it replaces, whose speed must not be lost.
        kept, dropped = window[:-1], window[-1]
        grown = (*kept, replace(now, top_kmh=max(now.top_kmh, dropped.top_kmh)))
    else:
        grown = (*window, now)
    first = 0
    while any(
        way_m(*grown[first].place, *later.place) > rules.stop_radius_m for later in _unchecked(grown, first)
    ):
        first += 1
    return grown[first:], grown[:first]


def _unchecked(window: Sequence[Sample], first: int) -> Sequence[Sample]:
    """Of the first one all are known to be near but the newest."""
    return window[-1:] if first == 0 else window[first + 1 :]


def _found_stop(state: MotionState, now: Sample, rules: VehicleRules) -> Stop | None:
    window, off = state.window, state.off_since
    first = window[0]
    long_enough = now.time_us - first.time_us >= rules.stop_min_s * US
    switched_off = (
        rules.use_ignition
        and off is not None
        and off.time_us >= first.time_us
        and now.time_us - off.time_us >= rules.ignition_off_s * US
    )
    if not long_enough and not switched_off:
        return None
    half_us = (first.time_us + now.time_us) // 2
    settled = [sample for sample in window if sample.time_us >= half_us]
    lon = sum(sample.lon for sample in settled) / len(settled)
    lat = sum(sample.lat for sample in settled) / len(settled)
    near_m = _AT_PLACE * rules.stop_radius_m
    start = next((sample for sample in window if way_m(lon, lat, *sample.place) <= near_m), now)
    if switched_off and off is not None and off.time_us > start.time_us:
        start = off
    return Stop(start, lon, lat, still=now)


def _is_a_trip(tentative: Trip, now: Sample, rules: VehicleRules) -> bool:
    start = tentative.start
    return (
        now.odo_mm - start.odo_mm >= rules.min_trip_m * 1000
        and way_m(*start.place, *now.place) > rules.stop_radius_m
    )


def _with_top(state: MotionState, passed: Sequence[Sample]) -> MotionState:
    """The highest speed of samples that left the window goes to the way they were part of."""
    if not passed:
        return state
    top_kmh = max(sample.top_kmh for sample in passed)
    if state.tentative is not None:
        way = state.tentative
        return replace(state, tentative=replace(way, top_kmh=max(way.top_kmh, top_kmh)))
    if state.trip is not None:
        return replace(state, trip=replace(state.trip, top_kmh=max(state.trip.top_kmh, top_kmh)))
    return state
