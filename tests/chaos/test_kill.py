"""Killed without warning in the middle of the work: nothing is lost and nothing is doubled."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.parts.mosquitto import Mosquitto
from simulator.blast import ClientPlan, blast
from simulator.device import Broker, Device, Habits
from simulator.fix import Fix
from tests.support.accounts import assert_every_device_adds_up
from tests.support.ingest import add_device, add_vehicle
from tests.support.waiting import wait_until
from tests.support.worker import WorkerProcess, count, totals

TRUCKS = 20
MESSAGES = 20_000
START_MS = int(time.time() * 1000) - 86_400_000


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def shown(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {text}")
            sys.stdout.flush()

    return shown


def fleet(connection: psycopg.Connection, prefix: str, size: int) -> list[str]:
    uids = [f"{prefix}-{number}" for number in range(size)]
    for uid in uids:
        add_device(connection, uid, add_vehicle(connection, uid))
    return uids


def stored(connection: psycopg.Connection, prefix: str) -> int:
    return count(
        connection,
        "SELECT count(*) FROM pings p JOIN devices d ON d.id = p.device_id WHERE d.uid LIKE %s",
        f"{prefix}-%",
    )


def equation(connection: psycopg.Connection) -> str:
    """Holds for each worker and for each device and day, or it fails."""
    t = totals(connection)
    assert t["received"] == t["stored"] + t["duplicate"] + t["rejected"]
    assert_every_device_adds_up(connection)
    return (
        f"received {t['received']} = stored {t['stored']} + duplicate {t['duplicate']}"
        f" + rejected {t['rejected']}"
    )


def test_worker_killed_in_the_middle_of_20_000_messages(
    connection: psycopg.Connection,
    database_url: str,
    redis_url: str,
    mosquitto: Mosquitto,
    tmp_path: Path,
    say: Callable[[str], None],
) -> None:
    uids = fleet(connection, "kill", TRUCKS)
    plan = ClientPlan(
        "publisher",
        [
            (
                f"v1/devices/{uids[n % TRUCKS]}/pings",
                json.dumps({"t": START_MS + n * 1000, "lat": 14.7 + n * 1e-5, "lon": -17.4}).encode(),
            )
            for n in range(MESSAGES)
        ],
    )
    # The ledger is folded as often as can be, so that kills hit that as well.
    process = WorkerProcess(tmp_path, mosquitto, database_url, redis_url, account_compact_s=0.001)
    process.launch()
    try:
        with running(
            lambda: asyncio.run(blast(mosquitto.host, mosquitto.port, clients=[plan], in_flight=500))
        ):
            for kill_at in (2_000, 8_000, 14_000):
                wait_until(lambda at=kill_at: stored(connection, "kill") >= at, 60, f"{kill_at} stored")  # type: ignore[misc]
                process.kill()
                say(f"worker killed with {stored(connection, 'kill')} of {MESSAGES} stored")
                # Whatever the kill hit, a batch or a folding: the books are right at this very moment.
                equation(connection)
                process.launch()
        wait_until(lambda: stored(connection, "kill") >= MESSAGES, 120, "all messages")
    finally:
        process.stop()
    # The clean stop above finished whatever was still coming a second time.
    assert stored(connection, "kill") == MESSAGES
    say(equation(connection))


def test_broker_and_worker_killed_with_devices_that_wait_for_the_application_ack(
    connection: psycopg.Connection,
    database_url: str,
    redis_url: str,
    mosquitto: Mosquitto,
    tmp_path: Path,
    say: Callable[[str], None],
) -> None:
    uids, each = fleet(connection, "native", 8), 500
    workers = [
        WorkerProcess(tmp_path, mosquitto, database_url, redis_url, ingest_worker=f"svc-ingest-{n}")
        for n in (1, 2)
    ]
    for process in workers:
        process.launch()
    try:
        with running(lambda: asyncio.run(drive(uids, each, mosquitto))):
            wait_until(lambda: stored(connection, "native") >= 500, 60, "the first pings")
            mosquitto.kill()
            say(f"broker killed with {stored(connection, 'native')} of {8 * each} stored")
            mosquitto.restart()
            wait_until(lambda: stored(connection, "native") >= 1500, 60, "pings after the broker's return")
            workers[0].kill()
            mosquitto.kill()
            say(f"broker and a worker killed with {stored(connection, 'native')} stored")
            mosquitto.restart()
            workers[0].launch()
    finally:
        for process in workers:
            process.stop()
    assert stored(connection, "native") == 8 * each
    say(equation(connection))


async def drive(uids: list[str], each: int, broker: Mosquitto) -> None:
    async with asyncio.TaskGroup() as group:
        for uid in uids:
            group.create_task(one_device(uid, each, broker))


async def one_device(uid: str, each: int, broker: Mosquitto) -> None:
    where = Broker(broker.host, broker.port, keepalive_s=5)
    async with Device(where, uid, "unused", habits=Habits(in_flight=10, ack_timeout_s=2.0)) as device:
        for n in range(each):
            fix = Fix(time_us=(START_MS + n * 1000) * 1000, lat=14.7 + n * 1e-5, lon=-17.4, seq=n + 1)
            await device.send([fix])
            await asyncio.sleep(0.01)  # a device reports at its own pace
        assert await device.drained(patience_s=120), f"{uid} still holds pings"


class running:
    """Run `work` in a thread while the block runs; its failure is the block's failure."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self._error = error

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: object, *_: object) -> None:
        self._thread.join(180)
        assert not self._thread.is_alive(), "the publisher did not finish"
        if kind is None and self._error is not None:
            raise self._error
