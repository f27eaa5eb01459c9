"""What a worker holds in memory, and how long it holds on, when something else is away."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from config.settings import Settings
from ingest import lane as lanes
from ingest import worker
from ingest.intake import Message
from ingest.listener import Delivery, Listener
from ingest.worker import Worker

TOPIC = "v1/devices/truck-1/pings"


class Connection:
    """As much of gmqtt's connection as pausing takes."""

    def __init__(self) -> None:
        self.reading, self.closing, self._transport = True, False, self

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing


def deliver(listener: Listener, connection: Connection, payload: bytes, count: int = 1) -> None:
    listener._live._client._connection = connection
    for mid in range(count):
        listener._live._on_qos1(mid + 1, payload, TOPIC, {})


@pytest.fixture
async def listener(settings_for: Callable[..., Settings]) -> Listener:
    return Listener(settings_for(ingest_receive_maximum=10, ingest_batch_pings=5, ingest_batch_wait_ms=1))


async def test_reading_pauses_by_bytes_too(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_MOST_WAITING_BYTES", 1000)
    connection = Connection()
    deliver(listener, connection, bytes(600))
    assert connection.reading
    deliver(listener, connection, bytes(600))
    assert not connection.reading
    await listener.next_batch()
    assert connection.reading


async def test_a_connection_made_while_too_much_waits_is_paused_as_well(listener: Listener) -> None:
    """The database is away for hours: each reconnect brings the unacked messages once more."""
    first, second = Connection(), Connection()
    deliver(listener, first, b"x", count=20)
    assert not first.reading
    first.closing = True
    deliver(listener, second, b"x")
    assert not second.reading
    while listener.waiting:
        await listener.next_batch()
    assert second.reading


async def test_a_worker_told_to_stop_does_not_wait_for_the_database_for_ever(
    settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_LEAVE_AFTER_S", 0.0)
    settings_for(database_url="postgresql://nobody@127.0.0.1:1/none")
    waiting = Worker(settings_for(database_url="postgresql://nobody@127.0.0.1:1/none"))
    waiting.stop()
    with pytest.raises(psycopg.OperationalError):
        await waiting._store([Delivery(Message(TOPIC, b"{}", 0), 1, None, 0.0)])


async def test_a_refold_that_fails_does_not_end_refolding(
    settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Worker(settings_for(ingest_reconcile_s=0.001))
    tried = asyncio.Event()
    calls = 0

    async def run(_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("a state that cannot be read")
        tried.set()

    monkeypatch.setattr(made._refolds, "run", run)
    refolding = asyncio.create_task(made._reconcile())
    async with asyncio.timeout(10):
        await tried.wait()
    assert not refolding.done()
    refolding.cancel()
    await asyncio.gather(refolding, return_exceptions=True)
