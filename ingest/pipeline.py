"""One batch of messages, one transaction: store, fold, tell; acks and news follow its commit."""

import time
from collections.abc import Sequence

import msgspec
import psycopg

from geofence.crossings import Fix
from geofence.index import FenceIndex
from ingest import store, visit_store
from ingest.account_store import Seqs, Totals, add_totals, merge_seqs, save_refused
from ingest.copy_rows import Row
from ingest.fleet import FenceCache, Fleet, load_fleet, versions
from ingest.fold import (
    Candidate,
    FoldLimits,
    VehicleInput,
    VehicleOutput,
    VehicleState,
    fold,
    split_late,
)
from ingest.intake import Intake, IntakeLimits, Message, take_in
from ingest.ping import Ping
from ingest.store import Checkpoint, Position
from ingest.visit_store import Crossing


class PipelineSettings(msgspec.Struct, frozen=True):
    worker: str
    intake: IntakeLimits
    fold: FoldLimits
    checkpoint_s: float
    snapshot_us: int


class LivePing(msgspec.Struct, frozen=True):
    """The newest used position of one vehicle in a batch."""

    vehicle_id: int
    device_id: int
    priority: int
    ping: Ping


class DeviceAck(msgspec.Struct, frozen=True):
    """The application ack of one device: what it need not keep any more."""

    uid: str
    up_to: int | None
    handled: frozenset[int]


class BatchResult(msgspec.Struct, frozen=True):
    totals: Totals
    reasons: dict[str, int]
    acks: list[DeviceAck]
    live: list[LivePing]
    crossings: list[Crossing]


class _Cached(msgspec.Struct):
    """A vehicle's state as this worker left it, and the database version it belongs to."""

    version: int
    state: VehicleState
    checkpoint_at: float  # time.monotonic()


class _StaleFleetError(Exception):
    """The fleet changed between reading it and locking the vehicles: do the batch again."""


class Pipeline:
    """Owns the worker's view of the fleet, the fences and the vehicles it folds. One thread at a time."""

    def __init__(self, connection: psycopg.Connection, settings: PipelineSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._fleet: Fleet | None = None
        self._fences = FenceCache(connection)
        self._cache: dict[int, _Cached] = {}
        self._expect_duplicates = False

    def process(self, messages: Sequence[Message]) -> BatchResult:
        """Store and fold the messages; returns after the commit. Raises psycopg errors, having changed nothing."""
        while True:
            folded: dict[int, _Cached] = {}
            try:
                with self._connection.transaction():
                    result = self._transact(messages, folded)
            except _StaleFleetError:
                self._fleet = None
                continue
            except BaseException:
                # Nothing of it happened, rows made while loading the fleet included: read all anew.
                self._cache.clear()
                self._fleet = None
                raise
            self._cache.update(folded)
            return result

    def _transact(self, messages: Sequence[Message], folded: dict[int, _Cached]) -> BatchResult:
        connection, worker = self._connection, self._settings.worker
        fleet = self._current_fleet()
        intake = take_in(messages, fleet, self._settings.intake)
        stored = store.StoredRows((), ())
        if intake.rows:
            stored = store.copy_pings(connection, intake.rows, expect_duplicates=self._expect_duplicates)
            self._expect_duplicates = len(stored.new) < len(intake.rows)
        late, live, crossings = self._fold_rows(fleet, stored, folded)
        save_refused(connection, worker, intake.refused)
        totals = Totals(
            messages=len(messages),
            received=intake.received,
            stored=len(stored.new),
            duplicate=intake.repeats + len(intake.rows) - len(stored.new),
            rejected=len(intake.refused),
            late=late,
        )
        add_totals(connection, worker, totals)
        reasons: dict[str, int] = {}
        for refused in intake.refused:
            reasons[refused.reason] = reasons.get(refused.reason, 0) + 1
        return BatchResult(totals, reasons, self._acks(fleet, intake, stored.new), live, crossings)

    def _current_fleet(self) -> Fleet:
        if self._fleet is None or self._fleet.version != versions(self._connection)[0]:
            self._fleet = load_fleet(self._connection)
        return self._fleet

    def _current_fences(self, fleet: Fleet) -> FenceIndex:
        """The fences as of now; to be called with the vehicles locked, see the decision on event time."""
        fleet_version, fence_version = versions(self._connection)
        if fleet_version != fleet.version:
            raise _StaleFleetError
        return self._fences.current(fence_version)

    def _fold_rows(
        self, fleet: Fleet, stored: store.StoredRows, folded: dict[int, _Cached]
    ) -> tuple[int, list[LivePing], list[Crossing]]:
        candidates = _by_vehicle(fleet, stored.new)
        dirty = _replaced_from(fleet, stored.replaced)
        if not candidates:
            if stored.new and versions(self._connection)[0] != fleet.version:
                # Only after a write is the answer good for the rest of the batch, see ingest.settling.
                raise _StaleFleetError
            store.mark_dirty(self._connection, dirty)
            return 0, [], []
        locked = store.lock_vehicles(self._connection, candidates)
        fences = self._current_fences(fleet)
        states, current = self._states(locked)
        inputs, late = [], 0
        for vehicle_id, state in states.items():
            fresh, late_us = split_late(state, candidates[vehicle_id], self._settings.fold)
            late += len(candidates[vehicle_id]) - len(fresh)
            if late_us is not None:
                dirty[vehicle_id] = min(late_us, dirty.get(vehicle_id, late_us))
            if vehicle_id in current:
                # Others stored pings since our checkpoint; they are in the database, ours too.
                fresh, _ = split_late(state, current[vehicle_id], self._settings.fold)
            inputs.append(VehicleInput(vehicle_id, fleet.carriers.get(vehicle_id, -1), state, fresh))
        store.mark_dirty(self._connection, dirty)
        outputs = fold(inputs, fences, self._settings.fold)
        crossings = visit_store.tell_transitions(
            self._connection,
            [
                (o.vehicle_id, i.state, o.transitions)
                for i, o in zip(inputs, outputs, strict=True)
                if o.transitions
            ],
        )
        newest = _newest(outputs, stored.new)
        self._save(inputs, outputs, locked, newest, folded)
        return late, _live(fleet, outputs, newest), crossings

    def _states(self, locked: dict[int, int]) -> tuple[dict[int, VehicleState], dict[int, list[Candidate]]]:
        """Each locked vehicle's state; and where others stored pings since it was saved, those pings."""
        states: dict[int, VehicleState] = {}
        stale: list[int] = []
        for vehicle_id, version in locked.items():
            cached = self._cache.get(vehicle_id)
            if cached is not None and cached.version == version - 1:
                states[vehicle_id] = cached.state
            else:
                stale.append(vehicle_id)
        if not stale:
            return states, {}
        after: dict[int, int | None] = {}
        for vehicle_id, (state, version) in store.load_states(self._connection, stale).items():
            states[vehicle_id] = state
            self._cache.pop(vehicle_id, None)
            # A checkpoint of the version before ours misses nothing; after an older one pings follow.
            if version != locked[vehicle_id] - 1:
                after[vehicle_id] = state.key[0] if state.last else None
        return states, store.pings_after(self._connection, after) if after else {}

    def _save(
        self,
        inputs: Sequence[VehicleInput],
        outputs: Sequence[VehicleOutput],
        locked: dict[int, int],
        newest: dict[tuple[int, int], Ping],
        folded: dict[int, _Cached],
    ) -> None:
        now = time.monotonic()
        checkpoints, snapshots, span_us = [], [], self._settings.snapshot_us
        for before, output in zip(inputs, outputs, strict=True):
            cached = self._cache.get(output.vehicle_id)
            checkpoint_at = cached.checkpoint_at if cached else -1e9
            if output.transitions or now - checkpoint_at >= self._settings.checkpoint_s:
                checkpoint_at = now
                checkpoints.append(
                    Checkpoint(output.vehicle_id, output.state, _position(output.state.last, newest))
                )
            # By event time alone: workers that take turns with a vehicle do not each make their own.
            if output.used and output.state.key[0] // span_us != before.state.key[0] // span_us:
                snapshots.append((output.vehicle_id, output.state))
            folded[output.vehicle_id] = _Cached(locked[output.vehicle_id], output.state, checkpoint_at)
        store.save_checkpoints(self._connection, checkpoints)
        store.save_snapshots(self._connection, snapshots)

    def _acks(self, fleet: Fleet, intake: Intake, new: Sequence[Row]) -> list[DeviceAck]:
        if not intake.handled_seqs:
            return []
        fresh: dict[int, set[int]] = {}
        for device_id, _, ping in new:
            if ping.seq is not None:
                fresh.setdefault(device_id, set()).add(ping.seq)
        seqs = [
            Seqs(device_id, frozenset(numbers), frozenset(fresh.get(device_id, set()) & numbers))
            for device_id, numbers in intake.handled_seqs.items()
        ]
        up_to = merge_seqs(self._connection, seqs)
        return [DeviceAck(fleet.by_id[s.device_id].uid, up_to.get(s.device_id), s.handled) for s in seqs]


def _by_vehicle(fleet: Fleet, rows: Sequence[Row]) -> dict[int, list[Candidate]]:
    """Stored rows as fold candidates of their vehicles; those of devices on no vehicle are left out."""
    candidates: dict[int, list[Candidate]] = {}
    by_id = fleet.by_id
    for device_id, _, ping in rows:
        device = by_id[device_id]
        vehicle_id = device.vehicle_at(ping.time_us)
        if vehicle_id is None:
            continue
        fix = Fix(ping.time_us, ping.lon, ping.lat, ping.accuracy_m, device_id)
        candidate = Candidate(fix, device.priority)
        mine = candidates.get(vehicle_id)
        if mine is None:
            candidates[vehicle_id] = [candidate]
        else:
            mine.append(candidate)
    return candidates


def _replaced_from(fleet: Fleet, rows: Sequence[Row]) -> dict[int, int]:
    """From when each vehicle has to be folded again because a stored ping changed."""
    dirty: dict[int, int] = {}
    for device_id, _, ping in rows:
        vehicle_id = fleet.by_id[device_id].vehicle_at(ping.time_us)
        if vehicle_id is not None:
            dirty[vehicle_id] = min(ping.time_us, dirty.get(vehicle_id, ping.time_us))
    return dirty


def _newest(outputs: Sequence[VehicleOutput], rows: Sequence[Row]) -> dict[tuple[int, int], Ping]:
    """The pings of this batch that ended up as a vehicle's last used position, by (device, time)."""
    wanted = {(o.used[-1].device_id, o.used[-1].time_us) for o in outputs if o.used}
    return {
        (device_id, ping.time_us): ping for device_id, _, ping in rows if (device_id, ping.time_us) in wanted
    }


def _position(last: Fix | None, newest: dict[tuple[int, int], Ping]) -> Position | None:
    if last is None:
        return None
    ping = newest.get((last.device_id, last.time_us))
    return Position(last, None, None) if ping is None else Position(last, ping.speed_kmh, ping.heading_deg)


def _live(
    fleet: Fleet, outputs: Sequence[VehicleOutput], newest: dict[tuple[int, int], Ping]
) -> list[LivePing]:
    """The newest position of each vehicle that moved on in this batch."""
    live = []
    for output in outputs:
        if output.used:
            last = output.used[-1]
            ping = newest.get((last.device_id, last.time_us))
            if ping is not None:
                priority = fleet.by_id[last.device_id].priority
                live.append(LivePing(output.vehicle_id, last.device_id, priority, ping))
    return live
