"""One batch of messages, one transaction: store, fold, tell; acks and news follow its commit."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import psycopg
from psycopg.errors import UniqueViolation

from geofence.index import FenceIndex
from ingest import interval_store, ledger_store, letter_store, presence_store, store, visit_store
from ingest.account_store import Seqs, Totals, merge_seqs
from ingest.arbitration import VehicleInput
from ingest.assembly import earliest_us, on_time, track_of, with_stored
from ingest.copying import Copying
from ingest.duty import NOBODY, Phones
from ingest.duty_cache import PhoneCache
from ingest.fleet import FenceCache, FenceShelf, Fleet, load_fleet, versions
from ingest.fold import VehicleOutput, fold
from ingest.intake import MAX_ACKED_SEQ, Intake, IntakeLimits, Message, take_in
from ingest.interval_store import ToldInterval
from ingest.ledger import NONE_ARRIVED, Arrived, Fates, all_but, in_all, lateness_ms
from ingest.letter import Letter
from ingest.ping import Ping
from ingest.presence_store import PresenceChange
from ingest.presence_watch import PresenceSettings, Watch
from ingest.state import VehicleState
from ingest.store import Checkpoint, Position
from ingest.stored_track import pings_after
from ingest.track import TRUE, Ints, Pings, groups, known, numbers_by_device
from ingest.visit_store import Crossing
from telemetry.rules import VehicleRules


class PipelineSettings(msgspec.Struct, frozen=True):
    worker: str
    intake: IntakeLimits
    rules: VehicleRules  # where neither fleet nor device says otherwise
    checkpoint_s: float
    snapshot_us: int
    presence: PresenceSettings
    duty_tolerance_us: int | None = None  # None = the positions of drivers' phones are always taken
    # Off for messages of another time: their numbers may be those of a count that the device has begun anew, and
    # they are no sign of life.
    of_now: bool = True


# What becomes of what was refused, at the end of the batch's transaction; again, if the batch is done again.
Keep = Callable[[Totals, Sequence[Letter]], None]


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
    lateness_ms: Ints  # of each stored ping
    presence: list[PresenceChange] = []
    answered: list[int] = []  # devices with answers to commands
    deferred: frozenset[int] = frozenset()  # numbers of messages that were left for later


class _Cached(msgspec.Struct):
    """A vehicle's state as this worker left it, and the database version it belongs to."""

    version: int
    state: VehicleState
    checkpoint_at: float  # time.monotonic()


class _StaleFleetError(Exception):
    """The fleet changed between reading it and locking the vehicles: do the batch again."""


class Pipeline:
    """Owns the worker's view of the fleet, the fences and the vehicles it folds. One thread at a time."""

    def __init__(
        self, connection: psycopg.Connection, settings: PipelineSettings, shelf: FenceShelf | None = None
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._fleet: Fleet | None = None
        self._fences = FenceCache(connection, shelf)
        tolerance_us = settings.duty_tolerance_us
        self._phones = None if tolerance_us is None else PhoneCache(connection, tolerance_us)
        self._cache: dict[int, _Cached] = {}
        self._watch = Watch(connection, settings.presence)
        self._expect_duplicates = False
        self._copier = ThreadPoolExecutor(1, thread_name_prefix="copy")

    def close(self) -> None:
        """End its thread. The connection is the caller's."""
        self._copier.shutdown()

    def prepare(self) -> None:
        """Read fleet, fences and the windows of phones now, so that the first batch does not wait for it."""
        with self._connection.transaction():
            self._current_fleet()
            self._fences.current()
            self.phones()

    def process(
        self, messages: Sequence[Message], *, defer_after_us: int = 0, keep: Keep | None = None
    ) -> BatchResult:
        """Store and fold the messages; returns after the commit. Raises psycopg errors, having changed nothing.

        `defer_after_us`: see `ingest.intake.take_in`. What is refused is kept as dead letters, unless `keep` does
        something else with it.
        """
        keep = keep or self._keep_letters
        while True:
            folded: dict[int, _Cached] = {}
            try:
                with self._connection.transaction():
                    result = self._transact(messages, folded, defer_after_us, keep)
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

    def phones(self) -> Phones:
        """Whose positions may be taken when, as committed now."""
        return NOBODY if self._phones is None else self._phones.current()

    def _keep_letters(self, totals: Totals, letters: Sequence[Letter]) -> None:
        letter_store.save(self._connection, self._settings.worker, letters)

    def tend_presence(self, now_us: int) -> list[PresenceChange]:
        """Write signs of life that wait for a batch, and tell who is gone; each piece is a transaction."""
        try:
            with self._connection.transaction():
                told = self._watch.flush()
        except BaseException:
            self._watch.forget()
            raise
        self._watch.committed()
        while True:
            with self._connection.transaction():
                gone = presence_store.sweep(self._connection, now_us, self._settings.presence.limits)
            told += gone
            if len(gone) < presence_store.SWEPT_AT_ONCE:
                return told

    def _transact(
        self, messages: Sequence[Message], folded: dict[int, _Cached], defer_after_us: int, keep: Keep
    ) -> BatchResult:
        fleet = self._current_fleet()
        intake = self._take_in(messages, fleet, defer_after_us)
        new, known, news = self._store(fleet, intake.pings, folded)
        fates = Fates(intake.came, new, in_all([intake.repeated, known]), news.late, intake.letters)
        handled = len(messages) - len(intake.deferred)
        totals = ledger_store.book(self._connection, self._settings.worker, handled, fates)
        keep(totals, intake.letters)
        of_now = self._settings.of_now
        acks = self._acks(fleet, intake, new) if of_now else []
        presence = self._watch.note(messages, intake) if of_now else []
        answers = [(told.device.id, told.received_us, each) for told in intake.told for each in told.results]
        return BatchResult(
            totals,
            fates.reasons,
            acks,
            news.live,
            news.crossings,
            news.intervals,
            lateness_ms(new),
            presence,
            presence_store.save_results(self._connection, answers),
            intake.deferred,
        )

    def _take_in(self, messages: Sequence[Message], fleet: Fleet, defer_after_us: int) -> Intake:
        try:
            return take_in(messages, fleet, self._settings.intake, defer_after_us, self.phones())
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

    def _store(
        self, fleet: Fleet, pings: Pings, folded: dict[int, _Cached]
    ) -> "tuple[Pings, Arrived, _News]":
        """Store and fold; the pings that were new, those that were known already, and what came of the new ones."""
        if not len(pings):
            return pings, NONE_ARRIVED, _News(NONE_ARRIVED, [], [], [])
        if not self._expect_duplicates:
            copying = Copying(self._copier, self._connection, pings)
            try:
                with self._connection.transaction():
                    return pings, NONE_ARRIVED, self._fold_new(fleet, pings, folded, copying)
            except UniqueViolation:
                folded.clear()
        store.hold_vehicles(self._connection, np.unique(track_of(fleet, pings).vehicle).tolist())
        stored = store.merge_pings(self._connection, pings)
        self._expect_duplicates = len(stored.new) < len(pings)
        new, replaced = pings.take(stored.new), pings.take(stored.replaced)
        changed = dict(earliest_us(track_of(fleet, replaced)))
        return new, all_but(pings, stored.new), self._fold_new(fleet, new, folded, changed=changed)

    def _fold_new(
        self,
        fleet: Fleet,
        new: Pings,
        folded: dict[int, _Cached],
        copying: "Copying | None" = None,
        changed: dict[int, int] | None = None,
    ) -> "_News":
        """Fold pings that are stored already, or are being copied meanwhile.

        `changed`: vehicles of which a stored ping was replaced, and from when.
        """
        track = track_of(fleet, new)
        dirty: dict[int, int | None] = dict(changed or {})
        if not len(track.vehicle):
            return self._without_vehicles(fleet, new, copying, dirty)
        starts, _ = groups(track.vehicle)
        locked = store.lock_vehicles(self._connection, track.vehicle[starts].tolist())
        fences = self._current_fences(fleet)
        states, after_us = self._states(locked)
        for vehicle_id in locked.keys() - states.keys():
            # What it remembered cannot be read: it is folded again from its first ping, in pieces.
            dirty[vehicle_id] = None
        inputs, late = on_time(fleet, track, states, dirty)
        if after_us:
            # Others stored pings since our checkpoint; they are in the database, and so have to be ours.
            if copying:
                copying.finish()
            track = with_stored(track, pings_after(self._connection, after_us))
            inputs, _ = on_time(fleet, track, states, {})
        with copying or contextlib.nullcontext():
            outputs = fold(track.pings, track.priority, inputs, fences)
        store.mark_dirty(self._connection, dirty)
        return self._tell(fleet, track.pings, inputs, outputs, late, locked, folded)

    def _without_vehicles(
        self, fleet: Fleet, new: Pings, copying: "Copying | None", dirty: dict[int, int | None]
    ) -> "_News":
        if copying:
            copying.finish()
        if len(new) and versions(self._connection)[0] != fleet.version:
            # Only after a write is the answer good for the rest of the batch, see ingest.settling.
            raise _StaleFleetError
        store.mark_dirty(self._connection, dirty)
        return _News(NONE_ARRIVED, [], [], [])

    def _tell(
        self,
        fleet: Fleet,
        pings: Pings,
        inputs: Sequence[VehicleInput],
        outputs: Sequence[VehicleOutput],
        late: Arrived,
        locked: dict[int, int],
        folded: dict[int, _Cached],
    ) -> "_News":
        told = [(o.vehicle_id, o.told) for o in outputs if o.told]
        transitions = [
            (o.vehicle_id, i.state, o.transitions)
            for i, o in zip(inputs, outputs, strict=True)
            if o.transitions
        ]
        crossings = visit_store.tell_transitions(self._connection, transitions)
        intervals = interval_store.tell(self._connection, told)
        self._save(pings, inputs, outputs, locked, folded)
        return _News(late, _live(fleet, pings, outputs), crossings, intervals)

    def _states(self, locked: dict[int, int]) -> tuple[dict[int, VehicleState], dict[int, int | None]]:
        """Each locked vehicle's state, if there is one; and from when others stored pings since it was saved."""
        states: dict[int, VehicleState] = {}
        unknown: list[int] = []
        for vehicle_id, version in locked.items():
            cached = self._cache.get(vehicle_id)
            if cached is not None and cached.version == version - 1:
                states[vehicle_id] = cached.state
            else:
                unknown.append(vehicle_id)
        if not unknown:
            return states, {}
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
        return states, after

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
    """What a batch's new pings came to."""

    late: Arrived
    live: list[LivePing]
    crossings: list[Crossing]
    intervals: list[ToldInterval]


def _position(pings: Pings, output: VehicleOutput) -> Position | None:
    last = output.state.last
    if last is None or not len(output.used):
        # A last fix without coordinates is an erased phone's, see ingest.forgetting.
        return None if last is None or math.isnan(last.lat) else Position(last, None, None, None)
    row = int(output.used[-1])
    speed_kmh, heading_deg = (known(column[row].item()) for column in (pings.speed_kmh, pings.heading_deg))
    return Position(last, speed_kmh, heading_deg, bool(pings.mock[row] == TRUE))


def _live(fleet: Fleet, pings: Pings, outputs: Sequence[VehicleOutput]) -> list[LivePing]:
    """The newest position of each vehicle that moved on in this batch."""
    moved = [output for output in outputs if len(output.used)]
    rows = np.array([output.used[-1] for output in moved], np.int64)
    # Read back from the database a ping has no arrival: somebody else told it.
    fresh = np.flatnonzero(pings.received_us[rows])
    devices = pings.device[rows[fresh]].tolist()
    return [
        LivePing(moved[place].vehicle_id, device_id, fleet.by_id[device_id].kind, ping)
        for place, device_id, ping in zip(fresh.tolist(), devices, pings.objects(rows[fresh]), strict=True)
    ]
