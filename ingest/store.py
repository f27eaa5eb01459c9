"""All SQL of an ingest batch, on a connection whose transaction the pipeline owns."""

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
import numpy as np
import psycopg
from psycopg import sql

from geofence.crossings import Fix
from ingest import copy_rows
from ingest.state import StateFormatError, VehicleState, decode_state, encode_state
from ingest.times import from_us
from ingest.track import Extra, Ints, Pings, from_values

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
_LOCK_VEHICLES = """
UPDATE vehicle_states AS s SET version = s.version + 1
FROM (SELECT vehicle_id FROM vehicle_states WHERE vehicle_id = ANY (%s) ORDER BY vehicle_id FOR UPDATE) AS l
WHERE s.vehicle_id = l.vehicle_id RETURNING s.vehicle_id, s.version
"""
# Times as microseconds: psycopg makes a datetime in the time that everything else takes.
_TIME_US = "(extract(epoch FROM p.time) * 1000000)::bigint"
_FOLDED: LiteralString = (
    "p.lat, p.lon, p.speed_kmh, p.heading_deg, NULL, p.accuracy_m, NULL, NULL, p.ignition, NULL, p.fuel_pct,"
    " p.odometer_km, NULL, p.mock"
)
_PINGS_AFTER = f"""
SELECT {_TIME_US}, {_FOLDED}, w.vehicle_id, d.priority, p.device_id, p.extra
FROM unnest(%(vehicles)s::bigint[], %(after)s::timestamptz[]) AS w (vehicle_id, after)
JOIN device_assignments a ON a.vehicle_id = w.vehicle_id
JOIN devices d ON d.id = a.device_id
CROSS JOIN LATERAL (
    SELECT * FROM pings p WHERE p.device_id = a.device_id AND p.time >= w.after
        AND (a.valid_from IS NULL OR p.time >= a.valid_from) AND (a.valid_to IS NULL OR p.time < a.valid_to)
) AS p
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
# Before every ping there can be; psycopg cannot read PostgreSQL's own '-infinity'.
_DAWN = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_STREAM_ROWS = 20_000


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


class Track(msgspec.Struct, frozen=True):
    """Pings as the fold takes them, in its order: by vehicle, then time, priority, device."""

    pings: Pings
    vehicle: Ints
    priority: Ints


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


def pings_after(connection: psycopg.Connection, after_us: dict[int, int | None]) -> Track:
    """Stored pings of several vehicles, each at or after a time of its own (None = all)."""
    parameters = {
        "vehicles": list(after_us),
        "after": [_DAWN if after is None else from_us(after) for after in after_us.values()],
    }
    rows = connection.execute(_PINGS_AFTER, parameters, binary=True).fetchall()
    return in_order(_track(rows))


def stream_pings(
    connection: psycopg.Connection, vehicle_id: int, after_us: int | None
) -> Generator[Track, None, None]:
    """As `pings_after` for one vehicle, a piece at a time: its whole history may not fit into memory.

    Read it to its end, or close it, before the connection is used for anything else.
    """
    parameters = {"vehicles": [vehicle_id], "after": [_DAWN if after_us is None else from_us(after_us)]}
    with connection.cursor(name="pings_of_vehicle", binary=True) as cursor:
        cursor.execute(_PINGS_AFTER + "ORDER BY p.time, d.priority, p.device_id", parameters)
        while rows := cursor.fetchmany(_STREAM_ROWS):
            yield _track(rows)


def _track(rows: Sequence[tuple[Any, ...]]) -> Track:
    vehicle, priority, device, extra = zip(*(row[-4:] for row in rows), strict=True) if rows else ((),) * 4
    times = np.array([row[0] for row in rows], np.int64)
    pings = from_values(
        [row[:-4] for row in rows],
        np.array(device, np.int64),
        times,
        np.zeros(len(rows), np.int64),
        {
            number: Extra(tuple(each.get("alarms") or ()), each.get("attributes") or None)
            for number, each in enumerate(extra)
            if each is not None
        },
    )
    return Track(pings, np.array(vehicle, np.int64), np.array(priority, np.int64))


def in_order(track: Track) -> Track:
    """The rows in the order of the fold."""
    pings = track.pings
    order = np.lexsort((pings.device, track.priority, pings.time_us, track.vehicle))
    return Track(pings.take(order), track.vehicle[order], track.priority[order])


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
