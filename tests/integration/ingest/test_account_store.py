"""The books: which numbers a device may forget, and the totals."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.account_store import (
    MAX_RANGES,
    Seqs,
    Totals,
    add_totals,
    merge_seqs,
    ranges,
)
from tests.support.ingest import add_device

_numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def new_device(connection: psycopg.Connection) -> int:
    return add_device(connection, f"books-{next(_numbers)}", None)


@pytest.fixture
def device_id(connection: psycopg.Connection) -> int:
    return new_device(connection)


def handle(
    connection: psycopg.Connection, device_id: int, numbers: set[int], new: set[int] | None = None
) -> int | None:
    """One batch of one device; all numbers are new unless told otherwise."""
    seqs = Seqs(device_id, frozenset(numbers), frozenset(numbers if new is None else new))
    return merge_seqs(connection, [seqs])[device_id]


def remembered(connection: psycopg.Connection, device_id: int) -> list[tuple[int, int]]:
    """Inclusive ranges."""
    return [
        (low, high)
        for low, high in connection.execute(
            "SELECT lower(r), upper(r) - 1 FROM device_acks, unnest(stored) AS r WHERE device_id = %s",
            [device_id],
        )
    ]


class TestSequenceNumbers:
    def test_no_device_no_answer(self, connection: psycopg.Connection) -> None:
        assert merge_seqs(connection, []) == {}

    def test_in_order(self, connection: psycopg.Connection, device_id: int) -> None:
        assert [handle(connection, device_id, {n}) for n in (1, 2, 3)] == [1, 2, 3]

    def test_numbers_may_begin_at_zero(self, connection: psycopg.Connection, device_id: int) -> None:
        assert handle(connection, device_id, {0, 1, 2}) == 2

    def test_a_hole_is_never_closed_by_guessing(self, connection: psycopg.Connection, device_id: int) -> None:
        assert handle(connection, device_id, {1, 2, 4, 5}) == 2
        assert handle(connection, device_id, set(range(6, 200))) == 2
        assert handle(connection, device_id, {3}) == 199
        assert remembered(connection, device_id) == [(1, 199)]

    def test_without_the_first_numbers_nothing_is_known_to_be_complete(
        self, connection: psycopg.Connection, device_id: int
    ) -> None:
        assert handle(connection, device_id, {5, 6}) is None
        assert handle(connection, device_id, {7}) is None
        assert handle(connection, device_id, {2, 3, 4}) is None
        assert handle(connection, device_id, {1}) == 7

    def test_repeats_are_no_restart(self, connection: psycopg.Connection, device_id: int) -> None:
        handle(connection, device_id, {1, 2, 3})
        assert handle(connection, device_id, {2, 3}, new=set()) == 3
        assert handle(connection, device_id, {2, 3, 4}, new={4}) == 4

    def test_refused_numbers_count_as_handled(self, connection: psycopg.Connection, device_id: int) -> None:
        assert handle(connection, device_id, {1, 2, 3}, new={1, 3}) == 3

    def test_a_refused_ping_sent_again_is_no_restart(
        self, connection: psycopg.Connection, device_id: int
    ) -> None:
        handle(connection, device_id, {1, 2, 3}, new={1, 3})
        assert handle(connection, device_id, {2}, new=set()) == 3

    def test_a_used_number_on_a_new_ping_is_a_restart(
        self, connection: psycopg.Connection, device_id: int
    ) -> None:
        handle(connection, device_id, set(range(1, 1000)))
        assert handle(connection, device_id, {1, 2}) == 2, "999 would have the device forget 3 unseen"
        assert remembered(connection, device_id) == [(1, 2)]
        assert handle(connection, device_id, {3}) == 3

    def test_a_restart_in_the_middle_knows_nothing_before(
        self, connection: psycopg.Connection, device_id: int
    ) -> None:
        handle(connection, device_id, set(range(1, 1000)))
        assert handle(connection, device_id, {7, 8}) is None

    def test_only_so_many_ranges_are_remembered_the_lowest(
        self, connection: psycopg.Connection, device_id: int
    ) -> None:
        handle(connection, device_id, set(range(1, 2 * MAX_RANGES, 2)))
        assert len(remembered(connection, device_id)) == MAX_RANGES
        assert handle(connection, device_id, {5001, 5003}) == 1
        kept = remembered(connection, device_id)
        assert kept == [(n, n) for n in range(1, 2 * MAX_RANGES, 2)]
        # The device sends what was forgotten once more, after the holes are filled: nothing is passed over.
        assert handle(connection, device_id, set(range(2, 2 * MAX_RANGES, 2))) == 2 * MAX_RANGES - 1
        assert handle(connection, device_id, {5001}, new=set()) == 2 * MAX_RANGES - 1

    def test_the_largest_number(self, connection: psycopg.Connection, device_id: int) -> None:
        assert handle(connection, device_id, {1, 2**62 - 1}) == 1

    def test_many_devices_at_once_known_and_new(self, connection: psycopg.Connection) -> None:
        known, fresh = new_device(connection), new_device(connection)
        handle(connection, known, {1, 2})
        both = [
            Seqs(fresh, frozenset({1, 3}), frozenset({1, 3})),
            Seqs(known, frozenset({3}), frozenset({3})),
        ]
        assert merge_seqs(connection, both) == {known: 3, fresh: 1}

    def test_two_workers_at_once_lose_no_number(
        self, connection: psycopg.Connection, device_id: int, database_url: str
    ) -> None:
        """The second waits for the first, also for the very first row of a device."""
        with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
            handle(first, device_id, {1, 3})
            with_timeout(second)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                handle(second, device_id, {2})
            second.rollback()
            first.commit()
            assert handle(second, device_id, {2}) == 3
            second.commit()
        assert remembered(connection, device_id) == [(1, 3)]


def with_timeout(connection: psycopg.Connection) -> None:
    connection.execute("SET lock_timeout = '200ms'")
    connection.commit()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.sets(st.integers(1, 40), min_size=1, max_size=12), min_size=1, max_size=12))
def test_an_ack_covers_what_was_handled_and_nothing_else(
    connection: psycopg.Connection, batches: list[set[int]]
) -> None:
    """Numbers seen before are repeats here, as they are when a device sends again what it kept."""
    device_id, handled = new_device(connection), set[int]()
    for batch in batches:
        up_to = handle(connection, device_id, batch, new=batch - handled)
        handled |= batch
        complete = next(n for n in itertools.count(1) if n not in handled) - 1
        assert up_to == (complete or None)
    assert remembered(connection, device_id) == ranges(frozenset(handled))


def test_ranges() -> None:
    assert ranges(frozenset()) == []
    assert ranges(frozenset({5, 1, 2, 3, 9, 8})) == [(1, 3), (5, 5), (8, 9)]


class TestTotals:
    def totals(self, connection: psycopg.Connection, worker: str) -> tuple[int, ...] | None:
        return connection.execute(
            "SELECT messages, received, stored, duplicate, rejected, late FROM ingest_totals WHERE worker = %s",
            [worker],
        ).fetchone()

    def test_they_add_up(self, connection: psycopg.Connection) -> None:
        add_totals(connection, "svc-a", Totals(2, 10, 7, 2, 1, 3))
        add_totals(connection, "svc-b", Totals(1, 1, 1, 0, 0, 0))
        add_totals(connection, "svc-a", Totals(1, 5, 0, 5, 0, 0))
        assert self.totals(connection, "svc-a") == (3, 15, 7, 7, 1, 3)
        assert self.totals(connection, "svc-b") == (1, 1, 1, 0, 0, 0)

    def test_books_that_do_not_balance_are_not_written(self, connection: psycopg.Connection) -> None:
        with pytest.raises(psycopg.errors.CheckViolation):
            add_totals(connection, "svc-c", Totals(1, 10, 7, 2, 0, 0))
        assert self.totals(connection, "svc-c") is None
