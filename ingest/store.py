"""All SQL of an ingest batch, on a connection whose transaction the pipeline owns."""

from collections.abc import Generator, Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec
import psycopg
from psycopg import sql
from psycopg.errors import UniqueViolation

from geofence.crossings import Fix
from ingest import copy_rows
from ingest.copy_rows import Row
from ingest.fold import Candidate, VehicleState, decode_state, encode_state
from ingest.times import from_us, to_us

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
RETURNING device_id, time, (xmax = 0) AS inserted
"""
_LOCK_VEHICLES = """
UPDATE vehicle_states AS s SET version = s.version + 1
FROM (SELECT vehicle_id FROM vehicle_states WHERE vehicle_id = ANY (%s) ORDER BY vehicle_id FOR UPDATE) AS l
WHERE s.vehicle_id = l.vehicle_id RETURNING s.vehicle_id, s.version
"""
_PINGS_AFTER = """
SELECT w.vehicle_id, (d.kind <> 'tracker')::int, p.device_id, p.time, p.lon, p.lat, p.accuracy_m
FROM unnest(%(vehicles)s::bigint[], %(after)s::timestamptz[]) AS w (vehicle_id, after)
JOIN device_assignments a ON a.vehicle_id = w.vehicle_id
JOIN devices d ON d.id = a.device_id
CROSS JOIN LATERAL (
    SELECT * FROM pings p WHERE p.device_id = a.device_id AND p.time >= w.after
        AND (a.valid_from IS NULL OR p.time >= a.valid_from) AND (a.valid_to IS NULL OR p.time < a.valid_to)
) AS p
"""
# Before every ping there can be; psycopg cannot read PostgreSQL's own '-infinity'.
_DAWN = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_STREAM_ROWS = 20_000


class StoredRows(msgspec.Struct, frozen=True):
    """What became of the rows of a batch: `new` were stored; `replaced` took another's place."""

    new: Sequence[Row]
    replaced: Sequence[Row]


class Position(msgspec.Struct, frozen=True):
    """A vehicle's last used position, for maps."""

    fix: Fix
    speed_kmh: float | None
    heading_deg: float | None


class Checkpoint(msgspec.Struct, frozen=True):
    vehicle_id: int
    state: VehicleState
    position: Position | None


def copy_pings(connection: psycopg.Connection, rows: Sequence[Row], *, expect_duplicates: bool) -> StoredRows:
    """Store the rows (no two with the same device and time); tell which were new.

    Straight COPY is twice as fast as the way around duplicates, so that is tried first unless the
    caller has reason to expect some.
    """
    try:
        data = copy_rows.encode(rows)
    except (OverflowError, ValueError) as error:
        # As if the database had refused it: the caller looks for the row and sets it aside.
        raise psycopg.DataError(f"a value that no column holds: {error}") from error
    if not expect_duplicates:
        try:
            with connection.transaction():
                _copy(connection, _COPY_PINGS, data)
            return StoredRows(rows, ())
        except UniqueViolation:
            pass
    connection.execute(_CREATE_STAGED)
    _copy(connection, _COPY_STAGED, data)
    touched = {
        (device_id, to_us(time)): inserted for device_id, time, inserted in connection.execute(_MERGE_STAGED)
    }
    connection.execute("TRUNCATE staged_pings")
    new = [row for row in rows if touched.get((row[0], row[2].time_us)) is True]
    replaced = [row for row in rows if touched.get((row[0], row[2].time_us)) is False]
    return StoredRows(new, replaced)


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
) -> dict[int, tuple[VehicleState, int]]:
    """Checkpoints with the version they were made at; a vehicle without one starts from nothing."""
    return {
        vehicle_id: (VehicleState() if state is None else decode_state(state), version)
        for vehicle_id, state, version in connection.execute(
            "SELECT vehicle_id, state, state_version FROM vehicle_states WHERE vehicle_id = ANY (%s)",
            [list(vehicle_ids)],
        )
    }


def pings_after(
    connection: psycopg.Connection, after_us: dict[int, int | None]
) -> dict[int, list[Candidate]]:
    """Stored pings of each vehicle at or after a time (None = all), sorted by key."""
    result: dict[int, list[Candidate]] = {vehicle_id: [] for vehicle_id in after_us}
    parameters = {
        "vehicles": list(after_us),
        "after": [_DAWN if after is None else from_us(after) for after in after_us.values()],
    }
    for vehicle_id, priority, device_id, time, lon, lat, accuracy in connection.execute(
        _PINGS_AFTER, parameters, binary=True
    ):
        result[vehicle_id].append(Candidate(Fix(to_us(time), lon, lat, accuracy, device_id), priority))
    for candidates in result.values():
        candidates.sort(key=lambda candidate: candidate.key)
    return result


def stream_pings(
    connection: psycopg.Connection, vehicle_id: int, after_us: int | None
) -> Generator[Candidate, None, None]:
    """As `pings_after` for one vehicle, a piece at a time: its whole history may not fit into memory.

    Read it to its end, or close it, before the connection is used for anything else.
    """
    parameters = {"vehicles": [vehicle_id], "after": [_DAWN if after_us is None else from_us(after_us)]}
    with connection.cursor(name="pings_of_vehicle", binary=True) as cursor:
        cursor.itersize = _STREAM_ROWS
        cursor.execute(_PINGS_AFTER + "ORDER BY p.time, 2, p.device_id", parameters)
        for _, priority, device_id, time, lon, lat, accuracy in cursor:
            yield Candidate(Fix(to_us(time), lon, lat, accuracy, device_id), priority)


def save_checkpoints(connection: psycopg.Connection, checkpoints: Sequence[Checkpoint]) -> None:
    if not checkpoints:
        return
    rows = [
        (
            c.vehicle_id,
            encode_state(c.state),
            from_us(c.state.key[0]) if c.state.last else None,
            *(_position(c.position) if c.position else (None,) * 7),
        )
        for c in checkpoints
    ]
    connection.execute(
        """
        UPDATE vehicle_states AS s SET state = c.state, state_time = c.state_time, state_version = s.version,
            time = COALESCE(c.time, s.time), lat = COALESCE(c.lat, s.lat), lon = COALESCE(c.lon, s.lon),
            speed_kmh = CASE WHEN c.time IS NULL THEN s.speed_kmh ELSE c.speed_kmh END,
            heading_deg = CASE WHEN c.time IS NULL THEN s.heading_deg ELSE c.heading_deg END,
            accuracy_m = CASE WHEN c.time IS NULL THEN s.accuracy_m ELSE c.accuracy_m END,
            device_id = COALESCE(c.device_id, s.device_id), updated_at = clock_timestamp()
        FROM unnest(%s::bigint[], %s::bytea[], %s::timestamptz[], %s::timestamptz[], %s::float8[], %s::float8[],
            %s::float4[], %s::float4[], %s::float4[], %s::bigint[])
            AS c (vehicle_id, state, state_time, time, lat, lon, speed_kmh, heading_deg, accuracy_m, device_id)
        WHERE s.vehicle_id = c.vehicle_id
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )


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
    )


def save_snapshots(connection: psycopg.Connection, states: Sequence[tuple[int, VehicleState]]) -> None:
    """Safe points for refolds, at the time of each state's last fix."""
    if states:
        connection.cursor().executemany(
            "INSERT INTO vehicle_snapshots (vehicle_id, time, state) VALUES (%s, %s, %s)"
            " ON CONFLICT (vehicle_id, time) DO UPDATE SET state = EXCLUDED.state",
            [(vehicle_id, from_us(state.key[0]), encode_state(state)) for vehicle_id, state in states],
        )


def mark_dirty(connection: psycopg.Connection, marks: dict[int, int], reason: str = "late") -> None:
    """Ask for a refold of each vehicle from a time on."""
    if marks:
        connection.execute(
            "INSERT INTO dirty_vehicles (vehicle_id, from_time, reason)"
            " SELECT v, t, %s FROM unnest(%s::bigint[], %s::timestamptz[]) AS m (v, t)",
            [reason, list(marks), [from_us(time_us) for time_us in marks.values()]],
        )
