"""The law: order, repetition and batching of the same pings do not change what is told of a vehicle.

`Books` is ingest's memory without a database: the same pure functions in the same order as
`ingest.pipeline` and `ingest.reconcile` call them, over dicts instead of tables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from hypothesis import strategies as st

from geofence.crossings import Fix
from geofence.geojson import parse_shape
from geofence.index import Fence, FenceIndex
from geofence.settings import FenceSettings
from ingest import interval_diff
from ingest.arbitration import VehicleInput
from ingest.diff import StoredVisit, Visit, VisitChange, diff, in_scope, visits_of
from ingest.fold import VehicleOutput, fold, late_rows, open_intervals
from ingest.interval import Interval, latest
from ingest.interval_diff import IntervalChange, StoredInterval
from ingest.ping import Ping
from ingest.state import VehicleState
from ingest.track import Ints, Pings, from_pings
from telemetry.rules import VehicleRules

# Small enough that forty pings make stops, trips and gaps.
RULES = VehicleRules(
    stop_radius_m=100,
    stop_min_s=120,
    parking_min_s=600,
    min_trip_m=300,
    gap_s=1800,
    idle_min_s=60,
    tow_distance_m=150,
    speed_limit_kmh=90,
    speeding_min_s=30,
)
SNAPSHOT_US = 120_000_000
START_US = 1_767_000_000_000_000
LON, LAT = -17.4, 14.7
METRE = 1 / 111_320

TRACKER, PHONE = 100, 200
PRIORITIES = {1: TRACKER, 2: PHONE, 3: TRACKER}

VisitKey = tuple[int, int, int | None, bool]  # fence, entered, exited, inferred


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ping with its device, and how good a source that is."""

    ping: Ping
    device_id: int
    priority: int

    @property
    def key(self) -> tuple[int, int, int]:
        return (self.ping.time_us, self.priority, self.device_id)

    @property
    def fix(self) -> Fix:
        ping = self.ping
        return Fix(ping.time_us, ping.lon, ping.lat, ping.accuracy_m, self.device_id)


def track_of(candidates: Sequence[Candidate]) -> tuple[Pings, Ints]:
    """The candidates as the fold takes them: columns in key order, and their priorities."""
    ordered = sorted(candidates, key=lambda candidate: candidate.key)
    pings = from_pings(
        [candidate.ping for candidate in ordered],
        np.array([candidate.device_id for candidate in ordered], np.int64),
        np.zeros(len(ordered), np.int64),
    )
    return pings, np.array([candidate.priority for candidate in ordered], np.int64)


def fold_one(
    state: VehicleState,
    candidates: Sequence[Candidate],
    fences: FenceIndex,
    rules: VehicleRules = RULES,
    vehicle_id: int = 1,
) -> VehicleOutput:
    """The vehicle folded by these candidates, all of them after its state."""
    pings, priority = track_of(candidates)
    return fold(pings, priority, [VehicleInput(vehicle_id, -1, state, rules, 0, len(pings))], fences)[0]


def shape_around(east_m: float, radius_m: float) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [LON + east_m * METRE, LAT]},
        "properties": {"radius_m": radius_m},
    }


# A large fence, a small one that fast trucks pass between two fixes, and one that wants confirmation.
SHAPES = ((0.0, 200.0, FenceSettings()), (600.0, 60.0, FenceSettings(exit_dwell_s=30)),
          (-300.0, 150.0, FenceSettings(enter_confirmations=2, enter_dwell_s=60)))  # fmt: skip


def index() -> FenceIndex:
    return FenceIndex(
        [
            Fence(number + 1, parse_shape(shape_around(east, radius)), settings, None, None, None, None)
            for number, (east, radius, settings) in enumerate(SHAPES)
        ]
    )


_SECONDS = st.one_of(st.integers(1, 30), st.integers(1, 400), st.sampled_from([2000, 4000]))
# Where the vehicle goes next, metres east: nowhere, a little, out of the radius, away.
_STEPS_M = st.sampled_from([0, 0, 0, 5, -8, 40, -60, 250, -400, 900, -1200, 5000])
_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "accuracy_m": st.sampled_from([5.0, 30.0, 90.0, 900.0]),
        "speed_kmh": st.sampled_from([0.0, 12.5, 60.1, 95.0, 130.3, 400.0]),
        "ignition": st.booleans(),
        "fuel_pct": st.sampled_from([20.0, 21.5, 60.0, 61.1, 90.0]),
        "odometer_km": st.sampled_from([1000.0, 1001.5]),
        "mock": st.booleans(),
        "alarms": st.sampled_from([("sos",), ("jamming",), ("jamming", "low_battery"), ("unheard_of",)]),
        "attributes": st.sampled_from([{"power_v": 27.5}, {"power_v": 0.0}, {"other": 1}]),
    },
)


def _rule_sets() -> st.SearchStrategy[VehicleRules]:
    """Any rules a fleet may set, small ones often: at their least nearly everything happens."""

    def of(least: float, *others: float) -> st.SearchStrategy[float]:
        return st.sampled_from([least, *others])

    return st.builds(
        VehicleRules,
        max_accuracy_m=of(0.0, 60.0, 500.0, 100_000.0),
        max_speed_kmh=of(1.0, 100.0, 250.0, 1_000.0),
        takeover_s=st.sampled_from([1, 60, 300, 86_400]),
        takeover_parked_s=st.sampled_from([0, 300, 1_000, 86_400]),
        mock=st.sampled_from(["flag", "ignore"]),
        stop_radius_m=of(20.0, 100.0, 200.0, 5_000.0),
        stop_min_s=st.sampled_from([30, 120, 180, 7_200]),
        parking_min_s=st.sampled_from([60, 300, 900, 86_400]),
        min_trip_m=of(0.0, 300.0, 500.0, 100_000.0),
        gap_s=st.sampled_from([120, 600, 1_800, 3_600, 604_800]),
        use_ignition=st.booleans(),
        ignition_off_s=st.sampled_from([0, 60, 86_400]),
        idle_min_s=st.sampled_from([30, 60, 300, 86_400]),
        tow_distance_m=of(50.0, 150.0, 300.0, 100_000.0),
        speed_limit_kmh=of(1.0, 60.0, 90.0, 1_000.0),
        speeding_min_s=st.sampled_from([0, 30, 300]),
        harsh_braking_mps2=of(0.5, 3.5),
        harsh_acceleration_mps2=of(0.5, 2.8),
        fuel_drop_min_pct=of(1.0, 6.0),
        refuel_min_pct=of(1.0, 6.0),
        fuel_max_burn_pct_per_h=of(0.0, 12.0),
        fuel_max_burn_pct_per_100km=of(0.0, 12.0),
        fuel_ignore_drains_in_move=st.booleans(),
        fuel_ignore_refuels_in_move=st.booleans(),
        power_cut_v=of(0.0, 6.0, 100.0),
    )


# Any rules, and often those under which forty pings make the most of everything.
RULE_SETS = st.one_of(st.just(RULES), _rule_sets())


@st.composite
def tracks(draw: st.DrawFn) -> list[Candidate]:
    """Unique pings of two trackers (devices 1 and 3) and a phone (device 2) on one truck, in event-time order."""
    moves = draw(
        st.lists(
            st.tuples(_SECONDS, _STEPS_M, st.sampled_from([1, 1, 1, 1, 2, 3]), _VALUES),
            min_size=2,
            max_size=40,
        )
    )
    time_us, east_m, pings = START_US, 0, []
    for seconds, step_m, device_id, values in moves:
        time_us += seconds * 1_000_000
        east_m += step_m
        ping = Ping(time_us=time_us, lon=LON + east_m * METRE, lat=LAT, **values)
        pings.append(Candidate(ping, device_id, PRIORITIES[device_id]))
    return pings


@st.composite
def deliveries(draw: st.DrawFn, pings: Sequence[Candidate]) -> list[list[Candidate]]:
    """The same pings in another order, some more than once, cut into batches."""
    repeats = draw(st.lists(st.sampled_from(pings), max_size=10))
    order = draw(st.permutations([*pings, *repeats]))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(order) - 1)), max_size=8)))
    return [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True) if order[a:b]]


def in_order(visits: Iterable[StoredVisit | Visit]) -> list[VisitKey]:
    keys = [(v.geofence_id, v.entered_us, v.exited_us, v.inferred) for v in visits]
    return sorted(keys, key=lambda key: (key[0], key[1], key[2] or 2**62))


def intervals_in_order(intervals: Iterable[Interval]) -> list[Interval]:
    return sorted(intervals, key=lambda interval: (*interval.key, interval.seen_us))


@dataclass(frozen=True)
class Known:
    """What is told of the vehicle in the end."""

    visits: list[VisitKey]
    intervals: list[Interval]


def brute_force(pings: Sequence[Candidate], rules: VehicleRules = RULES) -> Known:
    """What there is to tell: every ping once, in event time, from nothing, one at a time."""
    state, transitions, fences = VehicleState(), [], index()
    told: list[Interval] = []
    for candidate in sorted(set_of(pings).values(), key=lambda c: c.key):
        output = fold_one(state, [candidate], fences, rules)
        state = output.state
        transitions.extend(output.transitions)
        told.extend(output.told)
    return Known(in_order(visits_of({}, transitions)), intervals_in_order(latest(told).values()))


def set_of(pings: Sequence[Candidate]) -> dict[tuple[int, int], Candidate]:
    return {(c.device_id, c.ping.time_us): c for c in pings}


class Books:
    def __init__(self, rules: VehicleRules = RULES) -> None:
        self._rules = rules
        self._fences = index()
        self._pings: dict[tuple[int, int], Candidate] = {}
        self._state = VehicleState()
        self._snapshots: dict[int, VehicleState] = {}
        self._dirty: list[int] = []
        self._visits: dict[int, StoredVisit] = {}
        self._intervals: dict[int, Interval] = {}
        self._next = 1

    @property
    def known(self) -> Known:
        """Sorted, repeats included: telling one thing twice is a fault."""
        return Known(in_order(self._visits.values()), intervals_in_order(self._intervals.values()))

    def take(self, batch: Sequence[Candidate]) -> None:
        new = {key: c for key, c in set_of(batch).items() if key not in self._pings}
        self._pings.update(new)
        pings, priority = track_of(list(new.values()))
        before = self._state
        vehicle = VehicleInput(1, -1, before, self._rules, 0, len(pings))
        late, late_us = late_rows(pings, priority, vehicle)
        if late_us is not None:
            self._dirty.append(late_us)
        output = fold(pings, priority, [msgspec.structs.replace(vehicle, start=late)], self._fences)[0]
        self._state = output.state
        keys = {(fence, t.entered_us) for fence, t in output.transitions}
        touched = [
            v for v in visits_of(before.fences, output.transitions) if (v.geofence_id, v.entered_us) in keys
        ]
        for visit in touched:
            stored = [
                s
                for s in self._visits.values()
                if (s.geofence_id, s.entered_us) == (visit.geofence_id, visit.entered_us)
            ]
            self._apply(diff(stored, [visit]))
        self._tell(latest(output.told).values())
        self._snapshot()

    def _tell(self, told: Iterable[Interval]) -> None:
        """As the upsert of `ingest.interval_store.tell` does."""
        numbers = {interval.key: number for number, interval in self._intervals.items()}
        for interval in told:
            number = numbers.get(interval.key)
            if number is not None:
                seen_us = self._intervals[number].seen_us
                self._intervals[number] = msgspec.structs.replace(interval, seen_us=seen_us)
            else:
                self._keep(interval)

    def _keep(self, interval: Interval) -> None:
        self._intervals[self._next] = interval
        self._next += 1

    def reconcile(self) -> None:
        if not self._dirty:
            return
        from_us = min(self._dirty)
        self._dirty.clear()
        self._snapshots = {t: s for t, s in self._snapshots.items() if t < from_us}
        snapshot = self._snapshots[max(self._snapshots)] if self._snapshots else None
        start = snapshot or VehicleState()
        rest = [c for c in self._pings.values() if c.key > start.key]
        output = fold_one(start, rest, self._fences, self._rules)
        first_us = min(c.ping.time_us for c in rest)
        scope = in_scope(snapshot, range(1, len(SHAPES) + 1), first_us)
        self._apply(
            diff([v for v in self._visits.values() if scope(v)], visits_of(start.fences, output.transitions))
        )
        since_us, at_start = start.key[0] if snapshot else first_us - 1, open_intervals(start)
        stored = [StoredInterval(number, interval) for number, interval in self._intervals.items()]
        known = latest([*at_start, *output.told])
        self._correct(
            interval_diff.diff(
                interval_diff.in_scope(stored, since_us, at_start),
                interval_diff.with_seen(known, stored, at_start, since_us),
            )
        )
        self._state = output.state
        self._snapshot()

    def _correct(self, changes: Sequence[IntervalChange]) -> None:
        for change in changes:
            if change.stored is not None:
                del self._intervals[change.stored.id]
            if change.interval is not None:
                self._keep(change.interval)

    def _snapshot(self) -> None:
        time_us = self._state.key[0]
        if self._state.last and time_us - max(self._snapshots, default=0) >= SNAPSHOT_US:
            self._snapshots[time_us] = self._state

    def _apply(self, changes: Sequence[VisitChange]) -> None:
        for change in changes:
            if change.stored is not None:
                del self._visits[change.stored.id]
            visit = change.visit
            if visit is not None:
                self._visits[self._next] = StoredVisit(
                    self._next, visit.geofence_id, visit.entered_us, visit.exited_us, visit.inferred
                )
                self._next += 1
