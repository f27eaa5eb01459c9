"""What it means that nothing was heard of a vehicle for long: it stood, it slept, or there is a gap. Pure.

- Many trackers are switched off with the engine, or sleep while parked. A vehicle that is found again where it was last
  seen, or hardly farther than it drives between two fixes, has **stood** all the while.
- The first fix of a receiver that slept is often far off. So one that slept at a stop and wakes up elsewhere is believed
  only when the next fix is elsewhere too.
- Else, after `gap_s`, there is a **gap**, and nothing is said about what happened in it.
"""

from typing import Final

from msgspec.structs import replace

from ingest import engine_watch
from ingest.geometry import way_m
from ingest.motion_phases import STILL, begin, come_to_rest, is_trip, leave, shunted
from ingest.motion_state import (
    DEPARTING,
    STOPPED,
    UNKNOWN,
    US,
    MotionState,
    Sample,
    Stop,
    Woken,
    Work,
    kind_of,
    trip_values,
    wander_of,
)
from telemetry.rules import VehicleRules

# Of min_trip_m: what a device that is switched off with the engine may have missed of the way to the place.
_MISSED: Final = 2.0


def shortest_us(rules: VehicleRules) -> int:
    """A shorter silence means nothing."""
    return min(rules.gap_s, rules.parking_min_s) * US


def after(state: MotionState, before: Sample, work: Work) -> MotionState:
    """The state with what the silence between `before` and now means; `woken` if only the next fix can tell."""
    now, rules, stop = work.now, work.rules, state.stop
    if state.last is not None and state.last.time_us == before.time_us:
        before = state.last  # knows more
    is_gap = now.time_us - before.time_us > rules.gap_s * US
    if stop is not None and stop.distance_m(now) <= rules.stop_radius_m:
        return state
    if state.phase == STOPPED:
        return replace(state, woken=Woken(before, now)) if is_gap else state
    if state.way is not None and is_trip(state, state.way, before, rules):
        state = begin(state, work) if state.phase == UNKNOWN else leave(state, work)
    if way_m(*before.place, *now.place) <= max(rules.stop_radius_m, _MISSED * rules.min_trip_m):
        return _stood(state, before, work)
    return _across_gap(state, before, work) if is_gap else state


def settle(state: MotionState, work: Work) -> tuple[MotionState, Sample | None]:
    """The state of one that woke up elsewhere, now that there is another fix; and the first fix if it is to be
    gone on from."""
    stop, woken, rules = state.stop, state.woken, work.rules
    assert stop is not None
    assert woken is not None
    state = replace(state, woken=None)
    if stop.distance_m(work.now) <= rules.stop_radius_m:
        return state, None
    first = woken.first
    if stop.distance_m(first) < rules.min_trip_m:
        wander_mm = state.wander_mm + wander_of(state)
        origin = stop.origin or stop.still
        stop = replace(stop, lon=first.lon, lat=first.lat, samples=1, still=first, since=first, origin=origin)
        return replace(state, stop=stop, wander_mm=wander_mm), None
    return _across_gap(state, woken.before, work.earlier(first)), first


def _stood(state: MotionState, before: Sample, work: Work) -> MotionState:
    """It came to the place where it is now and stood there since `before`."""
    now = work.now
    near_m = STILL * work.rules.stop_radius_m
    start = next((s for s in state.window if way_m(*before.place, *s.place) <= near_m), before)
    place = Stop(start, now.lon, now.lat, 1, still=now, since=start)
    if state.phase == DEPARTING:
        return shunted(state, place, work)
    state = replace(state, window=(*state.window, before))
    return come_to_rest(state, place, work)


def _across_gap(state: MotionState, before: Sample, work: Work) -> MotionState:
    """Everything ends at the fix before the gap; what follows begins anew."""
    stop, trip = state.stop, state.trip
    state = engine_watch.end_all(state, before, work)
    if stop is not None:
        work.tell(kind_of(stop), stop.start, before)
    if trip is not None:
        end = before if stop is None else stop.start
        tops = (before.top_kmh, *(sample.top_kmh for sample in state.window)) if stop is None else ()
        trip = replace(trip, top_kmh=max(trip.top_kmh, *tops, 0.0))
        work.tell("trip", trip.start, end, trip_values(trip, end, state.wander_mm))
    way = way_m(*before.place, *work.now.place)
    work.tell("gap", before, work.now, {"distance_m": round(way, 1)})
    wander_mm = state.wander_mm + wander_of(state)
    return MotionState(was_on=state.was_on, was_off=state.was_off, wander_mm=wander_mm)
