"""A batch takes its vehicles before it touches their pings: two workers with the same pings never wait for each other."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from config.settings import Settings
from ingest.pipeline import Pipeline
from tests.support.ingest import add_device, add_vehicle, make_pipeline, message, ping_body
from tests.support.law import LAT, LON, START_US
from tests.support.waiting import wait_until

SETTINGS = Settings(ingest_worker="svc-ingest-order")


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def waits_for_a_vehicle(connection: psycopg.Connection, pid: int) -> bool:
    row = connection.execute(
        "SELECT query LIKE '%%vehicle_states%%' FROM pg_stat_activity"
        " WHERE pid = %s AND wait_event_type = 'Lock'",
        [pid],
    ).fetchone()
    return row is not None and bool(row[0])


def writes_pings(connection: psycopg.Connection, pid: int) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " WHERE l.pid = %s AND c.relname = 'pings' AND l.mode = 'RowExclusiveLock'",
        [pid],
    ).fetchone()
    return row is not None and row[0] > 0


@pytest.mark.parametrize("repeats", [False, True])
def test_a_batch_that_waits_for_a_vehicle_has_written_no_ping(
    connection: psycopg.Connection, database_url: str, repeats: bool
) -> None:
    uid = f"order-{repeats}"
    vehicle_id = add_vehicle(connection, uid)
    add_device(connection, uid, vehicle_id)
    first, second = (message(uid, ping_body(START_US + n, LAT, LON)) for n in (0, 1_000_000))
    with psycopg.connect(database_url, autocommit=True) as own:
        pipeline: Pipeline = make_pipeline(own, SETTINGS)
        pipeline.process([first])
        if repeats:
            pipeline.process([first])  # from now on it reckons with repeats, and merges
        pid = own.info.backend_pid
        with psycopg.connect(database_url) as other:
            other.execute("SELECT FROM vehicle_states WHERE vehicle_id = %s FOR UPDATE", [vehicle_id])
            batch = threading.Thread(target=lambda: pipeline.process([first, second]))
            batch.start()
            wait_until(lambda: waits_for_a_vehicle(connection, pid), 60, "the batch to wait")
            wrote = writes_pings(connection, pid)
            other.rollback()
        batch.join(30)
        pipeline.close()
    assert not batch.is_alive()
    assert not wrote
