"""Which fixes of a vehicle count: one source at a time, accurate enough, and nowhere it cannot be. Pure.

- **Source**: the fixes of one device count until it has been silent for `takeover_s`, or a better one (a lower
  priority) speaks. The change is told as `takeover` to a source that is not better, and as `handback` to a better one.
- **Accuracy**: a fix worse than `max_accuracy_m` says nothing.
- **Jump**: a fix that would need more than `max_speed_kmh` since the last one is held as suspect; three suspects
  that agree with each other move the vehicle there after all.

- **Repeated**: a device without a fix may send its last position at a new time (attribute `last_known_position`).

A fix that does not count leaves no trace in the state (a suspect leaves itself). Nearly every fix is of the same
device as the one before, soon after it and near it. Those are recognised all at once, by tests that are never true by
mistake; only the others are looked at one by one.
"""

import itertools
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from geofence.crossings import Fix
from ingest.geometry import surely_within, way_m
from ingest.interval import Interval
from ingest.state import Key, Source, VehicleState
from ingest.track import TRUE, Floats, Ints, Pings, known
from telemetry.rules import VehicleRules

AGREEING_SUSPECTS: Final = 3
# The attribute by which codecs say it.
LAST_KNOWN: Final = "last_known_position"
_JUMP_SLACK_M: Final = 200.0  # noise of two honest fixes shortly after one another
_US: Final = 1_000_000


class VehicleInput(msgspec.Struct, frozen=True):
    """One vehicle to be folded: rows `start` to `stop` of the track, in key order, all after `state.key`."""

    vehicle_id: int
    carrier: int  # -1 = none
    state: VehicleState
    rules: VehicleRules
    start: int
    stop: int


class Chosen(msgspec.Struct):
    """What counts of one vehicle's rows."""

    rows: Ints
    key: Key  # of the last row that left a trace
    source: Source | None
    suspect: Fix | None
    suspects: int
    told: list[Interval]


class Previous(msgspec.Struct, frozen=True):
    """For each row of a selection the position and time before it in its vehicle; NaN where there is none."""

    lon: Floats
    lat: Floats
    time_us: Ints


def choose(track: Pings, priority: Ints, vehicles: Sequence[VehicleInput]) -> list[Chosen]:
    """In the order of the vehicles."""
    filled = [vehicle for vehicle in vehicles if vehicle.stop > vehicle.start]
    doubts = iter(_doubtful(track, filled) if filled else [])
    return [
        _of_one(track, priority, vehicle, next(doubts) if vehicle.stop > vehicle.start else [])
        for vehicle in vehicles
    ]


def previous(track: Pings, rows: Ints, firsts: Ints, lasts: Sequence[Fix | None]) -> Previous:
    """`rows` of several vehicles; each begins at one of `firsts`, after the fix of the same place in `lasts`."""
    lon, lat = np.roll(track.lon[rows], 1), np.roll(track.lat[rows], 1)
    time_us: Ints = np.roll(track.time_us[rows], 1)
    nothing = np.nan
    lon[firsts] = [nothing if last is None else last.lon for last in lasts]
    lat[firsts] = [nothing if last is None else last.lat for last in lasts]
    time_us[firsts] = [
        track.time_us[rows[first]] if last is None else last.time_us
        for first, last in zip(firsts.tolist(), lasts, strict=True)
    ]
    return Previous(lon, lat, time_us)


def spans(starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """The numbers start, start + 1, ... of each span one after the other, and where each span begins in them."""
    firsts = np.cumsum(sizes) - sizes
    return np.arange(sizes.sum()) + np.repeat(starts - firsts, sizes), firsts


def _doubtful(track: Pings, vehicles: Sequence[VehicleInput]) -> list[list[int]]:
    """Of each vehicle the rows that may not count; all others surely count if the row before them did."""
    starts = np.array([vehicle.start for vehicle in vehicles])
    sizes = np.array([vehicle.stop for vehicle in vehicles]) - starts
    rows, firsts = spans(starts, sizes)
    before = previous(track, rows, firsts, [vehicle.state.last for vehicle in vehicles])

    def each(values: list[float]) -> np.ndarray:
        return np.repeat(np.array(values), sizes)

    device = track.device[rows]
    device_before = np.roll(device, 1)
    sources = [vehicle.state.source for vehicle in vehicles]
    device_before[firsts] = [
        first if source is None else source.device_id
        for source, first in zip(sources, device[firsts].tolist(), strict=True)
    ]
    elapsed_us = track.time_us[rows] - before.time_us
    possible_m = _JUMP_SLACK_M + each([v.rules.max_speed_kmh / 3.6 for v in vehicles]) * (elapsed_us / 1e6)
    near = surely_within(before.lon, before.lat, track.lon[rows], track.lat[rows], possible_m)
    accuracy_m = track.accuracy_m[rows]
    good = (
        (device == device_before)
        & (near | np.isnan(before.lon))
        & (np.isnan(accuracy_m) | (accuracy_m <= each([v.rules.max_accuracy_m for v in vehicles])))
        & (elapsed_us <= each([v.rules.takeover_s * _US for v in vehicles]))
        & ((track.mock[rows] != TRUE) | each([v.rules.mock == "flag" for v in vehicles]).astype(bool))
    )
    if track.extra:
        good &= ~np.isin(rows, [row for row in track.extra if _is_repeated(track, row)])
    doubtful = np.flatnonzero(~good)
    cuts = np.searchsorted(doubtful, firsts).tolist()
    return [
        rows[doubtful[a:b]].tolist() if b > a else [] for a, b in itertools.pairwise([*cuts, len(doubtful)])
    ]


def _of_one(track: Pings, priority: Ints, vehicle: VehicleInput, doubtful: list[int]) -> Chosen:
    """`doubtful` as from `_doubtful`: a row is looked at if it is one of them, or if the row before did not count."""
    state, rules = vehicle.state, vehicle.rules
    at = Chosen(np.empty(0, np.int64), state.key, state.source, state.suspect, state.suspects, [])
    last, rows = state.last, []
    doubts, row = iter([*doubtful, vehicle.stop]), vehicle.start
    doubt = next(doubts)
    sure = at.suspect is None  # that the row before counted, or the state is as if it had
    while row < vehicle.stop:
        while doubt < row:
            doubt = next(doubts)
        if sure and row < doubt:
            rows.append(np.arange(row, doubt))
            _take_all(at, track, priority, row, doubt)
            last, row = fix_of(track, doubt - 1), doubt
            continue
        fix = fix_of(track, row)
        ignored = rules.mock == "ignore" and track.mock[row] == TRUE
        ignored = ignored or _is_repeated(track, row)
        sure = not ignored and _take_one(at, last, fix, int(priority[row]), rules)
        if sure:
            rows.append(np.arange(row, row + 1))
            last = fix
        row += 1
    at.rows = np.concatenate(rows) if rows else at.rows
    return at


def _take_all(at: Chosen, track: Pings, priority: Ints, start: int, stop: int) -> None:
    """Rows of one device that surely count."""
    time_us, device_id, rank = int(track.time_us[stop - 1]), int(track.device[start]), int(priority[start])
    since_us = int(track.time_us[start]) if at.source is None else at.source.since_us
    at.key, at.source = (time_us, rank, device_id), Source(device_id, rank, since_us, time_us)


def _take_one(at: Chosen, last: Fix | None, fix: Fix, rank: int, rules: VehicleRules) -> bool:
    """Whether it counts."""
    if not _may_count(fix, rank, at.source, rules):
        return False
    at.key = (fix.time_us, rank, fix.device_id)
    if last is not None and is_jump(last, fix, rules.max_speed_kmh):
        agrees = at.suspect is not None and not is_jump(at.suspect, fix, rules.max_speed_kmh)
        at.suspect, at.suspects = fix, at.suspects + 1 if agrees else 1
        if at.suspects < AGREEING_SUSPECTS:
            return False
    at.suspect, at.suspects = None, 0
    at.source = _counted(at.source, fix, rank, rules, at.told)
    return True


def _is_repeated(track: Pings, row: int) -> bool:
    """Whether the device says that it has no fix and repeats its last position at a new time."""
    extra = track.extra.get(row)
    attributes = None if extra is None else extra.attributes
    return attributes is not None and attributes.get(LAST_KNOWN) is True


def _may_count(fix: Fix, rank: int, source: Source | None, rules: VehicleRules) -> bool:
    if fix.accuracy_m is not None and fix.accuracy_m > rules.max_accuracy_m:
        return False
    if source is None or fix.device_id == source.device_id or rank < source.priority:
        return True
    return fix.time_us - source.last_us > rules.takeover_s * _US


def _counted(source: Source | None, fix: Fix, rank: int, rules: VehicleRules, told: list[Interval]) -> Source:
    time_us, device_id = fix.time_us, fix.device_id
    if source is None:
        return Source(device_id, rank, time_us, time_us)
    if device_id == source.device_id:
        paused = time_us - source.last_us > rules.takeover_s * _US
        return Source(device_id, rank, time_us if paused else source.since_us, time_us)
    kind = "handback" if rank < source.priority else "takeover"
    values = {"from_device": source.device_id, "silent_s": (time_us - source.last_us) // _US}
    place = (fix.lon, fix.lat)
    told.append(
        Interval(kind, time_us, time_us, time_us, device_id=device_id, start=place, end=place, values=values)  # type: ignore[arg-type]
    )
    return Source(device_id, rank, time_us, time_us)


def fix_of(track: Pings, row: int) -> Fix:
    return Fix(
        int(track.time_us[row]),
        float(track.lon[row]),
        float(track.lat[row]),
        known(track.accuracy_m[row].item()),
        int(track.device[row]),
    )


def is_jump(a: Fix, b: Fix, max_speed_kmh: float) -> bool:
    """Whether getting from `a` to `b` in their time apart needs more than the speed limit."""
    possible_m = _JUMP_SLACK_M + max_speed_kmh / 3.6 * ((b.time_us - a.time_us) / 1e6)
    return way_m(a.lon, a.lat, b.lon, b.lat) > possible_m + (a.accuracy_m or 0.0) + (b.accuracy_m or 0.0)
