"""One vehicle from its pings in event time: which count, what they show, and what is told of it. Pure.

`fold` advances many vehicles at once, each by its rows of one track. What depends on order is decided here, never
before storage, so folding the same set of pings always ends in the same state, however they came:

1. `arbitration`: which fixes count;
2. `fence_walk`: fences entered and left;
3. `motion`: trips, stops, parking, gaps, idling, tow;
4. `behaviour`, `fuel`: speeding, harsh driving, fuel drop and refuel;
5. `alarm_watch`: alarms of every device, of all pings.

Whatever can be seen of all vehicles at once (ways, hits, whether there is anything to do at all) is computed on
columns in `ingest.used`; the machines themselves go one by one.
"""

from collections.abc import Sequence

import msgspec

from geofence.crossings import Transition
from geofence.index import FenceIndex
from ingest import alarm_watch, behaviour, fuel, motion, motion_state, silence
from ingest.arbitration import Chosen, VehicleInput, choose, fix_of
from ingest.fence_walk import hits_by_point, walk
from ingest.interval import Interval
from ingest.motion_state import MotionState, Sample
from ingest.odometer import up_to
from ingest.state import Source, VehicleState
from ingest.track import NONE, Ints, Pings
from ingest.used import UsedFixes
from telemetry.rules import VehicleRules

US = 1_000_000
_SAMPLE_US = motion.SAMPLE_S * US
_NO_ALARMS = alarm_watch.DeviceAlarms()


class VehicleOutput(msgspec.Struct, frozen=True):
    vehicle_id: int
    state: VehicleState
    used: Ints  # rows of the track that counted
    transitions: list[tuple[int, Transition]]  # (geofence id, what happened), in event time
    told: list[Interval]  # in the order of telling; of one key the last word counts


def fold(
    track: Pings, priority: Ints, vehicles: Sequence[VehicleInput], index: FenceIndex
) -> list[VehicleOutput]:
    """Advance every vehicle by its rows; see the module for what counts."""
    chosen = choose(track, priority, vehicles)
    used = UsedFixes(track, vehicles, chosen)
    hits = hits_by_point(track, used.rows, used.before, used.vehicles, used.sizes, index)
    watched = alarm_watch.rows_of_interest(track, vehicles)
    outputs = []
    for vehicle, choice, first, interesting in zip(vehicles, chosen, used.firsts, watched, strict=True):
        size = len(choice.rows)
        state, told = _advance(used, first, size, vehicle, choice)
        if interesting or size < vehicle.stop - vehicle.start:
            state, alarms = _watch(track, priority, vehicle, choice.rows, state)
            told += alarms
        transitions: list[tuple[int, Transition]] = []
        if size and (state.fences or (hits and not hits.keys().isdisjoint(range(first, first + size)))):
            fences, transitions = walk(track, choice.rows, first, vehicle, hits, index)
            state = msgspec.structs.replace(state, fences=fences)
        outputs.append(VehicleOutput(vehicle.vehicle_id, state, choice.rows, transitions, told))
    return outputs


def open_intervals(state: VehicleState) -> list[Interval]:
    """What was told and is not over, as it would be told now."""
    return [
        *motion_state.open_intervals(state.motion),
        *behaviour.open_intervals(state.behaviour),
        *alarm_watch.open_intervals(state.alarms),
    ]


def all_on_time(state: VehicleState, first_us: int) -> bool:
    """Whether rows from this time on surely come after all that the state knows."""
    return first_us > state.key[0] and all(first_us > each.quiet_us for each in state.alarms.values())


def late_rows(track: Pings, priority: Ints, vehicle: VehicleInput) -> tuple[int, int | None]:
    """How many of the vehicle's rows (the first ones) are not after its state; and from when to fold again, or None.

    A late ping that surely would not have counted anyway (too inaccurate, or of another source while the present one
    was reporting) and says nothing of alarms changes nothing.
    """
    state, row = vehicle.state, vehicle.start
    changed_us: int | None = None
    while row < vehicle.stop and key_of(track, priority, row) <= state.key:
        if changed_us is None and _may_have_effect(track, priority, row, vehicle):
            changed_us = int(track.time_us[row])
        row += 1
    if changed_us is None:
        changed_us = alarm_watch.overtaken_us(state.alarms, track, row, vehicle.stop, vehicle.rules)
    return row - vehicle.start, changed_us


def key_of(track: Pings, priority: Ints, row: int) -> tuple[int, int, int]:
    return (int(track.time_us[row]), int(priority[row]), int(track.device[row]))


def _may_have_effect(track: Pings, priority: Ints, row: int, vehicle: VehicleInput) -> bool:
    state, (time_us, rank, device_id) = vehicle.state, key_of(track, priority, row)
    if alarm_watch.may_matter(state.alarms.get(device_id), time_us, track, row, vehicle.rules):
        return True
    if track.accuracy_m[row] > vehicle.rules.max_accuracy_m:
        return False
    source: Source | None = state.source
    if source is None or device_id == source.device_id or rank < source.priority:
        return True
    return not source.since_us <= time_us <= source.last_us + vehicle.rules.takeover_s * US


def _advance(
    used: UsedFixes, first: int, size: int, vehicle: VehicleInput, choice: Chosen
) -> tuple[VehicleState, list[Interval]]:
    """The state after the vehicle's used fixes, but for fences and alarms."""
    state, rules, told = vehicle.state, vehicle.rules, choice.told
    last, moved, driving, tank = state.last, state.motion, state.behaviour, state.fuel
    way_mm, anchor, engine_us, ignition = state.way_mm, state.anchor, state.engine_us, state.ignition
    if size:
        end = first + size
        moved = _move(used, first, end, vehicle, told)
        driving = _drive(used, first, end, driving, rules, told)
        if used.has_fuel[first]:
            tank = _burn(used, first, end, tank, rules, told)
        last = fix_of(used.track, int(choice.rows[-1]))
        way_mm, anchor = used.way_mm[end - 1], used.anchor[end - 1]
        engine_us += used.engine_us[first]
        ignition = used.ignition[end - 1]
    return VehicleState(
        choice.key, last, choice.source, choice.suspect, choice.suspects, state.fences,
        way_mm, anchor, engine_us, ignition, moved, driving, tank, state.alarms,
    ), told  # fmt: skip


def _move(used: UsedFixes, first: int, end: int, vehicle: VehicleInput, told: list[Interval]) -> MotionState:
    state, rules = vehicle.state.motion, vehicle.rules
    times, ignitions, speeds = used.time_us, used.ignition, used.speed_kmh
    silence_us = silence.shortest_us(rules)
    due_us = -(2**62) if state.last is None else state.last.time_us + _SAMPLE_US
    engine = motion_state.engine_of(state)
    top_kmh = state.top_kmh
    for i in range(first, end):
        time_us, ignition, speed_kmh = times[i], ignitions[i], speeds[i]
        if time_us < due_us and (ignition in (engine, NONE)):
            top_kmh = max(top_kmh, speed_kmh)
            continue
        before = None
        if time_us - used.before_us[i] > silence_us:
            before = _before(used, i, first, vehicle, top_kmh)
        sample = used.sample(i, max(top_kmh, speed_kmh))
        state, made = motion.step(state, sample, before, rules)
        told += made
        top_kmh, due_us, engine = 0.0, time_us + _SAMPLE_US, motion_state.engine_of(state)
    return state if top_kmh == state.top_kmh else msgspec.structs.replace(state, top_kmh=top_kmh)


def _before(used: UsedFixes, i: int, first: int, vehicle: VehicleInput, top_kmh: float) -> Sample | None:
    """The used fix before number `i`, after a silence: no more of it than the state remembers too. None = forgotten."""
    if i > first:
        j = i - 1
        return Sample(used.time_us[j], used.lon[j], used.lat[j], used.odo_mm(j), top_kmh=top_kmh)
    state = vehicle.state
    last, anchor = state.last, state.anchor
    if state.motion.last is None or last is None or anchor is None:
        return None
    odo_mm = up_to(state.way_mm, anchor, last.lon, last.lat)
    return Sample(last.time_us, last.lon, last.lat, odo_mm, top_kmh=top_kmh)


def _drive(
    used: UsedFixes,
    first: int,
    end: int,
    state: behaviour.Behaviour,
    rules: VehicleRules,
    told: list[Interval],
) -> behaviour.Behaviour:
    if not used.drives_unusually[first] and state.speeding is None and state.harsh is None:
        moment = used.moment(end - 1)
        return state if moment is None else msgspec.structs.replace(state, last=moment)
    for i in range(first, end):
        moment = used.moment(i)
        if moment is not None:
            state, made = behaviour.step(state, moment, rules)
            told += made
    return state


def _burn(
    used: UsedFixes, first: int, end: int, state: fuel.Fuel | None, rules: VehicleRules, told: list[Interval]
) -> fuel.Fuel | None:
    due_us = fuel.due_us(state)
    for i in range(first, end):
        if used.time_us[i] < due_us:
            continue
        reading = used.reading(i)
        if reading is not None:
            state, made = fuel.step(state, reading, rules)
            due_us = fuel.due_us(state)
            told += made
    return state


def _watch(
    track: Pings, priority: Ints, vehicle: VehicleInput, used: Ints, state: VehicleState
) -> tuple[VehicleState, list[Interval]]:
    """Alarms of all rows, those that do not count too."""
    alarms, key, told = dict(state.alarms), state.key, list[Interval]()
    counted = set(used.tolist())
    for row in range(vehicle.start, vehicle.stop):
        now = key_of(track, priority, row)
        before = alarms.get(now[2], _NO_ALARMS)
        if not alarm_watch.is_quiet(before, track, row, vehicle.rules):
            alarms[now[2]], made = alarm_watch.step(before, track, row, vehicle.rules)
            key = max(key, now)
            told += made
        elif row not in counted:
            alarms[now[2]] = msgspec.structs.replace(before, quiet_us=max(before.quiet_us, now[0]))
    if key == state.key and alarms == state.alarms:
        return state, told
    return msgspec.structs.replace(state, key=key, alarms=alarms), told
