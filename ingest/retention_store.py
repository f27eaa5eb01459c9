"""All SQL of retention. Every statement is short: it reads and deletes one piece, by key, and holds no lock for long."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import psycopg

from ingest.times import from_us, to_us
from telemetry.retention import RetentionPolicy

# Of all workers together one sweeps.
_SWEEPING = 7_223_905_114
_POLICY = "ping_days, thin_after_days, thin_to_s, interval_days, visit_days"
_DEVICES = """
SELECT d.id, d.carrier_id, f.complete_from, f.deleted_before, f.thinned_before, f.thinned_to_s
FROM devices d LEFT JOIN ping_floors f ON f.device_id = d.id ORDER BY d.id
"""
_LOCK_VEHICLES_OF = """
SELECT vehicle_id FROM vehicle_states WHERE vehicle_id IN (
    SELECT vehicle_id FROM device_assignments WHERE device_id = ANY (%s)) ORDER BY vehicle_id FOR UPDATE
"""
_RAISE_FLOORS = """
INSERT INTO ping_floors AS f (device_id, complete_from)
SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]) AS n (device_id, complete_from) ORDER BY 1
ON CONFLICT (device_id) DO UPDATE SET complete_from = GREATEST(f.complete_from, EXCLUDED.complete_from)
"""
# A device that left its vehicle before its floor matters there up to when it left.
_FLOOR_OF_VEHICLE = """
SELECT max(LEAST(f.complete_from, a.valid_to)) FROM device_assignments a JOIN ping_floors f USING (device_id)
WHERE a.vehicle_id = %s AND (a.valid_from IS NULL OR a.valid_from < f.complete_from)
"""
# Two partial indexes: what stands, and what was taken back.
_OLD_INTERVALS = """
SELECT id FROM (
    (SELECT id FROM intervals WHERE vehicle_id = %(vehicle)s AND retracted_at IS NULL
        AND started_at < %(before)s AND ended_at < %(before)s ORDER BY started_at LIMIT %(most)s)
    UNION ALL
    (SELECT id FROM intervals WHERE vehicle_id = %(vehicle)s AND retracted_at IS NOT NULL
        AND started_at < %(before)s ORDER BY started_at LIMIT %(most)s)
) AS old LIMIT %(most)s
"""
# Visits of an order's own fences prove waiting time and what was paid for it: they stay as long as the order.
_OLD_VISITS = """
SELECT id FROM (
    (SELECT id, geofence_id FROM visits WHERE vehicle_id = %(vehicle)s AND retracted_at IS NULL
        AND entered_at < %(before)s AND exited_at < %(before)s)
    UNION ALL
    (SELECT id, geofence_id FROM visits WHERE vehicle_id = %(vehicle)s AND retracted_at IS NOT NULL
        AND entered_at < %(before)s)
) AS old
WHERE NOT EXISTS (SELECT FROM orders WHERE pickup_geofence_id = old.geofence_id)
    AND NOT EXISTS (SELECT FROM orders WHERE delivery_geofence_id = old.geofence_id)
    AND NOT EXISTS (SELECT FROM order_stops WHERE geofence_id = old.geofence_id)
    AND NOT EXISTS (SELECT FROM planned_routes WHERE geofence_id = old.geofence_id)
    AND NOT EXISTS (SELECT FROM crossings c JOIN order_history h ON h.crossing_id = c.id WHERE c.visit_id = old.id)
LIMIT %(most)s
"""


class SweptDevice(msgspec.Struct, frozen=True):
    """A device, and what the sweep has done of it."""

    id: int
    carrier_id: UUID | None
    complete_from: datetime | None
    deleted_before: datetime | None
    thinned_before: datetime | None
    thinned_to_s: int | None


def be_brief(connection: psycopg.Connection) -> None:
    """From here on no statement of this connection lasts long, or keeps others waiting behind it."""
    connection.execute("SET statement_timeout = '5s'")
    connection.execute("SET lock_timeout = '500ms'")


def begin(connection: psycopg.Connection) -> bool:
    """Whether this worker may sweep now."""
    be_brief(connection)
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [_SWEEPING]).fetchone()
    return bool(row and row[0])


def end(connection: psycopg.Connection) -> None:
    """Let others sweep; a connection that breaks does so by itself. The lock counts: a sweep that failed holds it too."""
    connection.execute("SELECT pg_advisory_unlock_all()")


def load_policies(connection: psycopg.Connection) -> dict[UUID | None, RetentionPolicy]:
    """By carrier; that of None, if there is one, is the platform's default."""
    rows = connection.execute(f"SELECT carrier_id, {_POLICY} FROM retention_policies")
    return {carrier_id: RetentionPolicy(*values) for carrier_id, *values in rows}


def load_devices(connection: psycopg.Connection) -> list[SweptDevice]:
    return [SweptDevice(*row) for row in connection.execute(_DEVICES)]


def load_vehicles(connection: psycopg.Connection) -> list[tuple[int, UUID | None]]:
    return connection.execute("SELECT id, carrier_id FROM vehicles ORDER BY id").fetchall()


def raise_floors(connection: psycopg.Connection, floors: Sequence[tuple[int, datetime]]) -> int:
    """Say what is about to go, before it goes; of how many devices. A fold in progress that counts on it ends first."""
    devices = [device_id for device_id, _ in floors]
    connection.execute(_LOCK_VEHICLES_OF, [devices])
    return connection.execute(_RAISE_FLOORS, [devices, [floor for _, floor in floors]]).rowcount


def floor_of(connection: psycopg.Connection, vehicle_id: int) -> datetime | None:
    """Before it the vehicle's stored pings may be incomplete; None = they are not."""
    row = connection.execute(_FLOOR_OF_VEHICLE, [vehicle_id]).fetchone()
    return None if row is None else row[0]


def next_times(
    connection: psycopg.Connection, device_id: int, after: datetime | None, before: datetime, rows: int
) -> list[datetime]:
    """Times of the device's pings from `after` on, ascending; planned anew, so that old chunks alone are read."""
    found = connection.execute(
        "SELECT time FROM pings WHERE device_id = %s AND time >= %s AND time < %s ORDER BY time LIMIT %s",
        [device_id, after or from_us(0), before, rows],
        prepare=False,
    )
    return [row[0] for row in found]


def delete_pings(connection: psycopg.Connection, device_id: int, first: datetime, last: datetime) -> int:
    """By key: on a hypertable a row's address says nothing without its chunk."""
    return connection.execute(
        "DELETE FROM pings WHERE device_id = %s AND time >= %s AND time <= %s",
        [device_id, first, last],
        prepare=False,
    ).rowcount


def delete_pings_at(connection: psycopg.Connection, device_id: int, times_us: Sequence[int]) -> int:
    if not times_us:
        return 0
    times = [from_us(time_us) for time_us in times_us]
    return connection.execute(
        "DELETE FROM pings WHERE device_id = %s AND time >= %s AND time <= %s AND time = ANY (%s)",
        [device_id, times[0], times[-1], times],
        prepare=False,
    ).rowcount


def note_deleted(connection: psycopg.Connection, device_id: int, before: datetime) -> None:
    connection.execute("UPDATE ping_floors SET deleted_before = %s WHERE device_id = %s", [before, device_id])


def note_thinned(connection: psycopg.Connection, device_id: int, before: datetime, to_s: int) -> None:
    connection.execute(
        "UPDATE ping_floors SET thinned_before = %s, thinned_to_s = %s WHERE device_id = %s",
        [before, to_s, device_id],
    )


def delete_intervals(connection: psycopg.Connection, vehicle_id: int, before: datetime, most: int) -> int:
    """Those that were over, or taken back, before then, and all that was told of them."""
    ids = _ids(connection, _OLD_INTERVALS, vehicle_id, before, most)
    connection.execute("DELETE FROM interval_changes WHERE interval_id = ANY (%s)", [ids])
    connection.execute("DELETE FROM intervals WHERE id = ANY (%s)", [ids])
    return len(ids)


def delete_visits(connection: psycopg.Connection, vehicle_id: int, before: datetime, most: int) -> int:
    """The same of visits, but for those of orders."""
    ids = _ids(connection, _OLD_VISITS, vehicle_id, before, most)
    connection.execute("DELETE FROM crossings WHERE visit_id = ANY (%s)", [ids])
    connection.execute("DELETE FROM visits WHERE id = ANY (%s)", [ids])
    return len(ids)


def _ids(
    connection: psycopg.Connection, query: str, vehicle_id: int, before: datetime, most: int
) -> list[int]:
    rows = connection.execute(query, {"vehicle": vehicle_id, "before": before, "most": most})
    return [row[0] for row in rows]


def drop_erased_names(connection: psycopg.Connection, age: timedelta) -> int:
    """Tokens and connections of erased phones have ended by then."""
    return connection.execute(
        "DELETE FROM erased_uids WHERE erased_at < clock_timestamp() - %s", [age]
    ).rowcount


def times_in_us(times: Sequence[datetime]) -> list[int]:
    return [to_us(time) for time in times]
