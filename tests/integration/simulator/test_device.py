"""Devices against a real mosquitto and a platform that acknowledges, forgets, or is not there."""

import os
import signal
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from cli.parts.mosquitto import Mosquitto
from simulator.device import Broker, Device, Habits
from simulator.faults import numbered, scheduled
from simulator.fix import Fix
from simulator.fleet import Crew, run_fleet
from simulator.outbox import Outbox
from simulator.payload import Payload
from simulator.plans import plan_corridor
from simulator.receiver import drive
from simulator.route import corridors
from simulator.trouble import parse_trouble, publish_schedule
from tests.integration.simulator.platform import platform_on
from tests.support.waiting import wait_until_async

NEVER_BY_TIMEOUT = Habits(ack_timeout_s=3600)
START_US = 1_760_000_000_000_000


def broker_of(server: Mosquitto, protocol: str = "5") -> Broker:
    return Broker(server.host, server.port, "5" if protocol == "5" else "3.1.1")


def some_fixes(count: int, seed: str = "t", first_seq: int = 1) -> list[Fix]:
    plan = plan_corridor(corridors()["dakar-touba"], seed=seed, posts=False)
    return list(islice(numbered(drive(plan.route, seed=seed, start_us=START_US), first_seq), count))


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("payload", [Payload.NATIVE, Payload.MSGPACK])
async def test_every_ping_is_acknowledged_once(mosquitto: Mosquitto, protocol: str, payload: Payload) -> None:
    broker = broker_of(mosquitto, protocol)
    fixes = some_fixes(120)
    async with platform_on(broker) as platform:
        async with Device(broker, "dev-1", "secret", payload=payload) as device:
            for fix in fixes[:20]:
                await device.send([fix])
            await device.send(fixes[20:])
            assert await device.drained(patience_s=30)
        assert platform.seen["dev-1"] == dict.fromkeys(range(1, 121), 1)
        assert (device.counts.pings, device.counts.acked, device.counts.resent) == (120, 120, 0)
        assert device.counts.messages == 21
        await wait_until_async(lambda: len(platform.status) == 2, what="online and offline")
        assert [(uid, s["online"]) for uid, s in platform.status] == [("dev-1", True), ("dev-1", False)]
    by_seq = {ping["seq"]: ping for ping in platform.pings["dev-1"]}
    assert (by_seq[1]["lon"], by_seq[1]["lat"]) == (fixes[0].lon, fixes[0].lat)
    assert by_seq[1]["t"] * 1000 == fixes[0].time_us


async def test_what_nobody_acknowledged_is_sent_again(mosquitto: Mosquitto) -> None:
    broker = broker_of(mosquitto)
    async with platform_on(broker) as platform:
        platform.deaf_to = 7
        async with Device(broker, "dev-2", habits=Habits(ack_timeout_s=0.3)) as device:
            for fix in some_fixes(10):
                await device.send([fix])
            assert await device.drained(patience_s=30)
        assert set(platform.seen["dev-2"]) == set(range(1, 11))
        assert device.counts.resent >= 7
        assert platform.lanes["backlog"] >= 7


async def test_a_cumulative_ack_covers_everything_before(mosquitto: Mosquitto) -> None:
    broker = broker_of(mosquitto)
    async with platform_on(broker) as platform:
        platform.cumulative = True
        async with Device(broker, "dev-3") as device:
            await device.send(some_fixes(50))
            assert await device.drained(patience_s=30)
        assert device.counts.acked == 50


async def test_a_killed_broker_loses_no_ping(
    mosquitto_factory: Callable[..., Mosquitto],
) -> None:
    server = mosquitto_factory(persistence=False)
    broker = broker_of(server)
    fixes = some_fixes(200)
    async with Device(broker, "dev-4", habits=Habits(ack_timeout_s=2)) as device:
        # Nobody subscribes: the broker takes the first half and forgets it when it is killed.
        for fix in fixes[:100]:
            await device.send([fix])
        await wait_until_async(lambda: device.counts.messages == 100, what="100 PUBACKs")
        server.kill()
        server.restart()
        async with platform_on(broker) as platform:
            for fix in fixes[100:]:
                await device.send([fix])
            assert await device.drained(patience_s=30)
            assert set(platform.seen["dev-4"]) == set(range(1, 201))
    assert device.counts.connects >= 2
    assert device.counts.resent >= 100


@pytest.mark.parametrize("payload", [Payload.NATIVE, Payload.OWNTRACKS])
async def test_messages_on_the_way_when_the_broker_dies_are_sent_again(
    mosquitto_factory: Callable[..., Mosquitto], payload: Payload
) -> None:
    server = mosquitto_factory(persistence=False)
    broker = broker_of(server)
    async with Device(broker, "dev-8", payload=payload, habits=NEVER_BY_TIMEOUT) as device:
        assert await device.connected(patience_s=30)
        assert server.process.pid is not None
        os.kill(server.process.pid, signal.SIGSTOP)
        for fix in some_fixes(10):
            await device.send([fix])
        await wait_until_async(lambda: device.in_flight == 10, what="ten messages without PUBACK")
        server.kill()
        server.restart()
        await wait_until_async(lambda: device.counts.messages == 10, what="ten PUBACKs")
        if payload is Payload.OWNTRACKS:
            assert await device.drained(patience_s=30)
            assert device.counts.acked == 10
        else:
            assert len(device.outbox) == 10  # the platform has not spoken


async def test_what_a_broker_took_and_forgot_is_sent_again_at_once(
    mosquitto_factory: Callable[..., Mosquitto],
) -> None:
    server = mosquitto_factory(persistence=False)
    async with Device(broker_of(server), "dev-9", habits=NEVER_BY_TIMEOUT) as device:
        await device.send(some_fixes(30))
        await wait_until_async(lambda: device.counts.messages == 1, what="the PUBACK")
        server.kill()
        server.restart()
        await wait_until_async(lambda: device.counts.messages == 2, what="a second PUBACK")
        assert device.counts.resent == 30


async def test_an_outbox_on_disk_survives_the_process(mosquitto: Mosquitto, tmp_path: Path) -> None:
    broker = broker_of(mosquitto)
    path = tmp_path / "dev-5.outbox"
    async with Device(broker, "dev-5", outbox=Outbox(path=path)) as device:
        await device.send(some_fixes(30))
        await wait_until_async(lambda: device.counts.messages == 1, what="the PUBACK")
    async with platform_on(broker) as platform:
        again = Outbox(path=path)
        assert (len(again), again.last_seq) == (30, 30)
        async with Device(broker, "dev-5", outbox=again) as device:
            assert await device.drained(patience_s=30)
        assert set(platform.seen["dev-5"]) == set(range(1, 31))
    emptied = Outbox(path=path)
    assert (len(emptied), emptied.last_seq) == (0, 30)
    emptied.close()


async def test_a_small_outbox_holds_the_sender_back(mosquitto: Mosquitto) -> None:
    broker = broker_of(mosquitto)
    async with platform_on(broker) as platform:
        async with Device(broker, "dev-6", outbox=Outbox(capacity=5)) as device:
            for fix in some_fixes(60):
                await device.send([fix])
                assert len(device.outbox) <= 5
            assert await device.drained(patience_s=30)
        assert len(platform.seen["dev-6"]) == 60


async def test_owntracks_is_done_with_the_puback(mosquitto: Mosquitto) -> None:
    broker = broker_of(mosquitto, "3.1.1")
    fixes = some_fixes(12)
    async with aiomqtt.Client(broker.host, broker.port, identifier="watch") as watch:
        await watch.subscribe("owntracks/#", qos=1)
        async with Device(broker, "phone-7", payload=Payload.OWNTRACKS) as device:
            await device.send(fixes)
            assert await device.drained(patience_s=30)
        assert (device.counts.acked, device.counts.messages) == (12, 12)
        received = [await anext(watch.messages) for _ in fixes]
    assert {m.topic.value for m in received} == {"owntracks/phone-7/phone"}
    first = msgspec.json.decode(bytes(received[0].payload))
    assert first["_type"] == "location"
    assert (first["lon"], first["tst"]) == (fixes[0].lon, fixes[0].time_us // 1_000_000)


async def test_a_fleet_with_every_fault_gets_every_ping_through(mosquitto: Mosquitto) -> None:
    broker = broker_of(mosquitto)
    trouble = parse_trouble("gaps=3,newest-first,duplicates,repeats,disorder")
    crews, expected = [], {}
    for number in range(20):
        uid = f"truck-{number}"
        fixes = some_fixes(150, seed=uid)
        expected[uid] = {fix.seq for fix in fixes}
        crews.append(Crew(uid, None, publish_schedule(fixes, trouble, seed=uid, batch=2)))
    async with platform_on(broker) as platform:
        summary = await run_fleet(broker, crews, start_us=START_US, patience_s=15)
        assert {uid: set(seen) for uid, seen in platform.seen.items()} == expected
    assert summary.complete
    assert (summary.devices, summary.pings, summary.acked) == (20, 3000, 3000)
    assert sum(sum(seen.values()) for seen in platform.seen.values()) > 3000  # copies were sent too


async def test_speed_up_keeps_the_pace(mosquitto: Mosquitto) -> None:
    broker = broker_of(mosquitto)
    fixes = some_fixes(40)
    length_s = (fixes[-1].time_us - START_US) / 1e6
    async with platform_on(broker):
        crew = Crew("slow", None, scheduled(fixes))
        summary = await run_fleet(broker, [crew], start_us=START_US, speed_up=length_s / 1.5)
    assert summary.complete
    assert summary.seconds >= 1.4


async def test_two_hundred_devices_in_one_process(mosquitto: Mosquitto) -> None:
    broker = broker_of(mosquitto)
    crews = [Crew(f"t{n}", None, scheduled(some_fixes(5, seed=f"{n}"))) for n in range(200)]
    async with platform_on(broker) as platform:
        summary = await run_fleet(broker, crews, start_us=START_US, patience_s=30)
        assert len(platform.seen) == 200
    assert summary.acked == 1000
