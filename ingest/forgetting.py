"""A vehicle's state without the positions of a phone whose driver had his data erased. Pure.

What hangs on them is kept where it is known without them: the fences it is in, and since when; the way so far. A fix
that stays as the proof of an entry, or as the last one that counted, keeps its time and loses its coordinates (NaN,
which every reader of a state takes for "nothing known"). What was going on (a trip, a stop, speeding, an alarm) and
began or was last seen at one of his positions is forgotten, and told as ended.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from geofence.crossings import FenceState, Fix
from ingest import alarm_watch, behaviour, motion_state
from ingest.alarm_watch import DeviceAlarms
from ingest.behaviour import Behaviour
from ingest.interval import Interval
from ingest.motion_state import MotionState
from ingest.odometer import up_to
from ingest.state import VehicleState

_FOREVER_US: Final = 2**62


class Span(msgspec.Struct, frozen=True):
    """A device while it was his; microseconds, half-open."""

    device_id: int
    since_us: int = -_FOREVER_US
    until_us: int = _FOREVER_US

    def holds(self, time_us: int) -> bool:
        return self.since_us <= time_us < self.until_us

    def has(self, fix: Fix | None) -> bool:
        """Whether the fix is his and not forgotten yet."""
        if fix is None or math.isnan(fix.lat):
            return False
        return fix.device_id == self.device_id and self.holds(fix.time_us)


class Forgotten(msgspec.Struct, frozen=True):
    state: VehicleState
    ended: list[Interval]  # what was going on


def held_times(state: VehicleState) -> set[int]:
    """Times of positions that the state remembers without saying whose they are."""
    return set(_times(state.motion)) | set(_times(state.behaviour)) | set(_times(state.fuel))


def without(state: VehicleState, span: Span, is_his: Callable[[int], bool]) -> Forgotten | None:
    """None when there is nothing of his in it. `is_his`: whether what happened at a time, one of `held_times`, was his."""
    last_is_his = span.has(state.last)
    going_on = last_is_his or any(is_his(time_us) for time_us in held_times(state) if span.holds(time_us))
    alarms = {device: _alarms(device, each, span) for device, each in state.alarms.items()}
    fences = {fence: _fence(each, span) for fence, each in state.fences.items()}
    suspect_is_his = span.has(state.suspect)
    new = _of_nobody(replace(state, last=_nowhere(state.last)) if last_is_his and state.last else state)
    untouched = new is state and alarms == state.alarms and _same(fences, state.fences)
    if untouched and not going_on and not suspect_is_his:
        return None
    new = replace(
        new,
        suspect=None if suspect_is_his else state.suspect,
        suspects=0 if suspect_is_his else state.suspects,
        fences=fences,
        alarms=alarms,
    )
    if going_on:
        # What the vehicle wandered while standing is known to its motion alone.
        way_mm = new.way_mm - (state.way_mm - state.odo_mm)
        motion = MotionState(was_on=state.motion.was_on, was_off=state.motion.was_off)
        new = replace(new, way_mm=way_mm, motion=motion, behaviour=Behaviour(), fuel=None)
    return Forgotten(new, _ended(state, new))


def _of_nobody(state: VehicleState) -> VehicleState:
    """Without places of which nothing says whose positions made them: the way's anchor, and the middle of a place.

    The way up to the last fix is counted and goes on from there; the place is where the vehicle was last seen at it.
    """
    last, anchor, motion = state.last, state.anchor, state.motion
    if motion.stop is not None and motion.stop.samples > 1:
        lon, lat = motion.stop.still.place
        motion = replace(motion, stop=replace(motion.stop, lon=lon, lat=lat, samples=1))
    if motion.way is not None and (motion.way.lon, motion.way.lat) != motion.way.start.place:
        lon, lat = motion.way.start.place
        motion = replace(motion, way=replace(motion.way, lon=lon, lat=lat))
    if motion is not state.motion:
        state = replace(state, motion=motion)
    if anchor is None or last is None or anchor == (last.lon, last.lat):
        return state
    if math.isnan(last.lat):
        return replace(state, anchor=None)
    return replace(state, way_mm=up_to(state.way_mm, anchor, last.lon, last.lat), anchor=(last.lon, last.lat))


def _ended(before: VehicleState, after: VehicleState) -> list[Interval]:
    """What was told as going on and is not remembered any more, ended at the last fix that counted."""
    still = {interval.key for interval in _open(after)}
    end_us = before.key[0]
    return [
        replace(interval, ended_us=max(end_us, interval.started_us), seen_us=end_us, end=None)
        for interval in _open(before)
        if interval.key not in still
    ]


def _open(state: VehicleState) -> list[Interval]:
    return [
        *motion_state.open_intervals(state.motion),
        *behaviour.open_intervals(state.behaviour),
        *alarm_watch.open_intervals(state.alarms),
    ]


def _times(value: Any) -> Iterator[int]:
    """The times of all positions in a tree of structs, whatever they are called there."""
    if isinstance(value, tuple | list):
        for each in value:
            yield from _times(each)
    elif isinstance(value, msgspec.Struct):
        if hasattr(value, "time_us") and hasattr(value, "lon"):
            yield value.time_us
        for name in value.__struct_fields__:
            yield from _times(getattr(value, name))


def _nowhere(fix: Fix) -> Fix:
    return Fix(fix.time_us, math.nan, math.nan, None, fix.device_id)


def _fence(state: FenceState, span: Span) -> FenceState:
    if span.has(state.first):
        state = replace(state, first=_nowhere(state.first))
    if state.left is not None and span.has(state.left):
        state = replace(state, left=_nowhere(state.left))
    return state


def _alarms(device_id: int, state: DeviceAlarms, span: Span) -> DeviceAlarms:
    if device_id != span.device_id:
        return state
    lasting = {name: since for name, since in state.lasting.items() if not span.holds(since.time_us)}
    return state if lasting == state.lasting else replace(state, lasting=lasting)


def _same(new: dict[int, FenceState], old: dict[int, FenceState]) -> bool:
    # By identity: a fix without coordinates does not even equal itself.
    return all(new[fence] is old[fence] for fence in old)
