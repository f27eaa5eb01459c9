"""The law: order, repetition and batching of the same pings do not change the visits.

`Books` is ingest's memory without a database: the same pure functions in the same order as
`ingest.pipeline` and `ingest.reconcile` call them, over dicts instead of tables.
"""

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from geofence.crossings import Fix
from geofence.geojson import parse_shape
from geofence.index import Fence, FenceIndex
from geofence.settings import FenceSettings
from ingest.diff import StoredVisit, Visit, VisitChange, diff, in_scope, visits_of
from ingest.fold import Candidate, FoldLimits, VehicleInput, VehicleState, fold, split_late

LIMITS = FoldLimits(max_speed_kmh=250.0, max_accuracy_m=500.0, takeover_us=300_000_000)
SNAPSHOT_US = 120_000_000
START_US = 1_767_000_000_000_000
LON, LAT = -17.4, 14.7
METRE = 1 / 111_320

VisitKey = tuple[int, int, int | None, bool]  # fence, entered, exited, inferred


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


@st.composite
def tracks(draw: st.DrawFn) -> list[Candidate]:
    """Unique pings of a tracker (device 1) and a phone (device 2) on one truck, in event-time order."""
    moves = draw(
        st.lists(
            st.tuples(
                st.integers(1, 400),  # seconds since the last ping
                st.integers(-900, 1200),  # metres east of the first fence
                st.sampled_from([None, 5.0, 30.0, 90.0, 900.0]),
                st.sampled_from([1, 1, 1, 2]),
            ),
            min_size=2,
            max_size=40,
        )
    )
    time_us, pings = START_US, []
    for seconds, east, accuracy, device in moves:
        time_us += seconds * 1_000_000
        fix = Fix(time_us, LON + east * METRE, LAT, accuracy, device)
        pings.append(Candidate(fix, device - 1))
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


def brute_force(pings: Sequence[Candidate]) -> list[VisitKey]:
    """What the visits are: every ping once, in event time, from nothing, one at a time."""
    state, transitions, fences = VehicleState(), [], index()
    for candidate in sorted(set_of(pings).values(), key=lambda c: c.key):
        output = fold([VehicleInput(1, -1, state, [candidate])], fences, LIMITS)[0]
        state = output.state
        transitions.extend(output.transitions)
    return in_order(visits_of({}, transitions))


def set_of(pings: Sequence[Candidate]) -> dict[tuple[int, int], Candidate]:
    return {(c.fix.device_id, c.fix.time_us): c for c in pings}


class Books:
    def __init__(self) -> None:
        self._fences = index()
        self._pings: dict[tuple[int, int], Candidate] = {}
        self._state = VehicleState()
        self._snapshots: dict[int, VehicleState] = {}
        self._dirty: list[int] = []
        self._visits: dict[int, StoredVisit] = {}
        self._next = 1

    @property
    def visits(self) -> list[VisitKey]:
        """Sorted, repeats included: telling one visit twice is a fault."""
        return in_order(self._visits.values())

    def take(self, batch: Sequence[Candidate]) -> None:
        new = {key: c for key, c in set_of(batch).items() if key not in self._pings}
        self._pings.update(new)
        on_time, late_us = split_late(self._state, new.values(), LIMITS)
        if late_us is not None:
            self._dirty.append(late_us)
        before = self._state
        output = fold([VehicleInput(1, -1, before, on_time)], self._fences, LIMITS)[0]
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
        self._snapshot()

    def reconcile(self) -> None:
        if not self._dirty:
            return
        from_us = min(self._dirty)
        self._dirty.clear()
        self._snapshots = {t: s for t, s in self._snapshots.items() if t < from_us}
        snapshot = self._snapshots[max(self._snapshots)] if self._snapshots else None
        start = snapshot or VehicleState()
        rest = sorted((c for c in self._pings.values() if c.key > start.key), key=lambda c: c.key)
        output = fold([VehicleInput(1, -1, start, rest)], self._fences, LIMITS)[0]
        scope = in_scope(snapshot, range(1, len(SHAPES) + 1), rest[0].fix.time_us)
        self._apply(
            diff([v for v in self._visits.values() if scope(v)], visits_of(start.fences, output.transitions))
        )
        self._state = output.state
        self._snapshot()

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
