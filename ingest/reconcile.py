"""Late pings change the past: fold a vehicle again from a safe point and tell what came out different."""

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec
import numpy as np
import psycopg

from geofence.crossings import Transition
from geofence.index import FenceIndex
from ingest import interval_diff, interval_store, store, visit_store
from ingest.arbitration import VehicleInput
from ingest.diff import diff, in_scope, scope_from, visits_of
from ingest.fleet import FenceCache, FenceShelf, VehicleFacts, facts_of
from ingest.fold import VehicleOutput, fold, late_rows, open_intervals
from ingest.interval import Interval, latest
from ingest.interval_store import ToldInterval
from ingest.retention_store import floor_of
from ingest.settling import ASSIGNMENT, Settling
from ingest.state import VehicleState
from ingest.store import Checkpoint, Position, readable_state
from ingest.stored_track import Track, stream_pings
from ingest.times import from_us, to_us
from ingest.visit_store import Crossing
from telemetry.rules import VehicleRules

SNAPSHOTS_AT_ONCE = 5_000
# Safe points of a refold are so many pings apart, if that is farther than those of the live fold: a piece costs as much
# as two hundred pings however few it has, and to begin some pings early costs little.
_PIECE_ROWS = 1_500


class ReconcileSettings(msgspec.Struct, frozen=True):
    rules: VehicleRules  # where neither fleet nor device says otherwise
    snapshot_us: int
    lateness: timedelta
    # A vehicle that is still uploading is left alone for a moment, but not for ever.
    quiet: timedelta = timedelta(seconds=1)
    patience: timedelta = timedelta(seconds=10)
    # A vehicle whose refold failed is left alone for so long, so that the others get theirs.
    after_failure: timedelta = timedelta(seconds=60)


class Reconciled(msgspec.Struct, frozen=True):
    vehicle_id: int
    pings: int
    crossings: list[Crossing]
    intervals: list[ToldInterval]


class Reconciler:
    """Refolds one dirty vehicle a call, each in a transaction of its own. One thread at a time."""

    def __init__(
        self, connection: psycopg.Connection, settings: ReconcileSettings, shelf: FenceShelf | None = None
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._fences = FenceCache(connection, shelf)
        self._settling = Settling(connection)
        self._failed: dict[int, float] = {}  # vehicle -> time.monotonic() of its next try

    def run_once(self) -> Reconciled | None:
        """Refold the vehicle that has waited longest; None when nothing is due. Raises what a refold raises."""
        settled = self._settling.look()
        self._failed = {v: again for v, again in self._failed.items() if again > time.monotonic()}
        vehicle_id = None
        try:
            with self._connection.transaction():
                vehicle_id = _next_dirty(self._connection, self._settings, settled, list(self._failed))
                if vehicle_id is None:
                    return None
                store.ensure_states(self._connection, vehicle_id)
                store.lock_vehicles(self._connection, [vehicle_id])
                from_time = _take_marks(self._connection, vehicle_id, settled)
                return self._refold(vehicle_id, from_time, self._fences.current())
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            raise
        except Exception as error:
            if vehicle_id is not None:
                error.add_note(f"while folding vehicle {vehicle_id} again")
                self._failed[vehicle_id] = time.monotonic() + self._settings.after_failure.total_seconds()
            raise

    def _refold(self, vehicle_id: int, from_time: datetime | None, fences: FenceIndex) -> Reconciled:
        connection = self._connection
        from_time = _within_horizon(connection, vehicle_id, from_time, self._settings.lateness)
        snapshot = _snapshot_before(connection, vehicle_id, from_time)
        after_us = snapshot.key[0] if snapshot else None
        floor = floor_of(connection, vehicle_id)
        if floor is not None and (after_us is None or after_us < to_us(floor)):
            # Pings after that snapshot are gone or thinned: what they showed stays as told.
            snapshot = _snapshot_from(connection, vehicle_id, floor)
            after_us = to_us(floor) if snapshot is None or snapshot.last is None else snapshot.key[0]
            from_time = from_us(after_us + 1)
        connection.execute(
            "DELETE FROM vehicle_snapshots WHERE vehicle_id = %s AND (%s::timestamptz IS NULL OR time >= %s)",
            [vehicle_id, from_time, from_time],
        )
        facts = facts_of(connection, vehicle_id, self._settings.rules)
        vehicle = _Vehicle(vehicle_id, facts, fences, self._settings)
        with contextlib.closing(stream_pings(connection, vehicle_id, after_us)) as pings:
            start, rest = vehicle.clean_start(snapshot, pings)
            folded = vehicle.fold_all(start, rest)
        crossings = self._correct_visits(vehicle, start, folded)
        intervals = self._correct_intervals(vehicle, start, folded)
        position = _position_of(connection, folded.state)
        store.save_checkpoints(connection, [Checkpoint(vehicle_id, folded.state, position)])
        store.save_snapshots(connection, [(vehicle_id, state) for state in folded.snapshots])
        return Reconciled(vehicle_id, folded.pings, crossings, intervals)

    def _correct_visits(self, vehicle: "_Vehicle", start: VehicleState, folded: "_Folded") -> list[Crossing]:
        scope = in_scope(start, (fence.id for fence in vehicle.fences.fences), folded.first_us)
        told = visit_store.stored_visits(self._connection, vehicle.id, scope_from(start, folded.first_us))
        visits = visits_of(start.fences, folded.transitions)
        changes = diff([visit for visit in told if scope(visit)], visits)
        return visit_store.apply_changes(self._connection, [(vehicle.id, change) for change in changes])

    def _correct_intervals(
        self, vehicle: "_Vehicle", start: VehicleState, folded: "_Folded"
    ) -> list[ToldInterval]:
        since_us = folded.first_us - 1 if start.last is None else start.key[0]
        if since_us >= visit_store.NEVER_US - 1:
            return []
        at_start = open_intervals(start)
        stored = interval_store.stored_intervals(self._connection, vehicle.id, since_us, at_start)
        known = latest([*at_start, *folded.told])
        changes = interval_diff.diff(
            interval_diff.in_scope(stored, since_us, at_start),
            interval_diff.with_seen(known, stored, at_start, since_us),
        )
        return interval_store.apply_changes(self._connection, vehicle.id, changes)


class _Folded(msgspec.Struct, frozen=True):
    state: VehicleState
    transitions: list[tuple[int, Transition]]
    told: list[Interval]
    snapshots: list[VehicleState]
    pings: int
    first_us: int  # of the pings, NEVER_US without any


class _Piece(msgspec.Struct, frozen=True):
    """Rows `start` to `stop` of a track of one vehicle."""

    track: Track
    start: int
    stop: int

    @property
    def first_us(self) -> int:
        return int(self.track.pings.time_us[self.start])


class _Vehicle(msgspec.Struct, frozen=True):
    """One vehicle to be folded, and by what rules. Pure, but for the pings that are read as they are needed."""

    id: int
    facts: VehicleFacts
    fences: FenceIndex
    settings: ReconcileSettings

    def fold(self, state: VehicleState, piece: _Piece) -> VehicleOutput:
        track = piece.track
        return fold(track.pings, track.priority, [self._input(state, piece)], self.fences)[0]

    def _input(self, state: VehicleState, piece: _Piece) -> VehicleInput:
        return VehicleInput(self.id, self.facts.carrier, state, self.facts.rules, piece.start, piece.stop)

    def clean_start(
        self, snapshot: VehicleState | None, tracks: Iterator[Track]
    ) -> tuple[VehicleState, Iterator[_Piece]]:
        """The state to start from and the pings after it, with nothing of the start's own time among them.

        Another device's fix of the snapshot's very second belongs to the start: by its time alone, a
        visit that it opened could not be told from one that the snapshot already knew.
        """
        whole = (_Piece(track, 0, len(track.vehicle)) for track in tracks)
        if snapshot is None or snapshot.last is None:
            return VehicleState(), whole
        # A fence that was retired since is not judged: its visits stay as they were told.
        at = {f: state for f, state in snapshot.fences.items() if self.fences.position_of(f) is not None}
        start = msgspec.structs.replace(snapshot, fences=at)
        first = next(whole, None)
        if first is None:
            return start, whole
        pings, priority = first.track.pings, first.track.priority
        stop = int(np.searchsorted(pings.time_us, start.key[0], side="right"))
        known, _ = late_rows(pings, priority, self._input(start, _Piece(first.track, 0, stop)))
        start = self.fold(start, _Piece(first.track, known, stop)).state
        return start, itertools.chain([_Piece(first.track, stop, first.stop)], whole)

    def fold_all(self, state: VehicleState, pings: Iterable[_Piece]) -> _Folded:
        """Fold in pieces that end where a snapshot is due, keeping those snapshots."""
        transitions: list[tuple[int, Transition]] = []
        told: list[Interval] = []
        snapshots: list[VehicleState] = []
        count, first_us = 0, visit_store.NEVER_US
        span_us = self.settings.snapshot_us
        for piece in itertools.chain.from_iterable(_cut(each, span_us) for each in pings):
            first_us = min(first_us, piece.first_us)
            count += piece.stop - piece.start
            output = self.fold(state, piece)
            state = output.state
            transitions.extend(output.transitions)
            told.extend(output.told)
            if state.last is not None:
                snapshots.append(state)
        return _Folded(state, transitions, told, snapshots, count, first_us)


def _cut(whole: _Piece, span_us: int) -> Iterator[_Piece]:
    """Pieces of _PIECE_ROWS rows, or of `span_us` of event time where that has more."""
    times, start = whole.track.pings.time_us, whole.start
    while start < whole.stop:
        stop = start + int(np.searchsorted(times[start : whole.stop], times[start] + span_us))
        stop = min(max(stop, start + _PIECE_ROWS), whole.stop)
        yield _Piece(whole.track, start, stop)
        start = stop


def _next_dirty(
    connection: psycopg.Connection, settings: ReconcileSettings, settled: list[int], failed: list[int]
) -> int | None:
    """A vehicle with marks that are due, held against other workers until the end of the transaction."""
    row = connection.execute(
        "SELECT vehicle_id FROM dirty_vehicles d WHERE id = ("
        " SELECT min(id) FROM dirty_vehicles f WHERE f.vehicle_id = d.vehicle_id)"
        " AND vehicle_id <> ALL (%(failed)s)"
        " AND NOT EXISTS (SELECT FROM dirty_vehicles a WHERE a.vehicle_id = d.vehicle_id"
        "   AND a.reason = %(assignment)s AND a.id <> ALL (%(settled)s))"
        " AND (NOT EXISTS (SELECT FROM dirty_vehicles n WHERE n.vehicle_id = d.vehicle_id"
        # A mark of the future was made before the machine's clock was put back: no reason to wait for hours.
        "   AND n.marked_at BETWEEN clock_timestamp() - %(quiet)s AND clock_timestamp())"
        "  OR d.marked_at < clock_timestamp() - %(patience)s)"
        " ORDER BY id LIMIT 1 FOR UPDATE OF d SKIP LOCKED",
        {
            "assignment": ASSIGNMENT,
            "settled": settled,
            "failed": failed,
            "quiet": settings.quiet,
            "patience": settings.patience,
        },
    ).fetchone()
    return None if row is None else int(row[0])


def _take_marks(connection: psycopg.Connection, vehicle_id: int, settled: list[int]) -> datetime | None:
    """Remove the vehicle's marks; the earliest time among them, None = from the first ping."""
    times = [
        row[0]
        for row in connection.execute(
            "DELETE FROM dirty_vehicles WHERE vehicle_id = %s AND (reason <> %s OR id = ANY (%s))"
            " RETURNING from_time",
            [vehicle_id, ASSIGNMENT, settled],
        )
    ]
    return None if None in times or not times else min(times)


def _within_horizon(
    connection: psycopg.Connection, vehicle_id: int, from_time: datetime | None, lateness: timedelta
) -> datetime | None:
    """From when to refold: not before the horizon, where visits stay as told, once there is a snapshot there.

    Before it snapshots are gone and, by retention, pings may be.
    """
    row = connection.execute(
        "SELECT state_time FROM vehicle_states WHERE vehicle_id = %s", [vehicle_id]
    ).fetchone()
    if row is None or row[0] is None:
        return from_time
    horizon: datetime = row[0] - lateness
    if from_time is not None and from_time >= horizon:
        return from_time
    beyond = connection.execute(
        "SELECT EXISTS (SELECT FROM vehicle_snapshots WHERE vehicle_id = %s AND time < %s)",
        [vehicle_id, horizon],
    ).fetchone()
    return horizon if beyond is not None and beyond[0] else from_time


def _snapshot_before(
    connection: psycopg.Connection, vehicle_id: int, from_time: datetime | None
) -> VehicleState | None:
    if from_time is None:
        return None
    row = connection.execute(
        "SELECT state FROM vehicle_snapshots WHERE vehicle_id = %s AND time < %s ORDER BY time DESC LIMIT 1",
        [vehicle_id, from_time],
    ).fetchone()
    return None if row is None else readable_state(row[0])


def _snapshot_from(connection: psycopg.Connection, vehicle_id: int, floor: datetime) -> VehicleState | None:
    """The oldest safe point at or after the floor; without one the state as it is, if it can be read."""
    row = connection.execute(
        "SELECT state FROM ((SELECT state, 1 AS choice FROM vehicle_snapshots WHERE vehicle_id = %(vehicle)s"
        "   AND time >= %(floor)s ORDER BY time LIMIT 1)"
        "  UNION ALL SELECT state, 2 FROM vehicle_states WHERE vehicle_id = %(vehicle)s AND state_time IS NOT NULL)"
        " AS points ORDER BY choice LIMIT 1",
        {"vehicle": vehicle_id, "floor": floor},
    ).fetchone()
    return None if row is None else readable_state(row[0])


def drop_old_snapshots(connection: psycopg.Connection, lateness: timedelta) -> int:
    """Retention of safe points; of those beyond the horizon the newest stays, as the start of a full refold.

    Drops SNAPSHOTS_AT_ONCE at most and returns how many. Looks up each vehicle's oldest instead of
    reading the table, which holds thousands a vehicle.
    """
    return connection.execute(
        "DELETE FROM vehicle_snapshots WHERE ctid = ANY (ARRAY("
        " SELECT old.ctid FROM vehicle_states AS v"
        " CROSS JOIN LATERAL (SELECT b.time FROM vehicle_snapshots AS b WHERE b.vehicle_id = v.vehicle_id"
        "  AND b.time < v.state_time - %(lateness)s ORDER BY b.time DESC LIMIT 1) AS kept"
        " CROSS JOIN LATERAL (SELECT s.ctid FROM vehicle_snapshots AS s WHERE s.vehicle_id = v.vehicle_id"
        "  AND s.time < kept.time ORDER BY s.time LIMIT %(most)s) AS old"
        " LIMIT %(most)s))",
        {"lateness": lateness, "most": SNAPSHOTS_AT_ONCE},
    ).rowcount


def _position_of(connection: psycopg.Connection, state: VehicleState) -> Position | None:
    if state.last is None:
        return None
    row = connection.execute(
        "SELECT speed_kmh, heading_deg, coalesce(mock, false) FROM pings WHERE device_id = %s AND time = %s",
        [state.last.device_id, from_us(state.last.time_us)],
    ).fetchone()
    return Position(state.last, *row) if row else None
