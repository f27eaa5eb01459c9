"""A worker process on a real broker: what an off-duty phone sends is acknowledged and leaves no trace; erasures are done."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import psycopg
import pytest
import redis

from cli.parts.mosquitto import Mosquitto
from tests.support.ingest import add_vehicle
from tests.support.traces import tables_with
from tests.support.waiting import wait_until, wait_until_async
from tests.support.worker import WorkerProcess, worker

UID = "phone-of-awa"
PINGS = f"v1/devices/{UID}/pings"
# Off duty so far north that no clock shows its first digits: "12:05:14.7314" is no trace of a latitude.
LAT, ON_DUTY_LAT = 64.731415926, 14.627182818


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        opened.execute(
            "INSERT INTO users (phone, name, role, password_hash) VALUES ('+221771111111', 'Awa', 'driver', '!')"
        )
        opened.execute(
            "INSERT INTO devices (uid, kind, priority, user_id) SELECT %s, 'phone', 200, id FROM users", [UID]
        )
        opened.execute(
            "INSERT INTO device_assignments (device_id, vehicle_id) SELECT id, %s FROM devices",
            [add_vehicle(opened, "DK-AWA")],
        )
        yield opened


@pytest.fixture(scope="module")
def running(
    connection: psycopg.Connection,
    mosquitto_factory: Any,
    database_url: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Mosquitto, WorkerProcess, Path]]:
    home = tmp_path_factory.mktemp("worker")
    broker: Mosquitto = mosquitto_factory()
    with worker(home, broker, database_url, redis_url, log_level="DEBUG") as process:
        yield broker, process, home


def ping(seq: int, lat: float, **more: Any) -> dict[str, Any]:
    return {"t": int(time.time() * 1000) + seq, "lat": lat, "lon": -17.4, "seq": seq, **more}


async def send(broker: Mosquitto, *payloads: bytes, last: int) -> None:
    """Publish and wait until the phone is told that it need not keep the pings up to `last`."""
    async with aiomqtt.Client(
        broker.host, broker.port, identifier=UID, protocol=aiomqtt.ProtocolVersion.V5
    ) as phone:
        await phone.subscribe(f"v1/devices/{UID}/acks", qos=1)
        for payload in payloads:
            await phone.publish(PINGS, payload, qos=1)
        acks = aiter(phone.messages)

        async def covered() -> bool:
            message = await anext(acks)
            assert isinstance(message.payload, bytes)
            body = json.loads(message.payload)
            return any(first <= last <= up_to for first, up_to in body["ranges"])

        await wait_until_async(covered, 60, "the ack")


async def test_an_off_duty_ping_is_acknowledged_and_leaves_no_trace(
    running: tuple[Mosquitto, WorkerProcess, Path], connection: psycopg.Connection, redis_url: str
) -> None:
    broker, process, home = running
    viewer = redis.Redis.from_url(redis_url)
    heard = viewer.pubsub()
    heard.psubscribe("*")
    off_duty = [
        json.dumps(ping(1, LAT, alarms=["sos"], fuel=7)).encode(),
        json.dumps([ping(2, LAT), ping(3, LAT + 90), ping(4, LAT, t="3000-01-01T00:00:00Z")]).encode(),
        # Neither well-formed nor within its limits: kept of a tracker, to find out why.
        b'{"lat": 14.731415926, "lon": ',
        json.dumps([ping(5, LAT)] * 501).encode(),
    ]
    await send(broker, *off_duty, json.dumps(ping(6, LAT)).encode(), last=6)
    reasons = wait_until(
        lambda: (
            found
            if len(
                found := dict(
                    connection.execute("SELECT reason, count(*) FROM rejected_pings GROUP BY 1").fetchall()
                )
            )
            == 5
            else None
        ),
        60,
        "all refusals",
    )
    assert reasons == {
        "off_duty": 3, "latitude_out_of_range": 1, "time_in_future": 1, "malformed": 1, "too_many_pings": 1,
    }  # fmt: skip
    assert connection.execute("SELECT sum(rejected), sum(stored) FROM ingest_totals").fetchone() == (7, 0)
    assert tables_with(connection, [LAT, "64.7314", "154.7314"]) == {}
    # Now he goes on duty: the very next position is taken, and told to viewers.
    connection.execute(
        "INSERT INTO duty_periods (user_id, started_at, closes_at) SELECT id, now(), now() + interval '1 hour' FROM users"
    )
    await send(broker, json.dumps(ping(7, ON_DUTY_LAT)).encode(), last=7)
    assert set(tables_with(connection, [ON_DUTY_LAT])) >= {"pings", "vehicle_states"}
    live: list[bytes] = []

    def told() -> bool:
        message = heard.get_message(timeout=0.1)
        if message is not None and message["type"] == "pmessage":
            live.append(message["data"])
        return any(repr(ON_DUTY_LAT).encode() in each for each in live)

    wait_until(told, 60, "the live position")
    heard.close()
    viewer.close()
    trace = [repr(LAT).encode(), struct.pack(">d", LAT)]
    assert not any(each in message for message in live for each in trace)
    for log in home.iterdir():
        assert not any(each in log.read_bytes() for each in trace)
    assert process.running


def test_the_worker_erases_what_it_is_asked_to(
    running: tuple[Mosquitto, WorkerProcess, Path], connection: psycopg.Connection
) -> None:
    """After the test before: one position is stored."""
    with connection.transaction():
        connection.execute("UPDATE devices SET disabled = true, uid = 'erased-1', user_id = NULL")
        connection.execute(
            "WITH e AS (INSERT INTO erasures (subject_id, asked_by, code_hash, created_at)"
            " SELECT id, id, '', now() FROM users RETURNING id)"
            " INSERT INTO phone_erasures (erasure_id, device_id, uid) SELECT e.id, d.id, %s FROM e, devices d",
            [UID],
        )
    wait_until(
        lambda: connection.execute("SELECT 1 FROM phone_erasures WHERE finished_at IS NOT NULL").fetchone(),
        90,
        "the erasure",
    )
    # Who was shut out is forgotten by the API's own part of an erasure.
    assert tables_with(connection, [ON_DUTY_LAT, UID], besides=["mqtt_revocations"]) == {}
