"""Which fences the used fixes of a batch enter and leave: one vectorised query, then a small machine a fence. Pure."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from geofence.crossings import FenceState, Fix, Sample, Transition, expire, step
from geofence.index import FenceIndex, Hits
from ingest.arbitration import Previous, VehicleInput, fix_of
from ingest.geometry import way_m
from ingest.track import Ints, Pings

# (fence position, distance, pass in, pass out), see `geofence.index.Hits`
Hit = tuple[int, float, float, float]


def hits_by_point(
    track: Pings,
    rows: Ints,
    before: Previous,
    vehicles: Sequence[VehicleInput],
    sizes: Ints,
    index: FenceIndex,
) -> dict[int, list[Hit]]:
    """For each place in `rows` with hits: what was hit."""
    if not index.fences or not len(rows):
        return {}
    found: Hits = index.hits(
        track.lon[rows],
        track.lat[rows],
        before.lon,
        before.lat,
        np.repeat(np.array([vehicle.vehicle_id for vehicle in vehicles], np.int64), sizes),
        np.repeat(np.array([vehicle.carrier for vehicle in vehicles], np.int64), sizes),
    )
    by_point: dict[int, list[Hit]] = {}
    columns = (found.point, found.fence, found.distance_m, found.pass_in, found.pass_out)
    for point, *hit in zip(*(column.tolist() for column in columns), strict=True):
        by_point.setdefault(point, []).append(tuple(hit))
    return by_point


def walk(
    track: Pings,
    rows: Ints,
    first: int,
    vehicle: VehicleInput,
    hits: Mapping[int, list[Hit]],
    index: FenceIndex,
) -> tuple[dict[int, FenceState], list[tuple[int, Transition]]]:
    """Step every fence that the vehicle is at, or that a fix hits, fix by fix.

    `rows` are the vehicle's used rows; the first of them is point `first` of the hits.
    """
    # A fence that is no longer in the index was retired: its visits stay as they were told.
    active = {fid: state for fid, state in vehicle.state.fences.items() if index.position_of(fid) is not None}
    transitions: list[tuple[int, Transition]] = []
    numbers, previous, at = rows.tolist(), vehicle.state.last, 0
    while at < len(numbers):
        if not active:
            # Where it is at no fence and hits none, nothing can happen.
            following = next(
                (point for point in range(first + at, first + len(numbers)) if point in hits), None
            )
            if following is None:
                break
            if following > first + at:
                at = following - first
                previous = fix_of(track, numbers[at - 1])
        point, fix = first + at, fix_of(track, numbers[at])
        near = {index.fences[hit[0]].id: hit for hit in hits.get(point, ())}
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
        at += 1
    return active, transitions


def _step_fence(
    index: FenceIndex,
    fence_id: int,
    state: FenceState | None,
    hit: Hit | None,
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
        way_m(previous.lon, previous.lat, fix.lon, fix.lat),
        (previous.accuracy_m or 0.0) + (fix.accuracy_m or 0.0),
        way_us,
    )
    return step(state, sample, fence.settings)
