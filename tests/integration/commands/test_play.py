"""The whole way: API, tasks, embedded broker, ingest worker, and a simulated tracker at the other end."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from brokers.credentials import issue_secret, store_credential
from platform_api.commands import tasks
from simulator.device import Broker, Device
from simulator.fix import Fix
from simulator.outbox import Outbox
from tests.integration.commands.world import Truck, World
from tests.support.api import api_on
from tests.support.waiting import wait_until_async
from tests.support.worker import worker

pytestmark = pytest.mark.slow
METRES_PER_DEGREE = 111_320.0


@pytest.fixture(scope="module")
def played(
    mqtt_broker: Any, database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    address = {
        "mqtt_host": mqtt_broker.host,
        "mqtt_port": mqtt_broker.port,
        "mqtt_protocol": mqtt_broker.protocol,
    }
    rules = {"presence_grace_s": 2, "presence_seen_every_s": 1, "ingest_checkpoint_s": 0}
    home = tmp_path_factory.mktemp("worker")
    with (
        worker(home, mqtt_broker, database_url, redis_url, **rules),
        api_on(database_url, redis_url, **address) as client,
    ):
        yield World(client, database_url)


@pytest.fixture
def truck(played: World) -> tuple[Truck, str]:
    """A tracker that never spoke, and its secret. A halt of half a minute is a stop."""
    made, secret = played.truck(None, online=False), issue_secret()
    played.sql("UPDATE device_presence SET state = 'unknown' WHERE device_id = %s", made.device_id)
    with psycopg.connect(played.database_url) as connection:
        store_credential(
            connection, username=made.uid, client_id=made.uid, secret=secret, device_id=made.device_id
        )
    played.sql(
        "INSERT INTO telemetry_settings (device_id, settings) VALUES (%s, %s)",
        made.device_id,
        json.dumps({"stop_min_s": 30}),
    )
    return made, secret


class Tracker:
    """Makes connections of one device that remember its outbox file, its numbers and what it was told."""

    def __init__(self, broker: Any, truck: Truck, secret: str, path: Path) -> None:
        self.broker = Broker(broker.host, broker.port, broker.protocol)
        self.truck, self.secret, self.path = truck, secret, path
        self.seq = 0

    def connection(self) -> Device:
        return Device(self.broker, self.truck.uid, self.secret, outbox=Outbox(path=self.path))

    def fixes(self, ages_s: range, speed_kmh: float, north_m: Callable[[int], float]) -> list[Fix]:
        """One every so many seconds, by their ages."""
        made, now_us = [], time.time_ns() // 1000
        for age_s in ages_s:
            self.seq += 1
            lat = 14.7 + north_m(age_s) / METRES_PER_DEGREE
            at_us = now_us - age_s * 1_000_000
            fix = Fix(time_us=at_us, lon=-17.4, lat=lat, speed_kmh=speed_kmh, accuracy_m=5.0, seq=self.seq)
            made.append(fix)
        return made


async def until_state(world: World, truck: Truck, state: str) -> None:
    def reached() -> bool:
        (row,) = world.sql("SELECT state FROM device_presence WHERE device_id = %s", truck.device_id)
        return bool(row["state"] == state)

    await wait_until_async(reached, 60, f"the device to be {state}")


async def until_answered(world: World, command: dict[str, Any]) -> dict[str, Any]:
    """Let the tasks run, as their schedule does, until nothing more is expected."""

    def ended() -> dict[str, Any] | None:
        tasks.sweep()
        found = world.read(command)
        return found if found["ended_at"] is not None else None

    async def look() -> dict[str, Any] | None:
        return await asyncio.to_thread(ended)

    found = await wait_until_async(look, 60, "the answer")
    assert found is not None
    return found


def queued_tasks(redis_url: str) -> list[str]:
    """What waits in the task queue, as `name arguments`."""
    client = redis.Redis.from_url(redis_url)
    try:
        messages = [json.loads(raw) for raw in client.lrange("celery", 0, -1)]  # type: ignore[union-attr]
        return [f"{m['headers']['task']} {m['headers']['kwargsrepr']}" for m in messages]
    finally:
        client.close()


async def test_commands_from_the_first_word_to_the_last(
    played: World, truck: tuple[Truck, str], mqtt_broker: Any, redis_url: str, tmp_path: Path
) -> None:
    world, (its, secret) = played, truck
    tracker = Tracker(mqtt_broker, its, secret, tmp_path / "outbox")
    async with tracker.connection() as device:
        # It drives north at 60 km/h until a minute and a half ago.
        await device.send(tracker.fixes(range(150, 88, -2), 60.0, lambda age_s: -age_s * 16.7))
        assert await device.drained(patience_s=20)
        await until_state(world, its, "online")
    await until_state(world, its, "offline")  # it said goodbye, and the grace is over

    interval = world.send(its, "reporting_interval", parameters={"seconds": 30})
    assert world.state(interval) == ("queued", "device_away")
    assert await asyncio.to_thread(tasks.sweep) == 0

    async with tracker.connection() as device:
        await until_state(world, its, "online")
        name = f"commands.deliver {{'device_ids': [{its.device_id}]}}"
        await wait_until_async(lambda: name in queued_tasks(redis_url), 60, "ingest to queue the delivery")
        done = await until_answered(world, interval)
        assert (done["state"], done["result"]) == ("acknowledged", "reporting every 30 s")
        assert device.controls.pace.interval_s == 30
        assert world.steps(interval) in (
            ["created", "sent", "delivered", "acknowledged"],
            ["created", "delivered", "acknowledged", "sent"],
            ["created", "delivered", "sent", "acknowledged"],
        )
        name = f"commands.on_results {{'device_ids': [{its.device_id}]}}"
        await wait_until_async(lambda: name in queued_tasks(redis_url), 60, "ingest to queue the answers")

        stop = world.engine_stop(its)
        await asyncio.to_thread(tasks.sweep)
        assert world.state(stop) == ("queued", "vehicle_moving")
        # It comes to a stand for as long as a stop takes to be one.
        await device.send(tracker.fixes(range(86, -1, -2), 0.0, lambda _: -86 * 16.7))
        assert await device.drained(patience_s=20)
        done = await until_answered(world, stop)
        assert (done["state"], done["result"]) == ("acknowledged", "engine stopped")
        assert device.controls.engine_stopped

        position = world.send(its, "position_now")
        done = await until_answered(world, position)
        assert done["state"] == "acknowledged"
        assert done["result"].endswith(",-17.400000")
    await until_state(world, its, "offline")

    lost = world.send(its, "position_now", expires_in_s=60)
    world.later(lost, 61)
    await asyncio.to_thread(tasks.sweep)
    assert world.state(lost) == ("expired", None)


async def test_a_device_that_drives_refuses_by_itself(
    played: World, truck: tuple[Truck, str], mqtt_broker: Any, tmp_path: Path
) -> None:
    """The platform believes that it stands: the last position is a minute old. The tracker knows better."""
    world, (its, secret) = played, truck
    tracker = Tracker(mqtt_broker, its, secret, tmp_path / "outbox")
    async with tracker.connection() as device:
        await device.send(tracker.fixes(range(200, 60, -5), 0.0, lambda _: 0.0))
        assert await device.drained(patience_s=20)
        await until_state(world, its, "online")
        device.controls.last = Fix(time_us=time.time_ns() // 1000, lon=-17.4, lat=14.7, speed_kmh=40.0)
        done = await until_answered(world, world.engine_stop(its))
    assert (done["state"], done["result"]) == ("failed", "moving at 40 km/h")
    assert not device.controls.engine_stopped
