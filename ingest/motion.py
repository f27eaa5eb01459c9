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
from ingest.motion_phases import departing, on_the_way, stopped
from ingest.motion_state import DEPARTING, STOPPED, MotionState, Sample, Work
from telemetry.rules import VehicleRules

# A fix is looked at when it is this much younger than the one before that was, or when the ignition changed.
SAMPLE_S: Final = 10


def step(
    state: MotionState, sample: Sample, before: Sample | None, rules: VehicleRules
) -> tuple[MotionState, list[Interval]]:
    """Go on by one sample; what is told comes in the order of telling.

    `before` is the used fix right before it, given only when `silence.shortest_us` lies between them.
    """
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


def _go_on(state: MotionState, work: Work) -> MotionState:
    state = engine_watch.engine(state, work)
    if state.phase == STOPPED:
        state = stopped(state, work)
    elif state.phase == DEPARTING:
        state = departing(state, work)
    else:
        state = on_the_way(state, work)
    return engine_watch.idle(engine_watch.tow(state, work), work)
