"""QoS 1 across absences: what amqtt alone loses."""

import asyncio
import socket
from collections.abc import Callable

import aiomqtt

from brokers.embedded_router import DEVICE_LIMITS
from brokers.embedded_wire import packet
from tests.integration.brokers.conftest import (
    SERVICE_PASSWORD,
    Device,
    Mqtt,
    connect_packet,
    is_closed,
    read_exactly,
    text,
)
from tests.integration.brokers.test_hostile import next_message

NewDevice = Callable[[], Device]


async def test_queued_while_away_comes_in_order_and_not_as_retained(
    mqtt: Mqtt, new_device: NewDevice
) -> None:
    device = new_device()
    topic = device.topic("commands")
    async with mqtt.service() as service:
        async with mqtt.device(device, clean_session=False) as client:
            await client.subscribe(topic, qos=1)
        for number in range(100):
            await service.publish(topic, b"%d" % number, qos=1)
        await service.publish(topic, b"not kept: QoS 0", qos=0)
        async with mqtt.device(device, clean_session=False) as client:
            messages = [await next_message(client) for _ in range(100)]
            assert [message.payload for message in messages] == [b"%d" % number for number in range(100)]
            assert not any(message.retain for message in messages)
            await service.publish(topic, b"end", qos=1)
            assert (await next_message(client)).payload == b"end"


async def test_full_queue_drops_the_oldest(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    topic = device.topic("commands")
    over = 7
    async with mqtt.service() as service:
        async with mqtt.device(device, clean_session=False) as client:
            await client.subscribe(topic, qos=1)
        for number in range(DEVICE_LIMITS.max_waiting + over):
            await service.publish(topic, b"%d" % number, qos=1)
        async with mqtt.device(device, clean_session=False) as client:
            assert (await next_message(client)).payload == b"%d" % over


def read_publish(sock: socket.socket) -> tuple[int, int, bytes]:
    """(flags, packet id, payload) of a PUBLISH shorter than 128 bytes."""
    first, length = read_exactly(sock, 2)
    body = read_exactly(sock, length)
    end = 2 + int.from_bytes(body[:2], "big")
    assert first >> 4 == 3
    return first & 0x0F, int.from_bytes(body[end : end + 2], "big"), body[end + 2 :]


async def test_unacknowledged_is_sent_again_after_a_reconnect(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    topic = device.topic("commands")
    async with mqtt.service() as service:
        with mqtt.raw_login(device.uid, device.secret, clean=False) as sock:
            sock.sendall(packet(8, b"\x00\x01" + text(topic.encode()) + b"\x01", flags=2))
            assert read_exactly(sock, 5) == b"\x90\x03\x00\x01\x01"
            for payload in (b"one", b"two", b"three"):
                await service.publish(topic, payload, qos=1)
            sent = [await asyncio.to_thread(read_publish, sock) for _ in range(3)]
            assert [payload for _, _, payload in sent] == [b"one", b"two", b"three"]
            sock.sendall(packet(4, sent[1][1].to_bytes(2, "big")) + b"\xc0\x00")
            assert read_exactly(sock, 2) == b"\xd0\x00"
        with mqtt.raw() as sock:
            sock.sendall(connect_packet(device.uid, device.uid, device.secret, clean=False))
            assert read_exactly(sock, 4) == b"\x20\x02\x01\x00", "session present"
            again = [await asyncio.to_thread(read_publish, sock) for _ in range(2)]
            assert [(payload, flags & 8) for flags, _, payload in again] == [(b"one", 8), (b"three", 8)]
            assert [packet_id for _, packet_id, _ in again] == [sent[0][1], sent[2][1]]


async def test_an_ack_may_take_longer_than_amqtts_five_seconds(mqtt: Mqtt, new_device: NewDevice) -> None:
    """Ingest acknowledges after its commit; amqtt forgets a message that is not acknowledged in 5 s."""
    device = new_device()
    with mqtt.raw_login("svc-slow", SERVICE_PASSWORD, clean=False) as sock:
        topic_filter = device.topic("pings").encode()
        sock.sendall(packet(8, b"\x00\x01" + text(topic_filter) + b"\x01", flags=2))
        read_exactly(sock, 5)
        async with mqtt.device(device) as client:
            await client.publish(device.topic("pings"), b"kept", qos=1)
        assert (await asyncio.to_thread(read_publish, sock))[2] == b"kept"
        await asyncio.sleep(5.5)  # longer than amqtt's limit: the wait itself is what is tested
    with mqtt.raw_login("svc-slow", SERVICE_PASSWORD, clean=False) as sock:
        flags, _, payload = await asyncio.to_thread(read_publish, sock)
        assert (flags & 8, payload) == (8, b"kept")


async def test_clean_session_forgets(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    topic = device.topic("commands")
    async with mqtt.service() as service:
        async with mqtt.device(device, clean_session=False) as client:
            await client.subscribe(topic, qos=1)
        async with mqtt.device(device, clean_session=True):
            pass
        await service.publish(topic, b"nobody", qos=1)
        with mqtt.raw() as sock:
            sock.sendall(connect_packet(device.uid, device.uid, device.secret, clean=False) + b"\xc0\x00")
            assert read_exactly(sock, 6) == b"\x20\x02\x00\x00\xd0\x00"


async def test_own_takeover_closes_the_old_connection_and_keeps_the_session(
    mqtt: Mqtt, new_device: NewDevice
) -> None:
    device = new_device()
    topic = device.topic("commands")
    with mqtt.raw_login(device.uid, device.secret, clean=False) as old:
        old.sendall(packet(8, b"\x00\x01" + text(topic.encode()) + b"\x01", flags=2))
        read_exactly(old, 5)
        async with mqtt.service() as service, mqtt.device(device, clean_session=False) as new:
            assert await asyncio.to_thread(is_closed, old)
            await service.publish(topic, b"for the new one", qos=1)
            assert (await next_message(new)).payload == b"for the new one"


async def test_share_group_splits_and_hands_over(mqtt: Mqtt, new_device: NewDevice) -> None:
    devices = [new_device() for _ in range(12)]
    shared = "$share/ingest/v1/devices/+/pings"
    async with mqtt.service("svc-a") as one, mqtt.service("svc-b") as two, mqtt.service("svc-p") as publisher:
        await one.subscribe(shared, qos=1)
        await two.subscribe(shared, qos=1)
        for device in devices:
            async with mqtt.device(device) as client:
                await client.publish(device.topic("pings"), device.uid.encode(), qos=1)
        for service in (one, two):
            await service.subscribe("v1/devices/marker/events", qos=1)
        await publisher.publish("v1/devices/marker/events", b"end", qos=1)
        got = {name: await _until_end(service) for name, service in (("a", one), ("b", two))}
        assert sorted(got["a"] + got["b"]) == sorted(device.uid.encode() for device in devices)
        assert got["a"]
        assert got["b"]


async def _until_end(client: aiomqtt.Client) -> list[bytes]:
    payloads: list[bytes] = []
    while (message := await next_message(client)).payload != b"end":
        payloads.append(bytes(message.payload))
    return payloads


async def test_unacknowledged_share_goes_to_another_member(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    topic_filter = f"$share/ingest/{device.topic('pings')}"
    with mqtt.raw_login("svc-dying", SERVICE_PASSWORD) as dying:
        dying.sendall(packet(8, b"\x00\x01" + text(topic_filter.encode()) + b"\x01", flags=2))
        read_exactly(dying, 5)
        async with mqtt.device(device) as client:
            await client.publish(device.topic("pings"), b"handed over", qos=1)
        await asyncio.to_thread(read_publish, dying)
        async with mqtt.service("svc-heir") as heir:
            await heir.subscribe(topic_filter, qos=1)
            dying.close()
            assert (await next_message(heir)).payload == b"handed over"
