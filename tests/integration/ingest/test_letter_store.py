"""Dead letters in the database: payloads of any content, kept once, and kept bounded."""

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from ingest import letter_store
from ingest.letter import Letter, Refusal
from ingest.letter_query import LetterFilter, count_letters, counts_by_reason, letter_pages, newest_letters
from tests.support.worker import count

_numbers = itertools.count()
DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def empty(connection: psycopg.Connection) -> psycopg.Connection:
    connection.execute("TRUNCATE dead_letters CASCADE")
    return connection


def letter(
    *reasons: str,
    payload: bytes = b"{}",
    received_us: int = 1_000_000,
    topic: str = "v1/devices/truck/pings",
    uid: str | None = "truck",
) -> Letter:
    return Letter(
        received_us, topic, 0, uid, payload, len(payload), [Refusal(r, f"why {r}") for r in reasons]
    )


def refused(connection: psycopg.Connection, reason: str) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT r.topic, r.device_uid, r.detail, l.payload, l.payload_bytes FROM rejected_pings r"
        " JOIN dead_letters l ON l.id = r.letter_id WHERE r.reason = %s ORDER BY r.id",
        [reason],
    ).fetchall()


class TestKeeping:
    def test_none_is_nothing(self, connection: psycopg.Connection) -> None:
        letter_store.save(connection, "svc-a", [])

    def test_bytes_are_kept_as_they_came(self, connection: psycopg.Connection) -> None:
        body = bytes(range(256))
        cut = Letter(1_000_000, "v1/x", 7, "truck", body, 4711, [Refusal("r1", "why")])
        letter_store.save(connection, "svc-a", [cut])
        assert refused(connection, "r1") == [("v1/x", "truck", "why", body, 4711)]
        row = connection.execute(
            "SELECT device_id, kept_bytes, worker, tries, replayed_at FROM dead_letters WHERE payload_bytes = 4711"
        ).fetchone()
        assert row == (7, 256, "svc-a", 0, None)

    def test_a_message_is_kept_once_and_each_refusal_with_its_own_message(
        self, empty: psycopg.Connection
    ) -> None:
        """Letters of one statement: a refusal must not end up at its neighbour's."""
        many = [
            letter(*["twice"] * 2, *[f"only-{n}"], payload=str(n).encode(), received_us=n) for n in range(50)
        ]
        letter_store.save(empty, "svc-a", many)
        assert count(empty, "SELECT count(*) FROM dead_letters") == 50
        rows = empty.execute(
            "SELECT l.payload, array_agg(r.reason ORDER BY r.id), array_agg(r.detail ORDER BY r.id)"
            " FROM dead_letters l JOIN rejected_pings r ON r.letter_id = l.id GROUP BY l.id ORDER BY l.id"
        ).fetchall()
        assert rows == [
            (
                str(n).encode(),
                ["twice", "twice", f"only-{n}"],
                ["why twice", "why twice", f"why only-{n}"],
            )
            for n in range(50)
        ]
        assert count(empty, "SELECT count(payload) FROM rejected_pings") == 0

    @pytest.mark.parametrize("text", ["nul \x00 here", "lone \ud800 surrogate", "\udcff\x00" * 300])
    def test_text_that_no_database_holds_is_kept_in_part(
        self, connection: psycopg.Connection, text: str
    ) -> None:
        reason = f"text-{next(_numbers)}"
        letter_store.save(connection, "svc-a", [Letter(0, text, 0, text, b"", 0, [Refusal(reason, text)])])
        ((topic, uid, detail, payload, size),) = refused(connection, reason)
        assert topic == uid
        assert isinstance(topic, str)
        assert isinstance(detail, str)
        assert topic.startswith(detail)
        assert len(detail) <= 500
        assert (payload, size) == (b"", 0)

    def test_a_long_detail_is_cut(self, connection: psycopg.Connection) -> None:
        letter_store.save(
            connection, "svc-a", [Letter(0, "t", 0, None, b"", 0, [Refusal("long", "x" * 5000)])]
        )
        assert refused(connection, "long") == [("t", None, "x" * 500, b"", 0)]

    def test_a_worker_of_the_version_before_may_go_on_writing(self, empty: psycopg.Connection) -> None:
        """The schema is upgraded first, and the workers one after the other."""
        row = empty.execute(
            "INSERT INTO devices (uid, kind) VALUES ('old-worker', 'tracker') RETURNING id"
        ).fetchone()
        empty.execute(
            "INSERT INTO rejected_pings (received_at, topic, device_uid, reason, detail, payload, payload_bytes, worker)"
            " VALUES (now(), 't', 'old-worker', 'malformed', 'd', 'body', 9000, 'svc-old'),"
            " (now(), 't', 'old-worker', 'unknown_device', 'd', 'body', 4, 'svc-old')"
        )
        kept = empty.execute(
            "SELECT l.device_id, l.device_uid, l.payload, l.payload_bytes, l.worker, r.payload FROM dead_letters l"
            " JOIN rejected_pings r ON r.letter_id = l.id ORDER BY r.id"
        ).fetchall()
        assert row
        assert kept == [
            (row[0], "old-worker", b"body", 9000, "svc-old", None),
            (0, "old-worker", b"body", 4, "svc-old", None),
        ]


class TestBounds:
    def test_by_age(self, empty: psycopg.Connection) -> None:
        now_us = time.time_ns() // 1000
        letter_store.save(
            empty, "svc-a", [letter("r", received_us=now_us - days * DAY_US) for days in (1, 9, 11, 400)]
        )
        assert letter_store.drop_older(empty, timedelta(days=10)) == 2
        assert letter_store.drop_older(empty, timedelta(days=10)) == 0
        assert count(empty, "SELECT count(*) FROM rejected_pings") == 2, "refusals go with their letter"

    def test_by_bytes_the_oldest_go_and_no_more_than_needed(
        self, empty: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(letter_store, "LETTERS_AT_ONCE", 3)
        letter_store.save(
            empty, "svc-a", [letter("r", payload=b"x" * 1000, received_us=-n) for n in range(20)]
        )
        each = 1000 + letter_store.ROW_BYTES
        assert letter_store.drop_beyond(empty, 20 * each) == 0
        assert letter_store.drop_beyond(empty, 12 * each + 1) == 8
        left = [row[0] for row in empty.execute("SELECT received_at FROM dead_letters ORDER BY received_at")]
        assert len(left) == 12
        assert max(left) - min(left) == timedelta(microseconds=11)
        assert letter_store.drop_beyond(empty, 0) == 12
        assert letter_store.drop_beyond(empty, 0) == 0

    def test_two_workers_at_once_drop_no_more_than_one(
        self, empty: psycopg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(letter_store, "LETTERS_AT_ONCE", 7)
        letter_store.save(
            empty, "svc-a", [letter("r", payload=b"x" * 100, received_us=n) for n in range(400)]
        )
        most = 200 * (100 + letter_store.ROW_BYTES)

        def work() -> None:
            with psycopg.connect(database_url, autocommit=True) as own:
                letter_store.drop_beyond(own, most)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert count(empty, "SELECT count(*) FROM dead_letters") == 200


class TestLookingUp:
    @pytest.fixture
    def some(self, empty: psycopg.Connection) -> psycopg.Connection:
        letters = [
            letter("malformed", received_us=1_000_000),
            letter("no_fix", "no_fix", "wrong_type", received_us=2_000_000, uid="bus"),
            letter("no_fix", received_us=3_000_000, topic="owntracks/a%b/c_d"),
        ]
        letter_store.save(empty, "svc-a", letters)
        return empty

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            (LetterFilter(), [3, 2, 1]),
            (LetterFilter(reason="no_fix"), [3, 2]),
            (LetterFilter(device="bus"), [2]),
            (LetterFilter(topic="owntracks/*"), [3]),
            (LetterFilter(topic="owntracks/a%b/c_d"), [3]),
            (LetterFilter(topic="owntracks/a%/c_d"), []),
            (LetterFilter(topic="v1/devices/truck/ping_"), []),
        ],
    )
    def test_filters(self, some: psycopg.Connection, wanted: LetterFilter, expected: list[int]) -> None:
        found = newest_letters(some, wanted, 10)
        assert [round(each.received_at.timestamp()) for each in found] == expected
        assert count_letters(some, wanted) == len(expected)
        pages = [letter_id for page in letter_pages(some, wanted, None) for letter_id in page]
        assert pages == [each.id for each in reversed(found)]

    def test_times_are_half_open(self, some: psycopg.Connection) -> None:
        first, second, third = (
            each.received_at for each in reversed(newest_letters(some, LetterFilter(), 10))
        )
        assert count_letters(some, LetterFilter(since=first, until=third)) == 2
        assert count_letters(some, LetterFilter(since=second, until=second)) == 0

    def test_reasons_are_counted(self, some: psycopg.Connection) -> None:
        assert [row[:3] for row in counts_by_reason(some, LetterFilter())] == [
            ("no_fix", 2, 3),
            ("malformed", 1, 1),
            ("wrong_type", 1, 1),
        ]
        assert newest_letters(some, LetterFilter(device="bus"), 1)[0].reasons == {
            "no_fix": 2,
            "wrong_type": 1,
        }

    def test_a_letter_that_was_played_no_longer_waits(self, some: psycopg.Connection) -> None:
        some.execute("UPDATE dead_letters SET replayed_at = now() WHERE device_uid = 'bus'")
        assert letter_store.waiting(some) == 2
        assert count_letters(some, LetterFilter()) == 2
        assert count_letters(some, LetterFilter(waiting=False)) == 3

    def test_pages_leave_out_what_comes_meanwhile(self, some: psycopg.Connection) -> None:
        pages = letter_pages(some, LetterFilter(), None)
        first = next(pages)
        letter_store.save(some, "svc-a", [letter("late", received_us=4_000_000)])
        assert len(first) == 3
        assert list(pages) == []

    @pytest.mark.parametrize("limit", [0, 1, 2, 200, 201, 450])
    def test_a_limit_holds_over_pages(self, empty: psycopg.Connection, limit: int) -> None:
        letter_store.save(empty, "svc-a", [letter("r", received_us=5) for _ in range(420)])
        ids = [letter_id for page in letter_pages(empty, LetterFilter(), limit) for letter_id in page]
        assert len(ids) == len(set(ids)) == min(limit, 420)
