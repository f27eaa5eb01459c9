"""One truck from its fixes: which ones count, and which fences it entered and left. Pure.

`fold` advances many vehicles at once, each by fixes in event-time order, with one vectorised fence
query for all of them. What depends on order is decided here, never before storage:

- **arbitration**: a phone's fix counts only while no tracker fix counted for `takeover_us`;
- **accuracy**: a fix worse than the limit says nothing;
- **jump**: a fix that would need more than `max_speed_kmh` since the last one is held as suspect;
  three suspects that agree with each other move the truck there after all.

A fix that does not count leaves no trace in the state (a suspect leaves itself), so folding the
same set of fixes always ends in the same state.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from geofence.crossings import FenceState, Fix, Sample, Transition, expire, step
from geofence.index import FenceIndex, Hits

Key = tuple[int, int, int]  # (time_us, priority, device_id): the order of the fold
NOTHING_SEEN: Key = (-(2**62), 0, 0)
TRACKER, PHONE = 0, 1
AGREEING_SUSPECTS = 3
_JUMP_SLACK_M = 200.0  # noise of two honest fixes shortly after one another
_DEGREE_M = 111_320.0


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A stored ping as the fold takes it. `priority`: 0 tracker, 1 phone; lower wins."""

    fix: Fix
    priority: int

    @property
    def key(self) -> Key:
        return (self.fix.time_us, self.priority, self.fix.device_id)


class VehicleState(msgspec.Struct, frozen=True, array_like=True):
    """Everything the fold remembers of one vehicle; written to the database as msgpack."""

    key: Key = NOTHING_SEEN  # of the last fix that left a trace
    last: Fix | None = None  # last fix that counted
    tracker_since_us: int | None = None  # start of the tracker's run without a takeover gap
    tracker_last_us: int | None = None
    suspect: Fix | None = None
    suspects: int = 0
    fences: dict[int, FenceState] = {}


class FoldLimits(msgspec.Struct, frozen=True):
    max_speed_kmh: float
    max_accuracy_m: float
    takeover_us: int


class VehicleInput(msgspec.Struct, frozen=True):
    vehicle_id: int
    carrier: int  # -1 = none
    state: VehicleState
    candidates: Sequence[Candidate]  # in key order, all after `state.key`


class VehicleOutput(msgspec.Struct, frozen=True):
    vehicle_id: int
    state: VehicleState
    used: Sequence[Fix]  # the fixes that counted
    transitions: list[tuple[int, Transition]]  # (geofence id, what happened), in event time


def encode_state(state: VehicleState) -> bytes:
    return msgspec.msgpack.encode(state)


def decode_state(data: bytes) -> VehicleState:
    return msgspec.msgpack.decode(data, type=VehicleState)


def split_late(
    state: VehicleState, candidates: Iterable[Candidate], limits: FoldLimits
) -> tuple[list[Candidate], int | None]:
    """The candidates that continue `state`, sorted; and the earliest time a late one changes, or None.

    A late fix that would not have counted anyway (too inaccurate, or a phone's while the tracker
    was surely reporting) changes nothing and is not reported.
    """
    on_time: list[Candidate] = []
    late_us: int | None = None
    key, last_us, sorted_already = state.key, state.key[0], True
    for candidate in candidates:
        time_us = candidate.fix.time_us
        # Times decide nearly always; whole keys are compared when they do not.
        if time_us > key[0] or candidate.key > key:
            on_time.append(candidate)
            sorted_already = sorted_already and time_us > last_us
            last_us = time_us
        elif not _surely_without_effect(state, candidate, limits):
            late_us = time_us if late_us is None else min(late_us, time_us)
    if not sorted_already:
        on_time.sort(key=lambda candidate: candidate.key)
    return on_time, late_us


def _surely_without_effect(state: VehicleState, candidate: Candidate, limits: FoldLimits) -> bool:
    if (candidate.fix.accuracy_m or 0.0) > limits.max_accuracy_m:
        return True
    since, last = state.tracker_since_us, state.tracker_last_us
    if candidate.priority == TRACKER or since is None or last is None:
        return False
    return since <= candidate.fix.time_us <= last + limits.takeover_us


def fold(vehicles: Sequence[VehicleInput], index: FenceIndex, limits: FoldLimits) -> list[VehicleOutput]:
    """Advance every vehicle by its candidates; see the module for what counts."""
    selected = [_select(vehicle.state, vehicle.candidates, limits) for vehicle in vehicles]
    hits = _hits_by_point(vehicles, selected, index)
    outputs = []
    offset = 0
    for vehicle, (selected_state, used) in zip(vehicles, selected, strict=True):
        state = selected_state
        transitions: list[tuple[int, Transition]] = []
        fences = vehicle.state.fences
        if used and (fences or (hits and not hits.keys().isdisjoint(range(offset, offset + len(used))))):
            fences, transitions = _walk(vehicle, used, offset, hits, index)
            state = msgspec.structs.replace(selected_state, fences=fences)
        offset += len(used)
        outputs.append(VehicleOutput(vehicle.vehicle_id, state, used, transitions))
    return outputs


def _select(
    state: VehicleState, candidates: Sequence[Candidate], limits: FoldLimits
) -> tuple[VehicleState, list[Fix]]:
    """Arbitration, accuracy and jumps: the state without fences, and the fixes that count."""
    last, seen = state.last, None
    since, tracker_last = state.tracker_since_us, state.tracker_last_us
    suspect, suspects = state.suspect, state.suspects
    max_speed_kmh, max_accuracy_m, takeover_us = msgspec.structs.astuple(limits)
    used: list[Fix] = []
    for candidate in candidates:
        fix = candidate.fix
        time_us = fix.time_us
        if fix.accuracy_m is not None and fix.accuracy_m > max_accuracy_m:
            continue
        silent = tracker_last is None or time_us - tracker_last > takeover_us
        if candidate.priority != TRACKER and not silent:
            continue
        seen = candidate
        if last is not None and is_jump(last, fix, max_speed_kmh):
            agrees = suspect is not None and not is_jump(suspect, fix, max_speed_kmh)
            suspect, suspects = fix, suspects + 1 if agrees else 1
            if suspects < AGREEING_SUSPECTS:
                continue
        suspect, suspects = None, 0
        last = fix
        if candidate.priority == TRACKER:
            since = time_us if silent else since
            tracker_last = time_us
        used.append(fix)
    key = state.key if seen is None else seen.key
    return VehicleState(key, last, since, tracker_last, suspect, suspects, state.fences), used


def way_m(a: Fix, b: Fix) -> float:
    """Length of the way between two fixes, metres; flat-earth, good to 1 % below 200 km."""
    north = (b.lat - a.lat) * _DEGREE_M
    east = (b.lon - a.lon) * _DEGREE_M * math.cos(math.radians((a.lat + b.lat) / 2))
    return math.hypot(east, north)


def is_jump(a: Fix, b: Fix, max_speed_kmh: float) -> bool:
    """Whether getting from `a` to `b` in their time apart needs more than the speed limit."""
    possible_m = _JUMP_SLACK_M + max_speed_kmh / 3.6 * ((b.time_us - a.time_us) / 1e6)
    # A degree of longitude is nowhere longer than one of latitude: most fixes need no more than this.
    if (abs(b.lat - a.lat) + abs(b.lon - a.lon)) * _DEGREE_M <= possible_m:
        return False
    return way_m(a, b) > possible_m + (a.accuracy_m or 0.0) + (b.accuracy_m or 0.0)


def _hits_by_point(
    vehicles: Sequence[VehicleInput], selected: Sequence[tuple[VehicleState, list[Fix]]], index: FenceIndex
) -> dict[int, list[tuple[int, float, float, float]]]:
    """One fence query for all fixes: point -> [(fence position, distance, pass in, pass out)]."""
    if not index.fences:
        return {}
    flat: list[float] = []
    vehicle_ids: list[int] = []
    carriers: list[int] = []
    for vehicle, (_, used) in zip(vehicles, selected, strict=True):
        previous = vehicle.state.last
        lon, lat = (math.nan, math.nan) if previous is None else (previous.lon, previous.lat)
        for fix in used:
            flat += (fix.lon, fix.lat, lon, lat)
            lon, lat = fix.lon, fix.lat
        vehicle_ids += [vehicle.vehicle_id] * len(used)
        carriers += [vehicle.carrier] * len(used)
    if not vehicle_ids:
        return {}
    columns = np.fromiter(flat, np.float64, len(flat)).reshape(-1, 4)
    lons, lats, previous_lons, previous_lats = np.ascontiguousarray(columns.T)
    found: Hits = index.hits(
        lons,
        lats,
        previous_lons,
        previous_lats,
        np.array(vehicle_ids, dtype=np.int64),
        np.array(carriers, dtype=np.int64),
    )
    by_point: dict[int, list[tuple[int, float, float, float]]] = {}
    for point, fence, distance, into, out in zip(
        found.point.tolist(),
        found.fence.tolist(),
        found.distance_m.tolist(),
        found.pass_in.tolist(),
        found.pass_out.tolist(),
        strict=True,
    ):
        by_point.setdefault(point, []).append((fence, distance, into, out))
    return by_point


def _walk(
    vehicle: VehicleInput,
    used: Sequence[Fix],
    offset: int,
    hits: dict[int, list[tuple[int, float, float, float]]],
    index: FenceIndex,
) -> tuple[dict[int, FenceState], list[tuple[int, Transition]]]:
    """Step every fence that the vehicle is at, or that a fix hits, fix by fix."""
    # A fence that is no longer in the index was retired: its visits stay as they were told.
    active = {fid: state for fid, state in vehicle.state.fences.items() if index.position_of(fid) is not None}
    transitions: list[tuple[int, Transition]] = []
    previous = vehicle.state.last
    for number, fix in enumerate(used):
        near = {index.fences[hit[0]].id: hit for hit in hits.get(offset + number, ())}
        for fence_id in sorted(near.keys() | active.keys()):
            state, made = _step_fence(
                index, fence_id, active.get(fence_id), near.get(fence_id), previous, fix
            )
            transitions.extend((fence_id, transition) for transition in made)
            if state is None:
                active.pop(fence_id, None)
            else:
                active[fence_id] = state
        previous = fix
    return active, transitions


def _step_fence(
    index: FenceIndex,
    fence_id: int,
    state: FenceState | None,
    hit: tuple[int, float, float, float] | None,
    previous: Fix | None,
    fix: Fix,
) -> tuple[FenceState | None, tuple[Transition, ...]]:
    position = index.position_of(fence_id)
    assert position is not None
    fence = index.fences[position]
    if fence.valid_until_us is not None and fix.time_us >= fence.valid_until_us:
        return None, expire(state, fence.valid_until_us, fix) if state else ()
    if fence.valid_from_us is not None and fix.time_us < fence.valid_from_us:
        return None, ()
    if hit is None:
        return step(state, Sample(fix, math.inf), fence.settings)
    _, distance, into, out = hit
    if previous is None or math.isnan(into):
        return step(state, Sample(fix, distance), fence.settings)
    way_us = fix.time_us - previous.time_us
    # After the fix before, whatever rounding says: a visit belongs to the fix that shows it.
    earliest_us = min(previous.time_us + 1, fix.time_us)
    sample = Sample(
        fix,
        distance,
        max(earliest_us, previous.time_us + round(into * way_us)),
        max(earliest_us, previous.time_us + round(out * way_us)),
        way_m(previous, fix),
        (previous.accuracy_m or 0.0) + (fix.accuracy_m or 0.0),
        way_us,
    )
    return step(state, sample, fence.settings)
