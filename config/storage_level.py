"""The one place that knows what the database can do: plain, TimescaleDB, TimescaleDB with its own licence."""

from datetime import datetime
from enum import StrEnum

import psycopg

PING_CHUNK = "1 day"


class StorageLevel(StrEnum):
    PLAIN = "plain PostgreSQL"
    TIMESCALE_APACHE = "TimescaleDB, Apache licence"
    TIMESCALE_TSL = "TimescaleDB, Timescale licence"


def detect_level(connection: psycopg.Connection) -> StorageLevel:
    """What this server offers; the extension need not be created in the database yet."""
    row = connection.execute(
        "SELECT current_setting('timescaledb.license', true),"
        " EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb'),"
        " current_setting('shared_preload_libraries', true)"
    ).fetchone()
    assert row is not None
    licence, available, preloaded = row
    if not available or "timescaledb" not in (preloaded or ""):
        return StorageLevel.PLAIN
    return StorageLevel.TIMESCALE_TSL if licence == "timescale" else StorageLevel.TIMESCALE_APACHE


def pings_hypertable_sql(level: StorageLevel) -> list[str]:
    """Statements that turn the fresh `pings` table into a hypertable; none on plain PostgreSQL."""
    if level is StorageLevel.PLAIN:
        return []
    return [
        "CREATE EXTENSION IF NOT EXISTS timescaledb",
        # Explicit index only: Alembic would want to drop one that TimescaleDB made by itself.
        f"SELECT create_hypertable('pings', by_range('time', INTERVAL '{PING_CHUNK}'),"
        " create_default_indexes => false)",
    ]


def is_hypertable(connection: psycopg.Connection) -> bool:
    """Whether `pings` of this database is a hypertable now."""
    row = connection.execute("SELECT to_regclass('timescaledb_information.hypertables')").fetchone()
    if row is None or row[0] is None:
        return False
    found = connection.execute(
        "SELECT EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_name = 'pings')"
    ).fetchone()
    return bool(found and found[0])


def oldest_chunk_before(connection: psycopg.Connection, cutoff: datetime) -> datetime | None:
    """End of the oldest chunk of `pings` that lies wholly before the cutoff; None when there is none, or no chunks."""
    if not is_hypertable(connection):
        return None
    row = connection.execute(
        "SELECT min(range_end) FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'pings' AND range_end <= %s",
        [cutoff],
    ).fetchone()
    return None if row is None else row[0]


def drop_chunks_before(connection: psycopg.Connection, end: datetime) -> int:
    """Drop whole chunks, however many rows are in them; how many chunks. Locks each for a moment."""
    cursor = connection.execute("SELECT drop_chunks('pings', older_than => %s::timestamptz)", [end])
    return len(cursor.fetchall())
