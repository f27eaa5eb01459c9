"""Presence through a worker process and a real broker: last wills, clean leaves, and what the broker had kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import psycopg
import pytest

from cli.parts.mosquitto import Mosquitto
from tests.support.ingest import add_device, add_vehicle
from tests.support.waiting import wait_until_async
from tests.support.worker import worker

# Long enough for a device to come back on a busy machine.
QUICK = {"presence_grace_s": 6, "presence_seen_every_s": 1}


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


def status(uid: str) -> str:
    return f"v1/devices/{uid}/status"


def body(online: bool) -> bytes:
    return json.dumps({"online": online}).encode()


def client(broker: Mosquitto, uid: str) -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.host,
        broker.port,
        identifier=uid,
        protocol=aiomqtt.ProtocolVersion.V311,
        will=aiomqtt.Will(status(uid), body(False), qos=1, retain=True),
    )


class Watched:
    def __init__(self, connection: psycopg.Connection, uid: str) -> None:
        self.connection, self.uid = connection, uid
        self.id = add_device(connection, uid, add_vehicle(connection, f"V {uid}"))

    def state(self) -> Any:
        (row,) = self.connection.execute(
            "SELECT state FROM device_presence WHERE device_id = %s", [self.id]
        ).fetchall()
        return row[0]

    def told(self) -> list[str]:
        rows = self.connection.execute(
            "SELECT state FROM presence_changes WHERE device_id = %s ORDER BY id", [self.id]
        )
        return [state for (state,) in rows]

    async def until(self, state: str) -> None:
        await wait_until_async(lambda: self.state() == state, 40, f"{self.uid} to be {state}")


async def test_a_last_will_a_short_loss_and_a_clean_leave(
    connection: psycopg.Connection,
    mosquitto: Mosquitto,
    database_url: str,
    redis_url: str,
    tmp_path: Path,
) -> None:
    device = Watched(connection, "dev-will")
    with worker(tmp_path, mosquitto, database_url, redis_url, **QUICK):
        async with client(mosquitto, device.uid) as link:
            await link.publish(status(device.uid), body(True), qos=1, retain=True)
            await device.until("online")
            link._client._sock_close()  # the network is gone: the broker publishes the will
            with pytest.raises(aiomqtt.MqttError):
                await link.publish(status(device.uid), body(True), qos=1)

        def goodbye() -> bool:
            (row,) = connection.execute(
                "SELECT goodbye_at FROM device_presence WHERE device_id = %s", [device.id]
            ).fetchall()
            return row[0] is not None

        await wait_until_async(goodbye, 60, "the will")
        async with client(mosquitto, device.uid) as link:
            await link.publish(status(device.uid), body(True), qos=1, retain=True)
            # Another device comes and goes meanwhile: when it is told offline, the grace of the first is over too.
            other = Watched(connection, "dev-other")
            async with client(mosquitto, other.uid) as there:
                await there.publish(status(other.uid), body(True), qos=1, retain=True)
                await there.publish(status(other.uid), body(False), qos=1, retain=True)
            await other.until("offline")
            assert device.told() == ["online"]
            await link.publish(status(device.uid), body(False), qos=1, retain=True)
        await device.until("offline")
        assert device.told() == ["online", "offline"]


async def test_a_worker_that_starts_believes_no_kept_greeting(
    connection: psycopg.Connection,
    mosquitto: Mosquitto,
    database_url: str,
    redis_url: str,
    tmp_path: Path,
) -> None:
    ghost, left, here = (Watched(connection, f"dev-{name}") for name in ("ghost", "left", "here"))
    connection.execute(
        "UPDATE device_presence SET state = 'online', last_seen_at = now() WHERE device_id = %s", [left.id]
    )
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as link:
        await link.publish(status(ghost.uid), body(True), qos=1, retain=True)
        await link.publish(status(left.uid), body(False), qos=1, retain=True)
        with worker(tmp_path, mosquitto, database_url, redis_url, **QUICK, mqtt_shared_subscription="false"):
            await link.publish(status(here.uid), body(True), qos=1, retain=True)
            await here.until("online")
            await left.until("offline")  # it went while no worker was there to hear
            assert (ghost.state(), ghost.told()) == ("unknown", [])
