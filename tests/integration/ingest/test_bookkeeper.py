"""What a worker does for the books in the background."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
import pytest

from config.settings import Settings
from ingest import bookkeeper as bookkeepers
from ingest.bookkeeper import Bookkeeper
from ingest.compactor import waiting_rows
from ingest.intake import Message
from ingest.metrics import Metrics
from ingest.replay import Replayer
from ingest.times import to_us
from ingest.worker import pipeline_settings
from tests.support.accounts import account, assert_every_device_adds_up
from tests.support.ingest import add_device, make_pipeline, ping_body
from tests.support.waiting import wait_until_async
from tests.support.worker import count

T = TypeVar("T")
NOON_US = to_us(datetime(2026, 3, 2, 12, tzinfo=UTC))
# Letters of these tests are of March: they must not be too old.
RULES = Settings(
    ingest_worker="svc-ingest-test",
    account_compact_s=0.01,
    account_gaps_every_s=0,
    rejected_retention_days=36_500,
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


class Here:
    """Runs work at once, on one connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    async def run(self, work: Callable[[psycopg.Connection], T]) -> T:
        return work(self._connection)


def make(connection: psycopg.Connection, settings: Settings = RULES) -> tuple[Bookkeeper, Metrics]:
    metrics = Metrics()
    return Bookkeeper(settings, pipeline_settings(settings), Here(connection), metrics), metrics


async def keep(keeper: Bookkeeper, until: Callable[[], Any]) -> None:
    running = asyncio.create_task(keeper.run())
    try:
        await wait_until_async(until, 60)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def send(connection: psycopg.Connection, uid: str, *seconds: int) -> list[int]:
    before = count(connection, "SELECT coalesce(max(id), 0) FROM dead_letters")
    messages = [
        Message(
            f"v1/devices/{uid}/pings",
            json.dumps(ping_body(NOON_US - second * 1_000_000, 14.7, -17.4)).encode(),
            NOON_US,
        )
        for second in seconds
    ]
    make_pipeline(connection, RULES).process(messages)
    rows = connection.execute("SELECT id FROM dead_letters WHERE id > %s ORDER BY id", [before])
    return [row[0] for row in rows]


@pytest.fixture
def uid() -> str:
    return f"keeper-{next(_numbers)}"


async def test_it_folds_and_counts_gaps(connection: psycopg.Connection, uid: str) -> None:
    device_id = add_device(connection, uid, None)
    send(connection, uid, 0, 3600)
    keeper, metrics = make(connection)
    gaps = "SELECT coalesce(sum(gaps), 0) FROM device_days WHERE device_id = %s"
    await keep(keeper, lambda: count(connection, gaps, device_id) == 1 and waiting_rows(connection) == 0)
    assert metrics.registry.get_sample_value("mess_ingest_ledger_waiting_rows") == 0
    assert_every_device_adds_up(connection)


async def test_letters_that_somebody_asked_for_are_played(connection: psycopg.Connection, uid: str) -> None:
    letters = send(connection, uid, *range(7))
    device_id = add_device(connection, uid, None)
    connection.execute("UPDATE dead_letters SET asked_at = now() WHERE id = ANY (%s)", [letters[:5]])
    keeper, metrics = make(connection)
    await keep(
        keeper, lambda: count(connection, "SELECT count(*) FROM dead_letters WHERE asked_at IS NOT NULL") == 0
    )
    assert account(connection, device_id).stored == 5
    waiting = metrics.registry.get_sample_value("mess_ingest_dead_letters_waiting")
    assert waiting == count(connection, "SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL")
    assert_every_device_adds_up(connection)


async def test_a_letter_that_cannot_be_played_does_not_stop_the_others(
    connection: psycopg.Connection, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = send(connection, uid, 1, 2)
    device_id = add_device(connection, uid, None)
    connection.execute("UPDATE dead_letters SET asked_at = now() WHERE id = ANY (%s)", [[first, second]])
    real = Replayer.play

    def play(self: Replayer, letter_id: int) -> Any:
        if letter_id == first:
            raise ValueError("a defect")
        return real(self, letter_id)

    monkeypatch.setattr(Replayer, "play", play)
    keeper, _ = make(connection)
    await keep(keeper, lambda: account(connection, device_id).stored == 1)
    assert count(connection, "SELECT count(*) FROM dead_letters WHERE asked_at IS NOT NULL") == 0


async def test_while_the_database_is_away_a_wish_stays(
    connection: psycopg.Connection, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (letter_id,) = send(connection, uid, 1)
    device_id = add_device(connection, uid, None)
    connection.execute("UPDATE dead_letters SET asked_at = now() WHERE id = %s", [letter_id])
    real, calls = Replayer.play, itertools.count()

    def play(self: Replayer, letter_id: int) -> Any:
        if next(calls) < 2:
            raise psycopg.OperationalError("away")
        return real(self, letter_id)

    monkeypatch.setattr(Replayer, "play", play)
    keeper, _ = make(connection)
    await keep(keeper, lambda: account(connection, device_id).stored == 1)


async def test_letters_are_bounded(
    connection: psycopg.Connection, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.execute("DELETE FROM dead_letters")
    send(connection, uid, *range(10))
    connection.execute("UPDATE dead_letters SET payload = %s", [b"x" * 300_000])
    keeper, metrics = make(connection, RULES.model_copy(update={"dead_letter_total_bytes": 1024**2}))
    await keep(keeper, lambda: count(connection, "SELECT count(*) FROM dead_letters") == 3)
    assert metrics.registry.get_sample_value("mess_ingest_dead_letters_waiting") == 3
    connection.execute("UPDATE dead_letters SET received_at = now() - interval '40 days'")
    keeper, _ = make(connection, RULES.model_copy(update={"rejected_retention_days": 30}))
    await keep(keeper, lambda: count(connection, "SELECT count(*) FROM dead_letters") == 0)


async def test_a_step_that_fails_keeps_no_other_from_its_turn(
    connection: psycopg.Connection, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (letter_id,) = send(connection, uid, 1)
    add_device(connection, uid, None)
    connection.execute("UPDATE dead_letters SET asked_at = now() WHERE id = %s", [letter_id])

    def broken(*_: object) -> int:
        raise ValueError("a defect")

    monkeypatch.setattr(bookkeepers, "compact", broken)
    monkeypatch.setattr(bookkeepers, "count_gaps", broken)
    keeper, _ = make(connection)
    await keep(
        keeper, lambda: count(connection, "SELECT count(*) FROM dead_letters WHERE asked_at IS NOT NULL") == 0
    )


async def test_counting_gaps_takes_a_small_share_of_the_time(
    connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With very many pings a day, days are counted less often instead of all the time."""
    now_s, counted_s = 0.0, []

    def count_slowly(*_: object) -> int:
        nonlocal now_s
        counted_s.append(now_s)
        now_s += 3.0
        return 1

    monkeypatch.setattr(bookkeepers.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(bookkeepers, "count_gaps", count_slowly)
    keeper, _ = make(connection)
    for _ in range(300):
        await keeper._count_gaps()
        now_s += 1.0
    assert counted_s == [0.0, 60.0, 120.0, 180.0, 240.0, 300.0][: len(counted_s)]
    assert len(counted_s) >= 5
