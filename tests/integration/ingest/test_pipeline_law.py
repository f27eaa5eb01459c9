"""The law on a real database: two workers share one truck's pings in any order, repeated, batched anyhow."""

import itertools
from collections.abc import Iterator

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Settings
from ingest.intake import Message
from ingest.interval import Interval
from tests.support.ingest import (
    add_device,
    add_fence,
    add_vehicle,
    body_of,
    known_of,
    make_pipeline,
    message,
    reconcile_all,
)
from tests.support.law import (
    RULES,
    SHAPES,
    Candidate,
    Known,
    brute_force,
    deliveries,
    intervals_in_order,
    shape_around,
    tracks,
)

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


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
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
    uids = {1: f"tracker-{number}", 2: f"phone-{number}", 3: f"spare-{number}"}
    devices = {
        1: add_device(connections[0], uids[1], vehicle_id),
        2: add_device(connections[0], uids[2], vehicle_id, "phone"),
        3: add_device(connections[0], uids[3], vehicle_id),
    }
    workers = [make_pipeline(connection, rules, RULES) for connection in connections[:2]]

    received = stored = 0
    for batch in batches:
        worker = workers[data.draw(st.integers(0, 1))]
        result = worker.process([_message(uids, candidate) for candidate in batch])
        received += result.totals.received
        stored += result.totals.stored
        assert result.totals.received == result.totals.stored + result.totals.duplicate
        if data.draw(st.integers(0, 3)) == 0:
            reconcile_all(connections[2], rules, RULES)
    reconcile_all(connections[2], rules, RULES)

    assert received == sum(len(batch) for batch in batches)
    assert stored == len(pings)
    assert known_of(connections[0], vehicle_id, fences) == _with_ids(brute_force(pings), devices)


def _message(uids: dict[int, str], candidate: Candidate) -> Message:
    return message(uids[candidate.device_id], body_of(candidate.ping))


def _with_ids(known: Known, devices: dict[int, int]) -> Known:
    """The law's devices 1, 2 and 3 under the numbers that the database gave them, in the same order of size."""

    def renamed(interval: Interval) -> Interval:
        values = dict(interval.values)
        if "from_device" in values:
            values["from_device"] = devices[int(values["from_device"])]
        return msgspec.structs.replace(interval, device_id=devices.get(interval.device_id, 0), values=values)

    return Known(known.visits, intervals_in_order(map(renamed, known.intervals)))
