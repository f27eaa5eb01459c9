"""All SQL of an ingest batch, on a connection whose transaction the pipeline owns."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec
import numpy as np
import psycopg
from psycopg import sql

from geofence.crossings import Fix
from ingest import copy_rows
from ingest.state import StateFormatError, VehicleState, decode_state, encode_state
from ingest.times import from_us
from ingest.track import Ints, Pings

_COLUMNS: LiteralString = (
    "device_id, time, received_at, lat, lon, speed_kmh, heading_deg, altitude_m, accuracy_m, satellites,"
    " hdop, ignition, battery_pct, fuel_pct, odometer_km, seq, mock, extra"
)
_COPY_PINGS = f"COPY pings ({_COLUMNS}) FROM STDIN (FORMAT binary)"
_COPY_STAGED = f"COPY staged_pings ({_COLUMNS}) FROM STDIN (FORMAT binary)"
_CREATE_STAGED = "CREATE TEMP TABLE IF NOT EXISTS staged_pings (LIKE pings) ON COMMIT DELETE ROWS"
# Two pings of one device and one time: the smaller one stays, whichever came first, so that the
# result does not depend on the order of arrival. Equal ones change nothing.
_MERGE_STAGED = f"""
INSERT INTO pings AS old ({_COLUMNS}) SELECT {_COLUMNS} FROM staged_pings
ON CONFLICT (device_id, time) DO UPDATE SET
    received_at = EXCLUDED.received_at, lat = EXCLUDED.lat, lon = EXCLUDED.lon,
    speed_kmh = EXCLUDED.speed_kmh, heading_deg = EXCLUDED.heading_deg,
    altitude_m = EXCLUDED.altitude_m, accuracy_m = EXCLUDED.accuracy_m,
    satellites = EXCLUDED.satellites, hdop = EXCLUDED.hdop, ignition = EXCLUDED.ignition,
    battery_pct = EXCLUDED.battery_pct, fuel_pct = EXCLUDED.fuel_pct,
    odometer_km = EXCLUDED.odometer_km, seq = EXCLUDED.seq, mock = EXCLUDED.mock, extra = EXCLUDED.extra
WHERE (EXCLUDED.lat, EXCLUDED.lon, COALESCE(EXCLUDED.accuracy_m, 'infinity'))
    < (old.lat, old.lon, COALESCE(old.accuracy_m, 'infinity'))
RETURNING device_id, (extract(epoch FROM time) * 1000000)::bigint, (xmax = 0) AS inserted
"""
_HOLD_VEHICLES: LiteralString = (
    "SELECT vehicle_id FROM vehicle_states WHERE vehicle_id = ANY (%s) ORDER BY vehicle_id FOR UPDATE"
)
_LOCK_VEHICLES = f"""
UPDATE vehicle_states AS s SET version = s.version + 1
FROM ({_HOLD_VEHICLES}) AS l
WHERE s.vehicle_id = l.vehicle_id RETURNING s.vehicle_id, s.version
"""
_SAVE_CHECKPOINTS = """
UPDATE vehicle_states AS s SET state = c.state, state_time = c.state_time, state_version = s.version,
    motion = c.motion, motion_since = c.motion_since, odometer_m = c.odometer_m, engine_s = c.engine_s,
    time = COALESCE(c.time, s.time), lat = COALESCE(c.lat, s.lat), lon = COALESCE(c.lon, s.lon),
    speed_kmh = CASE WHEN c.time IS NULL THEN s.speed_kmh ELSE c.speed_kmh END,
    heading_deg = CASE WHEN c.time IS NULL THEN s.heading_deg ELSE c.heading_deg END,
    accuracy_m = CASE WHEN c.time IS NULL THEN s.accuracy_m ELSE c.accuracy_m END,
    device_id = COALESCE(c.device_id, s.device_id), mock = COALESCE(c.mock, s.mock), updated_at = clock_timestamp()
FROM unnest(%s::bigint[], %s::bytea[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::float8[], %s::float8[],
    %s::timestamptz[], %s::float8[], %s::float8[], %s::float4[], %s::float4[], %s::float4[], %s::bigint[], %s::boolean[])
    AS c (vehicle_id, state, state_time, motion, motion_since, odometer_m, engine_s,
        time, lat, lon, speed_kmh, heading_deg, accuracy_m, device_id, mock)
WHERE s.vehicle_id = c.vehicle_id
"""


class StoredRows(msgspec.Struct, frozen=True):
    """What became of the rows of a batch, by their numbers: `new` were stored; `replaced` took another's place."""

    new: Ints
    replaced: Ints


class Position(msgspec.Struct, frozen=True):
    """A vehicle's last used position, for maps."""

    fix: Fix
    speed_kmh: float | None
    heading_deg: float | None
    mock: bool | None  # None = as it was


class Checkpoint(msgspec.Struct, frozen=True):
    vehicle_id: int
    state: VehicleState
    position: Position | None


def copy_pings(connection: psycopg.Connection, data: bytes) -> None:
    """Store rows that `copy_rows.encode` made. Raises UniqueViolation when any is there already."""
    _copy(connection, _COPY_PINGS, data)


def merge_pings(connection: psycopg.Connection, pings: Pings) -> StoredRows:
    """Store the rows (no two with the same device and time), some of which may be there already.

    Half as fast as `copy_pings`.
    """
    connection.execute(_CREATE_STAGED)
    _copy(connection, _COPY_STAGED, copy_rows.encode(pings))
    touched: dict[tuple[int, int], bool] = {
        (device_id, time_us): inserted for device_id, time_us, inserted in connection.execute(_MERGE_STAGED)
    }
    connection.execute("TRUNCATE staged_pings")
    keys = zip(pings.device.tolist(), pings.time_us.tolist(), strict=True)
    fates = np.array([touched.get(key) for key in keys], dtype=object)
    everything = np.arange(len(pings))
    return StoredRows(everything[fates == True], everything[fates == False])  # noqa: E712 - element by element


def _copy(connection: psycopg.Connection, statement: LiteralString, data: bytes) -> None:
    with connection.cursor() as cursor, cursor.copy(sql.SQL(statement)) as copy:
        copy.write(data)


def ensure_states(connection: psycopg.Connection, vehicle_id: int | None = None) -> None:
    """A state row for the vehicle, or for every one (in one order, as several workers do it at once).

    Without its row a vehicle cannot be locked.
    """
    connection.execute(
        "INSERT INTO vehicle_states (vehicle_id) SELECT id FROM vehicles v"
        " WHERE (%(only)s::bigint IS NULL OR id = %(only)s)"
        " AND NOT EXISTS (SELECT FROM vehicle_states s WHERE s.vehicle_id = v.id)"
        " ORDER BY id ON CONFLICT DO NOTHING",
        {"only": vehicle_id},
    )


def hold_vehicles(connection: psycopg.Connection, vehicle_ids: Iterable[int]) -> None:
    """Keep others from folding the vehicles for the rest of the transaction, in id order.

    To be called before their pings are touched. Whoever stored pings first would wait for a vehicle while the one
    who has it waits for those pings.
    """
    connection.execute(_HOLD_VEHICLES, [list(vehicle_ids)])


def lock_vehicles(connection: psycopg.Connection, vehicle_ids: Iterable[int]) -> dict[int, int]:
    """Take the vehicles for the rest of the transaction, in id order; their new versions.

    Whoever holds the lock is the only one folding the vehicle; a version that moved by more than
    this one step means that somebody else folded it since.
    """
    return dict(connection.execute(_LOCK_VEHICLES, [list(vehicle_ids)]).fetchall())


def load_states(
    connection: psycopg.Connection, vehicle_ids: Sequence[int]
) -> dict[int, tuple[VehicleState | None, int]]:
    """Checkpoints with the version they were made at; None = there is none that can be read."""
    return {
        vehicle_id: (readable_state(state), version)
        for vehicle_id, state, version in connection.execute(
            "SELECT vehicle_id, state, state_version FROM vehicle_states WHERE vehicle_id = ANY (%s)",
            [list(vehicle_ids)],
        )
    }


def readable_state(data: bytes | None) -> VehicleState | None:
    """None for no state, and for one in the format of another version of the platform."""
    try:
        return None if data is None else decode_state(data)
    except StateFormatError:
        return None


def save_checkpoints(connection: psycopg.Connection, checkpoints: Sequence[Checkpoint]) -> None:
    if not checkpoints:
        return
    rows = [
        (
            c.vehicle_id,
            encode_state(c.state),
            from_us(c.state.key[0]) if c.state.last else None,
            *_motion(c.state),
            c.state.odo_mm / 1000,
            c.state.engine_us / 1_000_000,
            *(_position(c.position) if c.position else (None,) * 8),
        )
        for c in checkpoints
    ]
    connection.execute(_SAVE_CHECKPOINTS, [list(column) for column in zip(*rows, strict=True)])


def _motion(state: VehicleState) -> tuple[str | None, datetime | None]:
    """What `vehicle_states.motion` says, and since when."""
    motion = state.motion
    if motion.stop is not None:
        return "parked" if motion.stop.parked else "stopped", from_us(motion.stop.start.time_us)
    return (None, None) if motion.trip is None else ("moving", from_us(motion.trip.start.time_us))


def _position(position: Position) -> tuple[object, ...]:
    fix = position.fix
    return (
        from_us(fix.time_us),
        fix.lat,
        fix.lon,
        position.speed_kmh,
        position.heading_deg,
        fix.accuracy_m,
        fix.device_id,
        position.mock,
    )


def save_snapshots(connection: psycopg.Connection, states: Sequence[tuple[int, VehicleState]]) -> None:
    """Safe points for refolds, at the time of each state's last fix."""
    if states:
        connection.cursor().executemany(
            "INSERT INTO vehicle_snapshots (vehicle_id, time, state) VALUES (%s, %s, %s)"
            " ON CONFLICT (vehicle_id, time) DO UPDATE SET state = EXCLUDED.state",
            [(vehicle_id, from_us(state.key[0]), encode_state(state)) for vehicle_id, state in states],
        )


def mark_dirty(connection: psycopg.Connection, marks: dict[int, int | None], reason: str = "late") -> None:
    """Ask for a refold of each vehicle from a time on; None = from its first ping."""
    if marks:
        connection.execute(
            "INSERT INTO dirty_vehicles (vehicle_id, from_time, reason)"
            " SELECT v, t, %s FROM unnest(%s::bigint[], %s::timestamptz[]) AS m (v, t)",
            [
                reason,
                list(marks),
                [None if time_us is None else from_us(time_us) for time_us in marks.values()],
            ],
        )
