"""The law on a real database: two workers share one truck's pings in any order, repeated, batched anyhow."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Settings
from ingest.fold import Candidate
from tests.support.ingest import (
    add_device,
    add_fence,
    add_vehicle,
    make_pipeline,
    message,
    ping_body,
    reconcile_all,
    visits_in,
)
from tests.support.law import SHAPES, brute_force, deliveries, shape_around, tracks

_numbers = itertools.count()


@pytest.fixture(scope="module")
def connections(database_url: str) -> Iterator[list[psycopg.Connection]]:
    opened = [psycopg.connect(database_url, autocommit=True) for _ in range(3)]
    yield opened
    for connection in opened:
        connection.close()


@pytest.fixture(scope="module")
def fences(connections: list[psycopg.Connection]) -> list[int]:
    return [add_fence(connections[0], shape_around(east, radius), rules) for east, radius, rules in SHAPES]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_two_workers_any_order_repetition_and_batching(
    connections: list[psycopg.Connection], fences: list[int], data: st.DataObject
) -> None:
    pings = data.draw(tracks())
    batches = data.draw(deliveries(pings))
    # Checkpoints rarely, so that states are rebuilt from stored pings; snapshots often.
    rules = Settings(ingest_checkpoint_s=3600, ingest_snapshot_minutes=2, ingest_worker="svc-ingest-test")
    number = next(_numbers)
    vehicle_id = add_vehicle(connections[0], f"DK-{number}")
    uids = {1: f"tracker-{number}", 2: f"phone-{number}"}
    add_device(connections[0], uids[1], vehicle_id)
    add_device(connections[0], uids[2], vehicle_id, "phone")
    workers = [make_pipeline(connection, rules) for connection in connections[:2]]

    received = stored = 0
    for batch in batches:
        worker = workers[data.draw(st.integers(0, 1))]
        result = worker.process([_message(uids, candidate) for candidate in batch])
        received += result.totals.received
        stored += result.totals.stored
        assert result.totals.received == result.totals.stored + result.totals.duplicate
        if data.draw(st.integers(0, 3)) == 0:
            reconcile_all(connections[2], rules)
    reconcile_all(connections[2], rules)

    assert received == sum(len(batch) for batch in batches)
    assert stored == len(pings)
    assert visits_in(connections[0], vehicle_id, fences) == brute_force(pings)


def _message(uids: dict[int, str], candidate: Candidate):  # type: ignore[no-untyped-def]
    fix = candidate.fix
    return message(uids[fix.device_id], ping_body(fix.time_us, fix.lat, fix.lon, acc=fix.accuracy_m))
