"""A worker process on a real broker: bad input, acks, metrics, and a clean stop."""

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import psycopg
import pytest

from cli.parts.mosquitto import Mosquitto
from ingest.compactor import waiting_rows
from ingest.ping import REASONS
from tests.support.accounts import assert_every_device_adds_up
from tests.support.ingest import add_device, add_vehicle
from tests.support.waiting import wait_until, wait_until_async
from tests.support.worker import WorkerProcess, count, totals, worker

UID = "truck-1"
PINGS = f"v1/devices/{UID}/pings"
NOW_MS = int(time.time() * 1000)


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        add_device(opened, UID, add_vehicle(opened, "DK-1"))
        add_device(opened, "truck-2", None)
        yield opened


@pytest.fixture(scope="module")
def broker(mosquitto_factory: Any) -> Mosquitto:
    made: Mosquitto = mosquitto_factory()
    return made


@pytest.fixture(scope="module")
def running(
    connection: psycopg.Connection,
    broker: Mosquitto,
    database_url: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorkerProcess]:
    with worker(tmp_path_factory.mktemp("worker"), broker, database_url, redis_url) as process:
        yield process


def client(broker: Mosquitto, name: str = UID) -> aiomqtt.Client:
    return aiomqtt.Client(broker.host, broker.port, identifier=name, protocol=aiomqtt.ProtocolVersion.V5)


def ping(seconds: int = 0, **changes: Any) -> dict[str, Any]:
    return {"t": NOW_MS - 3_600_000 + seconds * 1000, "lat": 14.7, "lon": -17.4, **changes}


BAD: list[tuple[str, str, bytes]] = [
    ("malformed", PINGS, b'{"t": 17, "lat": '),
    ("malformed", PINGS, b"\xff\xfe\x00"),
    ("wrong_type", PINGS, json.dumps(ping(lat="14.7")).encode()),
    ("not_finite", PINGS, json.dumps(ping(lat=float("nan"))).encode()),
    ("not_finite", PINGS + "/msgpack", msgspec.msgpack.encode(ping(lat=float("nan")))),
    ("latitude_out_of_range", PINGS, json.dumps(ping(lat=91)).encode()),
    ("longitude_out_of_range", PINGS, json.dumps(ping(lon=-181)).encode()),
    ("no_fix", PINGS, json.dumps(ping(lat=0, lon=0)).encode()),
    ("time_too_old", PINGS, json.dumps(ping(t=0)).encode()),
    ("time_in_future", PINGS, json.dumps(ping(t="2040-01-01T00:00:00Z")).encode()),
    ("missing_field", PINGS, b'{"lat": 14.7, "lon": -17.4}'),
    ("payload_empty", PINGS, b""),
    ("payload_too_large", PINGS, b"[" + b" " * (2 * 1024 * 1024) + b"]"),
    ("unknown_device", "v1/devices/nobody/pings", json.dumps(ping()).encode()),
]


@pytest.mark.parametrize(("reason", "topic", "payload"), BAD, ids=lambda v: v if isinstance(v, str) else "")
async def test_bad_input_is_named_kept_counted_acked_and_stops_nothing(
    running: WorkerProcess,
    connection: psycopg.Connection,
    broker: Mosquitto,
    reason: str,
    topic: str,
    payload: bytes,
) -> None:
    assert reason in REASONS
    before = totals(connection)
    kept = count(connection, "SELECT count(*) FROM rejected_pings WHERE reason = %s", reason)
    good = int(time.time() * 1000) - 1000
    async with client(broker) as device:
        await device.publish(topic, payload, qos=1)
        await device.publish(PINGS, json.dumps(ping(t=good)), qos=1)
    after = await wait_until_async(
        lambda: t if (t := totals(connection))["stored"] > before["stored"] else None, 60, "the good ping"
    )
    assert after["rejected"] == before["rejected"] + 1
    assert after["received"] == after["stored"] + after["duplicate"] + after["rejected"]
    assert count(connection, "SELECT count(*) FROM rejected_pings WHERE reason = %s", reason) == kept + 1
    row = connection.execute(
        "SELECT l.topic, l.payload, l.payload_bytes FROM rejected_pings r JOIN dead_letters l ON l.id = r.letter_id"
        " WHERE r.reason = %s ORDER BY r.id DESC LIMIT 1",
        [reason],
    ).fetchone()
    kept = payload if len(payload) <= 256 * 1024 else payload[:4096]
    assert row == (topic, kept, len(payload))
    assert running.running


async def test_a_topic_that_is_not_utf8_stops_nobody(
    running: WorkerProcess, connection: psycopg.Connection, broker: Mosquitto
) -> None:
    import asyncio

    before = totals(connection)["stored"]
    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04evil")
    await reader.readexactly(4)
    topic = b"v1/devices/\xff\xfe/pings"
    body = len(topic).to_bytes(2, "big") + topic + b"\x00\x01" + b"{}"
    writer.write(b"\x32" + bytes([len(body)]) + body)
    await writer.drain()
    writer.close()
    async with client(broker) as device:
        await device.publish(PINGS, json.dumps(ping(t=int(time.time() * 1000) - 500)), qos=1)
    await wait_until_async(lambda: totals(connection)["stored"] > before, 60, "the good ping")
    assert running.running


async def test_the_application_ack_covers_what_is_stored_and_what_is_refused(
    running: WorkerProcess, connection: psycopg.Connection, broker: Mosquitto
) -> None:
    async with client(broker) as device:
        await device.subscribe(f"v1/devices/{UID}/acks", qos=1)
        bodies = [ping(10 + n, seq=n + 1) for n in range(5)]
        bodies[2]["lat"] = 91
        await device.publish(PINGS, json.dumps(bodies), qos=1)
        async with asyncio_timeout(20):
            message = await anext(aiter(device.messages))
        assert isinstance(message.payload, bytes)
        assert json.loads(message.payload) == {"seq": 5, "ranges": [[1, 5]]}
        # A repeat is acked again: the device may have missed the first one.
        await device.publish(PINGS, json.dumps(bodies[:2]), qos=1)
        async with asyncio_timeout(20):
            message = await anext(aiter(device.messages))
        assert isinstance(message.payload, bytes)
        assert json.loads(message.payload) == {"seq": 5, "ranges": [[1, 2]]}


def asyncio_timeout(seconds: float) -> Any:
    import asyncio

    return asyncio.timeout(seconds)


def test_prometheus_shows_the_equation(running: WorkerProcess) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{running.metrics_port}/metrics") as answer:
        text = answer.read().decode()
    values = {
        line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")
    }
    rejected = sum(value for name, value in values.items() if name.startswith("mess_ingest_rejected_total{"))
    stored, duplicate = values["mess_ingest_stored_total"], values["mess_ingest_duplicate_total"]
    assert values["mess_ingest_received_total"] == stored + duplicate + rejected
    assert rejected >= len(BAD)
    assert values["mess_ingest_lateness_seconds_count"] == stored
    assert values['mess_ingest_lateness_seconds_bucket{le="+Inf"}'] == stored
    assert 0 < values['mess_ingest_lateness_seconds_bucket{le="14400.0"}'] <= stored
    assert values["mess_ingest_lateness_seconds_sum"] > 3600, "most of these pings are an hour old"
    assert values["mess_ingest_dead_letters_waiting"] >= 0


def test_every_device_adds_up(running: WorkerProcess, connection: psycopg.Connection) -> None:
    wait_until(lambda: waiting_rows(connection) == 0, 30, "the ledger to be folded")
    assert_every_device_adds_up(connection)


async def test_sigterm_finishes_what_it_holds_and_leaves(
    connection: psycopg.Connection, broker: Mosquitto, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    process = WorkerProcess(tmp_path, broker, database_url, redis_url, ingest_worker="svc-ingest-leaver")
    process.launch()
    try:
        async with client(broker, "truck-2") as device:
            for n in range(200):
                await device.publish("v1/devices/truck-2/pings", json.dumps(ping(n)), qos=1)
        process.stop()
        log = process.output()
    finally:
        process.stop()
    assert "ingest worker left" in log
    # What the leaver did not take, the other worker of the group has.
    wait_until(
        lambda: (
            count(
                connection,
                "SELECT count(*) FROM pings p JOIN devices d ON d.id = p.device_id WHERE d.uid = 'truck-2'",
            )
            == 200
        ),
        60,
        "all 200 pings",
    )


async def test_old_pings_are_dropped_when_so_set(
    running: WorkerProcess,
    connection: psycopg.Connection,
    broker: Mosquitto,
    database_url: str,
    redis_url: str,
    tmp_path: Path,
) -> None:
    uid = "truck-old"
    add_device(connection, uid, None)
    day_ms, now_ms = 86_400_000, int(time.time() * 1000)
    ages = "SELECT round(extract(epoch FROM now() - time) / 86400) FROM pings p JOIN devices d ON d.id = p.device_id WHERE uid = %s ORDER BY 1"
    rules = {"ingest_worker": "svc-ingest-sweeper", "ping_retention_days": 40}
    async with client(broker, uid) as device:
        for days in (1, 39, 100, 400):
            await device.publish(f"v1/devices/{uid}/pings", json.dumps(ping(t=now_ms - days * day_ms)), qos=1)
    await wait_until_async(lambda: len(connection.execute(ages, [uid]).fetchall()) == 4, 60, "four pings")
    with worker(tmp_path, broker, database_url, redis_url, **rules):
        await wait_until_async(
            lambda: [int(row[0]) for row in connection.execute(ages, [uid])] == [1, 39], 60, "two to stay"
        )
