"""What the ignition says: whether the engine runs, idling while standing, and a tow. Pure.

- **Idling**: the engine on while standing, for `idle_min_s`.
- **Tow**: left a stop with the engine off, and moved `tow_distance_m` without its being started: a tow truck, a thief, a
  ferry or a railway wagon.

A wire that never changes tells nothing: without ever having been on there is no tow, without ever having been off no
idling. What was known of the engine is forgotten when nothing was said of it for long.
"""

from msgspec.structs import replace

from ingest.geometry import way_m
from ingest.motion_phases import proven
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


def engine(state: MotionState, work: Work) -> MotionState:
    now = work.now
    if state.on_since is not None and now.time_us - state.engine_us > ENGINE_UNSEEN_US:
        state = replace(_end_idling(state, state.engine_us, work), on_since=None)
    if now.ignition == ON:
        since = now if state.on_since is None else state.on_since
        return replace(state, on_since=since, off_since=None, engine_us=now.time_us, was_on=True)
    if now.ignition == OFF:
        since = now if state.off_since is None else state.off_since
        return replace(state, off_since=since, on_since=None, engine_us=now.time_us, was_off=True)
    return state


def idle(state: MotionState, work: Work) -> MotionState:
    stop = state.stop
    if state.idle_since is not None:
        return state if state.off_since is None else _end_idling(state, work.now.time_us, work)
    if stop is None or state.phase != STOPPED or state.on_since is None or not state.was_off:
        return state
    since = state.on_since if state.on_since.time_us > stop.start.time_us else stop.start
    # Up to where it surely stood: that is where the idling will end if it drives off.
    if stop.still.time_us - since.time_us < work.rules.idle_min_s * US:
        return state
    work.tell("idling", since, None)
    return replace(state, idle_since=since)


def tow(state: MotionState, work: Work) -> MotionState:
    now, rules, stop, off, since = work.now, work.rules, state.stop, state.off_since, state.towed_since
    if since is None:
        way = state.way
        left_off = way is not None and off is not None and off.time_us <= way.start.time_us
        if way is None or not left_off or not state.was_on or not rules.use_ignition:
            return state
        since = way.start
        state = replace(state, towed_since=since)
    if state.phase == STOPPED or off is None:
        # If it was pulled to where it stands now, up to its coming to rest.
        arrived = state.phase == STOPPED and stop is not None and stop.start.time_us > since.time_us
        if state.tow_told:
            work.tell("tow", since, stop.start if arrived and stop is not None else now)
        return replace(state, towed_since=None, tow_told=False)
    if state.tow_told or way_m(*since.place, *now.place) < rules.tow_distance_m:
        return state
    if state.phase == MOVING or (state.phase == DEPARTING and proven(state)):
        work.tell("tow", since, None)
        return replace(state, tow_told=True)
    return state


def end_all(state: MotionState, at: Sample, work: Work) -> MotionState:
    """Nothing more is known after this sample."""
    if state.idle_since is not None:
        state = _end_idling(state, min(at.time_us, state.engine_us), work)
    if state.tow_told and state.towed_since is not None:
        work.tell("tow", state.towed_since, at)
    return replace(state, towed_since=None, tow_told=False)


def _end_idling(state: MotionState, time_us: int, work: Work) -> MotionState:
    """It ends at the place where the vehicle stands."""
    since, stop = state.idle_since, state.stop
    if since is None:
        return state
    still = since if stop is None else stop.still
    time_us = max(since.time_us, time_us)
    work.tell("idling", since, replace(still, time_us=time_us))
    return replace(state, idle_since=None)
