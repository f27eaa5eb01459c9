"""Trips, stops, parking and gaps of one vehicle from its used fixes in event time. Pure.

- A **stop**: all fixes of `stop_min_s` lie within `stop_radius_m`; or the engine is off for `ignition_off_s`, where the
  device reports that. It is dated to the first fix at the place. A middle that is the mean of all fixes there is what
  the vehicle is at or has left: a receiver's wander around it is no departure.
- A stop of `parking_min_s` is **parking**: the trip before it ended where the stop began. A shorter stop is part of a trip.
- A **trip** begins at the last fix at the place of the stop before, once fixes in a row lie outside the radius, go on
  beyond the radius of the first of them, and the way is `min_trip_m`. A shorter way that ends in a stop again was
  shunting: both stops are one.
- A **gap**: no fix for `gap_s`, and the vehicle elsewhere afterwards (`ingest.silence`). What was going on ends at the
  fix before it.
- **Idling** and **tow**: `ingest.engine_watch`.

Going through the fixes one after the other, or in any pieces, ends in the same state and tells the same.
The idea of a window of distance and duration, and of walking back to the true start, is common among trackers'
servers (Traccar's newer motion logic, Wialon's trip detector); `docs/decisions/0016-trips-and-stops.md` compares.
"""

from typing import Final

from msgspec.structs import replace

from ingest import engine_watch, silence
from ingest.interval import Interval
from ingest.motion_phases import departing, grown, on_the_way, stopped
from ingest.motion_state import (
    DEPARTING,
    ENGINE_UNSEEN_US,
    MOVING,
    OFF,
    ON,
    STOPPED,
    US,
    MotionState,
    Sample,
    Work,
)
from telemetry.rules import VehicleRules

# A fix is looked at when it is this much younger than the one before that was, or when the ignition changed.
SAMPLE_S: Final = 10


def step(
    state: MotionState, sample: Sample, before: Sample | None, rules: VehicleRules
) -> tuple[MotionState, list[Interval]]:
    """Go on by one sample; what is told comes in the order of telling.

    `before` is the used fix right before it, given only when `silence.shortest_us` lies between them.
    """
    driven = drive_on(state, sample, rules) if before is None else None
    if driven is not None:
        return driven, []
    work = Work(sample, rules)
    if state.woken is not None:
        state, woken = silence.settle(state, work)
        if woken is not None:
            state = replace(_go_on(state, work.earlier(woken)), last=woken)
    if before is not None:
        state = silence.after(state, before, work)
    if state.woken is None:
        state = _go_on(state, work)
    return replace(state, last=sample, top_kmh=0.0), work.told


def drive_on(state: MotionState, now: Sample, rules: VehicleRules) -> MotionState | None:
    """The commonest step done at once: on a trip, and nothing about the engine or a stop; None = not that plain.

    What the way of all others would come to; tests hold it to that.
    """
    if state.phase != MOVING or state.woken is not None or state.way is not None:
        return None
    if state.off_since is not None or state.idle_since is not None or state.towed_since is not None:
        return None
    engine_us = state.engine_us
    if now.ignition == ON:
        if state.on_since is None or not state.was_on or now.time_us - engine_us > ENGINE_UNSEEN_US:
            return None
        engine_us = now.time_us
    elif now.ignition == OFF or state.on_since is not None:
        return None
    window, passed = grown(state.window, now, rules)
    if now.time_us - window[0].time_us >= rules.stop_min_s * US:
        return None
    trip = state.trip
    if passed and trip is not None:
        top_kmh = max(sample.top_kmh for sample in passed)
        if top_kmh > trip.top_kmh:
            trip = replace(trip, top_kmh=top_kmh)
    return replace(state, window=window, trip=trip, engine_us=engine_us, last=now, top_kmh=0.0)


def _go_on(state: MotionState, work: Work) -> MotionState:
    state = engine_watch.engine(state, work)
    if state.phase == STOPPED:
        state = stopped(state, work)
    elif state.phase == DEPARTING:
        state = departing(state, work)
    else:
        state = on_the_way(state, work)
    return engine_watch.idle(engine_watch.tow(state, work), work)
