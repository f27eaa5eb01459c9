"""One batch of messages, one transaction: store, fold, tell; acks and news follow its commit."""

import time
from collections.abc import Sequence

import msgspec
import numpy as np
import psycopg

from geofence.index import FenceIndex
from ingest import interval_store, presence_store, store, visit_store
from ingest.account_store import Seqs, Totals, add_totals, merge_seqs, save_refused
from ingest.arbitration import VehicleInput, fix_of
from ingest.fleet import NO_CARRIER, NO_VEHICLE, FenceCache, Fleet, load_fleet, versions
from ingest.fold import VehicleOutput, all_on_time, fold, late_rows
from ingest.intake import MAX_ACKED_SEQ, Intake, IntakeLimits, Message, take_in
from ingest.interval_store import ToldInterval
from ingest.ping import Ping
from ingest.presence_store import PresenceChange
from ingest.presence_watch import PresenceSettings, Watch
from ingest.state import VehicleState
from ingest.store import Checkpoint, Position, Track
from ingest.track import TRUE, Pings, groups, known, numbers_by_device, together
from ingest.visit_store import Crossing
from telemetry.rules import VehicleRules


class PipelineSettings(msgspec.Struct, frozen=True):
    worker: str
    intake: IntakeLimits
    rules: VehicleRules  # where neither fleet nor device says otherwise
    checkpoint_s: float
    snapshot_us: int
    presence: PresenceSettings


class LivePing(msgspec.Struct, frozen=True):
    """The newest used position of one vehicle in a batch."""

    vehicle_id: int
    device_id: int
    source: str  # kind of the device
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
    intervals: list[ToldInterval]
    presence: list[PresenceChange] = []
    answered: list[int] = []  # devices with answers to commands


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
        self._watch = Watch(connection, settings.presence)
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
                self._watch.forget()
                raise
            self._cache.update(folded)
            self._watch.committed()
            return result

    def tend_presence(self, now_us: int) -> list[PresenceChange]:
        """Write signs of life that wait for a batch, and tell who is gone; each piece is a transaction."""
        with self._connection.transaction():
            told = self._watch.flush()
        self._watch.committed()
        while True:
            with self._connection.transaction():
                gone = presence_store.sweep(self._connection, now_us, self._settings.presence.limits)
            told += gone
            if len(gone) < presence_store.SWEPT_AT_ONCE:
                return told

    def _transact(self, messages: Sequence[Message], folded: dict[int, _Cached]) -> BatchResult:
        connection, worker = self._connection, self._settings.worker
        fleet = self._current_fleet()
        intake = self._take_in(messages, fleet)
        pings, new, replaced = intake.pings, intake.pings, intake.pings.take(_NO_ROWS)
        if len(pings):
            stored = store.copy_pings(connection, pings, expect_duplicates=self._expect_duplicates)
            self._expect_duplicates = len(stored.new) < len(pings)
            if self._expect_duplicates:
                new, replaced = pings.take(stored.new), pings.take(stored.replaced)
        news = self._fold_new(fleet, new, replaced, folded)
        save_refused(connection, worker, intake.refused)
        totals = Totals(
            messages=len(messages),
            received=intake.received,
            stored=len(new),
            duplicate=len(intake.repeated) + len(pings) - len(new),
            rejected=len(intake.refused),
            late=news.late,
        )
        add_totals(connection, worker, totals)
        reasons: dict[str, int] = {}
        for refused in intake.refused:
            reasons[refused.reason] = reasons.get(refused.reason, 0) + 1
        acks = self._acks(fleet, intake, new)
        presence = self._watch.note(messages, intake)
        answers = [(told.device.id, told.received_us, each) for told in intake.told for each in told.results]
        answered = presence_store.save_results(connection, answers)
        return BatchResult(
            totals, reasons, acks, news.live, news.crossings, news.intervals, presence, answered
        )

    def _take_in(self, messages: Sequence[Message], fleet: Fleet) -> Intake:
        try:
            return take_in(messages, fleet, self._settings.intake)
        except OverflowError as error:
            # As if the database had refused it: the caller looks for the message and sets it aside.
            raise psycopg.DataError(f"a value that no column holds: {error}") from error

    def _current_fleet(self) -> Fleet:
        if self._fleet is None or self._fleet.version != versions(self._connection)[0]:
            self._fleet = load_fleet(self._connection, self._settings.rules)
        return self._fleet

    def _current_fences(self, fleet: Fleet) -> FenceIndex:
        """The fences as of now; to be called with the vehicles locked, see the decision on event time."""
        fleet_version, fence_version = versions(self._connection)
        if fleet_version != fleet.version:
            raise _StaleFleetError
        return self._fences.current(fence_version)

    def _fold_new(self, fleet: Fleet, new: Pings, replaced: Pings, folded: dict[int, _Cached]) -> "_News":
        track = _track(fleet, new)
        dirty: dict[int, int | None] = dict(_earliest(_track(fleet, replaced)))
        if not len(track.vehicle):
            if len(new) and versions(self._connection)[0] != fleet.version:
                # Only after a write is the answer good for the rest of the batch, see ingest.settling.
                raise _StaleFleetError
            store.mark_dirty(self._connection, dirty)
            return _News(0, [], [], [])
        starts, _ = groups(track.vehicle)
        locked = store.lock_vehicles(self._connection, track.vehicle[starts].tolist())
        fences = self._current_fences(fleet)
        states, behind = self._states(locked)
        for vehicle_id in locked.keys() - states.keys():
            # What it remembered cannot be read: it is folded again from its first ping, in pieces.
            dirty[vehicle_id] = None
        inputs, late = _on_time(fleet, track, states, dirty)
        if behind is not None:
            # Others stored pings since our checkpoint; they are in the database, ours too.
            track = _with_stored(track, behind)
            inputs, _ = _on_time(fleet, track, states, {})
        store.mark_dirty(self._connection, dirty)
        outputs = fold(track.pings, track.priority, inputs, fences)
        told = [(o.vehicle_id, o.told) for o in outputs if o.told]
        transitions = [
            (o.vehicle_id, i.state, o.transitions)
            for i, o in zip(inputs, outputs, strict=True)
            if o.transitions
        ]
        crossings = visit_store.tell_transitions(self._connection, transitions)
        intervals = interval_store.tell(self._connection, told)
        self._save(track.pings, inputs, outputs, locked, folded)
        return _News(late, _live(fleet, track.pings, outputs), crossings, intervals)

    def _states(self, locked: dict[int, int]) -> tuple[dict[int, VehicleState], Track | None]:
        """Each locked vehicle's state, if there is one; and the pings that others stored since it was saved."""
        states: dict[int, VehicleState] = {}
        unknown: list[int] = []
        for vehicle_id, version in locked.items():
            cached = self._cache.get(vehicle_id)
            if cached is not None and cached.version == version - 1:
                states[vehicle_id] = cached.state
            else:
                unknown.append(vehicle_id)
        if not unknown:
            return states, None
        after: dict[int, int | None] = {}
        for vehicle_id, (state, version) in store.load_states(self._connection, unknown).items():
            self._cache.pop(vehicle_id, None)
            newest = version == locked[vehicle_id] - 1
            if state is None and not newest:
                continue
            states[vehicle_id] = state or VehicleState()
            # A checkpoint of the version before ours misses nothing; after an older one pings follow.
            if state is not None and not newest:
                after[vehicle_id] = state.key[0] if state.last else None
        return states, store.pings_after(self._connection, after) if after else None

    def _save(
        self,
        pings: Pings,
        inputs: Sequence[VehicleInput],
        outputs: Sequence[VehicleOutput],
        locked: dict[int, int],
        folded: dict[int, _Cached],
    ) -> None:
        now = time.monotonic()
        checkpoints, snapshots, span_us = [], [], self._settings.snapshot_us
        for before, output in zip(inputs, outputs, strict=True):
            cached = self._cache.get(output.vehicle_id)
            checkpoint_at = cached.checkpoint_at if cached else -1e9
            moved = bool(output.transitions or output.told)
            if moved or now - checkpoint_at >= self._settings.checkpoint_s:
                checkpoint_at = now
                checkpoints.append(Checkpoint(output.vehicle_id, output.state, _position(pings, output)))
            # By event time alone: workers that take turns with a vehicle do not each make their own.
            if output.state.key[0] // span_us != before.state.key[0] // span_us and output.state.last:
                snapshots.append((output.vehicle_id, output.state))
            folded[output.vehicle_id] = _Cached(locked[output.vehicle_id], output.state, checkpoint_at)
        store.save_checkpoints(self._connection, checkpoints)
        store.save_snapshots(self._connection, snapshots)

    def _acks(self, fleet: Fleet, intake: Intake, new: Pings) -> list[DeviceAck]:
        if not intake.handled_seqs:
            return []
        fresh = numbers_by_device(new.device, new.seq, MAX_ACKED_SEQ)
        seqs = [
            Seqs(device_id, frozenset(numbers), frozenset(fresh.get(device_id, set()) & numbers))
            for device_id, numbers in intake.handled_seqs.items()
        ]
        up_to = merge_seqs(self._connection, seqs)
        return [DeviceAck(fleet.by_id[s.device_id].uid, up_to.get(s.device_id), s.handled) for s in seqs]


class _News(msgspec.Struct, frozen=True):
    """What a batch's new pings came to; `late` counts pings."""

    late: int
    live: list[LivePing]
    crossings: list[Crossing]
    intervals: list[ToldInterval]


_NO_ROWS = np.empty(0, np.int64)


def _track(fleet: Fleet, pings: Pings) -> Track:
    """The pings of devices on a vehicle, in the order of the fold."""
    devices, places = np.unique(pings.device, return_inverse=True)
    known_devices = [fleet.by_id[device_id] for device_id in devices.tolist()]
    only = [device.only_vehicle for device in known_devices]
    vehicle = np.array([NO_VEHICLE if each is None else each for each in only], np.int64)[places]
    for place, (device, each) in enumerate(zip(known_devices, only, strict=True)):
        if each is None:
            rows = np.flatnonzero(places == place)
            vehicle[rows] = device.vehicles_at(pings.time_us[rows])
    priority = np.array([device.priority for device in known_devices], np.int64)[places]
    riding = np.flatnonzero(vehicle != NO_VEHICLE)
    if len(riding) < len(vehicle):
        pings, vehicle, priority = pings.take(riding), vehicle[riding], priority[riding]
    return store.in_order(Track(pings, vehicle, priority))


def _with_stored(track: Track, behind: Track) -> Track:
    """The track with the stored pings of the vehicles that `behind` has, instead of their new ones alone."""
    others = np.flatnonzero(~np.isin(track.vehicle, np.unique(behind.vehicle)))
    return store.in_order(
        Track(
            together([track.pings.take(others), behind.pings]),
            np.concatenate([track.vehicle[others], behind.vehicle]),
            np.concatenate([track.priority[others], behind.priority]),
        )
    )


def _earliest(track: Track) -> dict[int, int]:
    """From when each vehicle has to be folded again because a stored ping changed."""
    starts, _ = groups(track.vehicle)
    return dict(zip(track.vehicle[starts].tolist(), track.pings.time_us[starts].tolist(), strict=True))


def _on_time(
    fleet: Fleet, track: Track, states: dict[int, VehicleState], dirty: dict[int, int | None]
) -> tuple[list[VehicleInput], int]:
    """Each vehicle's rows after its state, and how many came late; from when those change something goes to `dirty`."""
    inputs, late = [], 0
    starts, stops = groups(track.vehicle)
    columns = (track.vehicle[starts], starts, stops, track.pings.time_us[starts])
    for vehicle_id, start, stop, first_us in zip(*(column.tolist() for column in columns), strict=True):
        state = states.get(vehicle_id)
        if state is None:
            continue
        vehicle = VehicleInput(
            vehicle_id,
            fleet.carriers.get(vehicle_id, NO_CARRIER),
            state,
            fleet.rules_of(vehicle_id),
            start,
            stop,
        )
        if not all_on_time(state, first_us):
            count, changed_us = late_rows(track.pings, track.priority, vehicle)
            late += count
            vehicle = msgspec.structs.replace(vehicle, start=start + count)
            if changed_us is not None:
                earliest_us = dirty.get(vehicle_id, changed_us)
                dirty[vehicle_id] = None if earliest_us is None else min(changed_us, earliest_us)
        inputs.append(vehicle)
    return inputs, late


def _position(pings: Pings, output: VehicleOutput) -> Position | None:
    if not len(output.used):
        last = output.state.last
        return None if last is None else Position(last, None, None, None)
    row = int(output.used[-1])
    speed_kmh, heading_deg = (known(column[row].item()) for column in (pings.speed_kmh, pings.heading_deg))
    return Position(fix_of(pings, row), speed_kmh, heading_deg, bool(pings.mock[row] == TRUE))


def _live(fleet: Fleet, pings: Pings, outputs: Sequence[VehicleOutput]) -> list[LivePing]:
    """The newest position of each vehicle that moved on in this batch."""
    live = []
    for output in outputs:
        if len(output.used):
            row = int(output.used[-1])
            # Read back from the database it has no arrival: somebody else told it.
            if pings.received_us[row]:
                device_id = int(pings.device[row])
                live.append(
                    LivePing(output.vehicle_id, device_id, fleet.by_id[device_id].kind, pings.ping(row))
                )
    return live
