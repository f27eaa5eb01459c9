"""Late pings change the past: fold a vehicle again from a safe point and tell what came out different."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import psycopg

from geofence.crossings import Transition
from geofence.index import FenceIndex
from ingest import store, visit_store
from ingest.diff import diff, in_scope, visits_of
from ingest.fleet import Fleet, load_fences, load_fleet, versions
from ingest.fold import Candidate, FoldLimits, VehicleInput, VehicleState, decode_state, fold
from ingest.store import Checkpoint, Position
from ingest.times import from_us
from ingest.visit_store import Crossing

_CHUNK_PINGS = 20_000
NEVER_US = 2**62


class ReconcileSettings(msgspec.Struct, frozen=True):
    fold: FoldLimits
    snapshot_us: int
    lateness: timedelta
    # A vehicle that is still uploading is left alone for a moment, but not for ever.
    quiet: timedelta = timedelta(seconds=1)
    patience: timedelta = timedelta(seconds=10)


class Reconciled(msgspec.Struct, frozen=True):
    vehicle_id: int
    pings: int
    crossings: list[Crossing]


class Reconciler:
    """Refolds one dirty vehicle a call, each in a transaction of its own. One thread at a time."""

    def __init__(self, connection: psycopg.Connection, settings: ReconcileSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._fleet: Fleet | None = None
        self._fences: tuple[int, FenceIndex] | None = None

    def run_once(self) -> Reconciled | None:
        """Refold the vehicle that has waited longest; None when nothing is due."""
        with self._connection.transaction():
            vehicle_id = _next_dirty(self._connection, self._settings)
            if vehicle_id is None:
                return None
            store.lock_vehicles(self._connection, [vehicle_id])
            from_time = _take_marks(self._connection, vehicle_id)
            fleet, fences = self._current()
            return self._refold(vehicle_id, from_time, fleet, fences)

    def _current(self) -> tuple[Fleet, FenceIndex]:
        fleet_version, fence_version = versions(self._connection)
        if self._fleet is None or self._fleet.version != fleet_version:
            self._fleet = load_fleet(self._connection)
        if self._fences is None or self._fences[0] != fence_version:
            self._fences = load_fences(self._connection)
        return self._fleet, self._fences[1]

    def _refold(
        self, vehicle_id: int, from_time: datetime | None, fleet: Fleet, fences: FenceIndex
    ) -> Reconciled:
        connection = self._connection
        from_time = _within_horizon(connection, vehicle_id, from_time, self._settings.lateness)
        snapshot = _snapshot_before(connection, vehicle_id, from_time)
        connection.execute(
            "DELETE FROM vehicle_snapshots WHERE vehicle_id = %s AND (%s::timestamptz IS NULL OR time >= %s)",
            [vehicle_id, from_time, from_time],
        )
        start = snapshot or VehicleState()
        candidates = store.pings_after(connection, {vehicle_id: start.key[0] if snapshot else None})[
            vehicle_id
        ]
        candidates = [candidate for candidate in candidates if candidate.key > start.key]
        carrier = fleet.carriers.get(vehicle_id, -1)
        state, transitions, snapshots = self._fold_all(vehicle_id, carrier, start, candidates, fences)
        first_us = candidates[0].fix.time_us if candidates else NEVER_US
        scope = in_scope(snapshot, (fence.id for fence in fences.fences), first_us)
        stored = [visit for visit in visit_store.stored_visits(connection, vehicle_id) if scope(visit)]
        changes = diff(stored, visits_of(start.fences, transitions))
        crossings = visit_store.apply_changes(connection, [(vehicle_id, change) for change in changes])
        position = _position_of(connection, state)
        store.save_checkpoints(connection, [Checkpoint(vehicle_id, state, position)])
        store.save_snapshots(connection, snapshots)
        return Reconciled(vehicle_id, len(candidates), crossings)

    def _fold_all(
        self,
        vehicle_id: int,
        carrier: int,
        state: VehicleState,
        candidates: Sequence[Candidate],
        fences: FenceIndex,
    ) -> tuple[VehicleState, list[tuple[int, Transition]], list[tuple[int, VehicleState]]]:
        """Fold in pieces that end where a snapshot is due, keeping those snapshots."""
        transitions: list[tuple[int, Transition]] = []
        snapshots: list[tuple[int, VehicleState]] = []
        for piece in _pieces(candidates, self._settings.snapshot_us):
            output = fold([VehicleInput(vehicle_id, carrier, state, piece)], fences, self._settings.fold)[0]
            state = output.state
            transitions.extend(output.transitions)
            if state.last is not None:
                snapshots.append((vehicle_id, state))
        return state, transitions, snapshots


def _pieces(candidates: Sequence[Candidate], span_us: int) -> list[Sequence[Candidate]]:
    pieces: list[Sequence[Candidate]] = []
    begin = 0
    for end in range(1, len(candidates) + 1):
        full = end == len(candidates) or end - begin >= _CHUNK_PINGS
        if full or candidates[end].fix.time_us - candidates[begin].fix.time_us >= span_us:
            pieces.append(candidates[begin:end])
            begin = end
    return pieces


def _next_dirty(connection: psycopg.Connection, settings: ReconcileSettings) -> int | None:
    """A vehicle with marks that are due, held against other workers until the end of the transaction."""
    row = connection.execute(
        "SELECT vehicle_id FROM dirty_vehicles d WHERE id = ("
        " SELECT min(id) FROM dirty_vehicles f WHERE f.vehicle_id = d.vehicle_id)"
        " AND (NOT EXISTS (SELECT FROM dirty_vehicles n WHERE n.vehicle_id = d.vehicle_id"
        "   AND n.marked_at > clock_timestamp() - %s)"
        "  OR d.marked_at < clock_timestamp() - %s)"
        " ORDER BY id LIMIT 1 FOR UPDATE OF d SKIP LOCKED",
        [settings.quiet, settings.patience],
    ).fetchone()
    return None if row is None else int(row[0])


def _take_marks(connection: psycopg.Connection, vehicle_id: int) -> datetime | None:
    """Remove the vehicle's marks; the earliest time among them, None = from the first ping."""
    times = [
        row[0]
        for row in connection.execute(
            "DELETE FROM dirty_vehicles WHERE vehicle_id = %s RETURNING from_time", [vehicle_id]
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
    return None if row is None else decode_state(row[0])


def drop_old_snapshots(connection: psycopg.Connection, lateness: timedelta) -> int:
    """Retention of safe points; of those beyond the horizon the newest stays, as the start of a full refold."""
    return connection.execute(
        "DELETE FROM vehicle_snapshots AS s USING vehicle_states AS v"
        " WHERE v.vehicle_id = s.vehicle_id AND s.time < ("
        "SELECT max(b.time) FROM vehicle_snapshots AS b"
        " WHERE b.vehicle_id = s.vehicle_id AND b.time < v.state_time - %s)",
        [lateness],
    ).rowcount


def _position_of(connection: psycopg.Connection, state: VehicleState) -> Position | None:
    if state.last is None:
        return None
    row = connection.execute(
        "SELECT speed_kmh, heading_deg FROM pings WHERE device_id = %s AND time = %s",
        [state.last.device_id, from_us(state.last.time_us)],
    ).fetchone()
    return Position(state.last, *row) if row else None
