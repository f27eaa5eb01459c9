"""What a careless or broken client may do to the broker: end its own connection, nothing else."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import aiomqtt
import pytest

from brokers.embedded_link import MAX_PACKET_BYTES
from brokers.embedded_wire import packet
from brokers.outbox import PACKET_IDS
from tests.integration.brokers.conftest import Device, Mqtt, connect_packet, is_closed, read_exactly, text
from tests.integration.brokers.test_hostile import next_message

NewDevice = Callable[[], Device]
PINGREQ = b"\xc0\x00"


def publish(topic: bytes, payload: bytes = b"x", *, flags: int = 2, packet_id: int = 1) -> bytes:
    return packet(3, text(topic) + packet_id.to_bytes(2, "big") + payload, flags=flags)


BROKEN_PACKETS = {
    "topic that is not UTF-8": publish(b"v1/devices/\xff\xfe/pings"),
    "topic with U+0000": publish(b"v1/devices/a\0b/pings"),
    "topic with a wildcard": publish(b"v1/devices/+/pings"),
    "empty topic": publish(b""),
    "topic of the broker's own": publish(b"$SYS/brokers/x"),
    "topic longer than its packet": packet(3, b"\xff\xffshort", flags=2),
    "QoS 3": publish(b"a", flags=6),
    "packet id 0": publish(b"a", packet_id=0),
    "length of five bytes": b"\x32\xff\xff\xff\xff\x01",
    "packet over the limit": b"\x32" + packet(0, b"\0" * (MAX_PACKET_BYTES + 1))[1:6],
    "reserved packet type 0": b"\x00\x00",
    "reserved packet type 15": b"\xf0\x00",
    "a server's packet": packet(9, b"\x00\x01\x00"),
    "SUBSCRIBE without filters": packet(8, b"\x00\x01", flags=2),
    "SUBSCRIBE without flags": packet(8, b"\x00\x01" + text(b"a") + b"\x01"),
    "SUBSCRIBE with QoS 3": packet(8, b"\x00\x01" + text(b"a") + b"\x03", flags=2),
    "SUBSCRIBE with a filter that is not UTF-8": packet(8, b"\x00\x01" + text(b"\xff") + b"\x01", flags=2),
    "SUBSCRIBE cut short": packet(8, b"\x00\x01\x00\x09abc", flags=2),
    "second CONNECT": connect_packet("x", "x", "x"),
    "PUBACK without id": packet(4, b""),
}

BROKEN_GREETINGS = {
    "not MQTT at all": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "PUBLISH first": publish(b"a"),
    "CONNECT that claims 200 MB": b"\x10\xff\xff\xff\x7f",
    "client id that is not UTF-8": packet(1, text(b"MQTT") + b"\x04\x02\x00\x3c" + text(b"\xff\xfe")),
    "CONNECT cut short": packet(1, text(b"MQTT") + b"\x04\xc2\x00\x3c\x00\x09abc"),
    "another protocol name": packet(1, text(b"XXXX") + b"\x04\x02\x00\x3c" + text(b"a")),
    "reserved connect flag": packet(1, text(b"MQTT") + b"\x04\x03\x00\x3c" + text(b"a")),
    "empty CONNECT": packet(1, b""),
    "end of stream inside a packet": b"\x10\x20abc",
}


async def assert_works(
    mqtt: Mqtt, service: aiomqtt.Client, bystander: aiomqtt.Client, device: Device
) -> None:
    await bystander.publish(device.topic("pings"), b"still here", qos=1)
    assert (await next_message(service)).payload == b"still here"


async def test_broken_packets_end_only_their_own_connection(mqtt: Mqtt, new_device: NewDevice) -> None:
    bad, good = new_device(), new_device()
    async with mqtt.service() as service, mqtt.device(good) as bystander:
        await service.subscribe("v1/#", qos=1)
        for name, raw in BROKEN_PACKETS.items():
            with mqtt.raw_login(bad.uid, bad.secret) as sock:
                sock.sendall(raw + PINGREQ)
                assert await asyncio.to_thread(is_closed, sock), name
        await assert_works(mqtt, service, bystander, good)


async def test_broken_greetings_are_closed(mqtt: Mqtt, new_device: NewDevice) -> None:
    good = new_device()
    async with mqtt.service() as service, mqtt.device(good) as bystander:
        await service.subscribe("v1/#", qos=1)
        for name, raw in BROKEN_GREETINGS.items():
            with mqtt.raw() as sock:
                sock.sendall(raw)
                if name == "end of stream inside a packet":
                    sock.shutdown(1)
                answer = await asyncio.to_thread(_read_all, sock)
                assert answer[:1] in (b"", b"\x20"), name
                assert answer[3:4] != b"\x00", f"{name} was accepted"
        await assert_works(mqtt, service, bystander, good)


def _read_all(sock: Any) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(100):
            data += more
    return data


async def test_a_client_that_says_nothing_is_closed(mqtt: Mqtt) -> None:
    with mqtt.raw() as sock:
        sock.settimeout(20)
        assert await asyncio.to_thread(is_closed, sock)


async def test_mqtt_5_is_told_so(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    with mqtt.raw() as sock:
        sock.sendall(connect_packet(device.uid, device.uid, device.secret, level=5))
        assert read_exactly(sock, 5) == b"\x20\x03\x00\x84\x00"


async def test_silence_beyond_the_keep_alive_publishes_the_will(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    async with mqtt.service() as service:
        await service.subscribe("v1/devices/+/status", qos=1)
        will = (device.topic("status"), b"gone")
        with mqtt.raw_login(device.uid, device.secret, keep_alive_s=1, will=will):
            assert (await next_message(service)).payload == b"gone"


async def test_disconnect_publishes_no_will(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    async with mqtt.service() as service:
        await service.subscribe(device.topic("+"), qos=1)
        async with mqtt.device(device, will=aiomqtt.Will(device.topic("status"), b"gone", qos=1)):
            pass
        async with mqtt.device(device) as again:
            await again.publish(device.topic("pings"), b"marker", qos=1)
            assert (await next_message(service)).payload == b"marker"


async def test_two_megabytes_reach_the_service(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    payload = b"[" + b" " * (2 * 1024 * 1024) + b"]"
    async with mqtt.service() as service, mqtt.device(device) as client:
        await service.subscribe("v1/devices/+/pings", qos=1)
        await client.publish(device.topic("pings"), payload, qos=1)
        assert (await next_message(service)).payload == payload


async def test_qos_2_arrives_once_even_when_sent_twice(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    topic = device.topic("pings").encode()
    async with mqtt.service() as service:
        await service.subscribe("v1/devices/+/pings", qos=1)
        with mqtt.raw_login(device.uid, device.secret) as sock:
            for flags in (4, 12):
                sock.sendall(publish(topic, b"once", flags=flags, packet_id=5))
                assert read_exactly(sock, 4) == b"\x50\x02\x00\x05"
            sock.sendall(b"\x62\x02\x00\x05")
            assert read_exactly(sock, 4) == b"\x70\x02\x00\x05"
            sock.sendall(publish(topic, b"marker", packet_id=5))
            assert (await next_message(service)).payload == b"once"
            assert (await next_message(service)).payload == b"marker"


async def test_a_slow_reader_does_not_stop_the_others(mqtt: Mqtt, new_device: NewDevice) -> None:
    slow, good = new_device(), new_device()
    async with mqtt.service() as service, mqtt.device(good) as bystander:
        await service.subscribe(good.topic("pings"), qos=1)
        with mqtt.raw_login(slow.uid, slow.secret) as sock:
            body = b"\x00\x01" + text(slow.topic("commands").encode()) + b"\x01"
            sock.sendall(packet(8, body, flags=2))
            for _ in range(40):
                await service.publish(slow.topic("commands"), b"x" * 1_000_000, qos=1)
            await assert_works(mqtt, service, bystander, good)


@pytest.mark.parametrize("packet_id", [1, PACKET_IDS])
async def test_an_ack_for_nothing_is_ignored(mqtt: Mqtt, new_device: NewDevice, packet_id: int) -> None:
    device = new_device()
    with mqtt.raw_login(device.uid, device.secret) as sock:
        sock.sendall(packet(4, packet_id.to_bytes(2, "big")) + PINGREQ)
        assert read_exactly(sock, 2) == b"\xd0\x00"
