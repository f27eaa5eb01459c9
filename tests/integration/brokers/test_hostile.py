"""Clients that want what is not theirs, on the real embedded broker."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiomqtt
import jwt
import psycopg
import pytest

from brokers.credentials import disable
from config import clock
from tests.integration.brokers.conftest import (
    SERVICE_PASSWORD,
    SIGNING_KEY,
    Device,
    Mqtt,
    connect_packet,
    read_exactly,
    token_for,
)

ARRIVAL_DEADLINE_S = 30.0
NewDevice = Callable[[], Device]


async def next_message(client: aiomqtt.Client) -> aiomqtt.Message:
    async with asyncio.timeout(ARRIVAL_DEADLINE_S):
        return await anext(aiter(client.messages))


async def assert_only_marker_arrives(
    service: aiomqtt.Client, honest: aiomqtt.Client, honest_device: Device
) -> None:
    """What was sent before must not arrive; the honest message sent after it must, and comes first."""
    await honest.publish(honest_device.topic("pings"), b"honest", qos=1)
    message = await next_message(service)
    assert (str(message.topic), message.payload) == (honest_device.topic("pings"), b"honest")


@pytest.mark.parametrize(
    "tail",
    ["pings", "pings/msgpack", "backlog", "events", "status", "commands", "acks", "commands/1/result"],
)
async def test_publish_to_another_devices_topic_does_not_arrive(
    mqtt: Mqtt, new_device: NewDevice, tail: str
) -> None:
    thief, victim = new_device(), new_device()
    async with mqtt.service() as service, mqtt.device(thief) as bad, mqtt.device(victim) as good:
        await service.subscribe("v1/#", qos=1)
        await bad.publish(victim.topic(tail), b"forged", qos=1)
        await bad.publish(f"owntracks/{victim.uid}/phone", b"forged", qos=1)
        await assert_only_marker_arrives(service, good, victim)
        # The thief is not thrown out, and its own topic still works.
        await bad.publish(thief.topic("pings"), b"own", qos=1)
        assert (await next_message(service)).payload == b"own"


async def test_another_phones_owntracks_topic_does_not_arrive(mqtt: Mqtt, new_device: NewDevice) -> None:
    thief, victim = new_device(), new_device()
    async with mqtt.service() as service, mqtt.device(thief) as bad:
        await service.subscribe("owntracks/#", qos=1)
        await bad.publish(f"owntracks/{victim.uid}/phone", b"forged", qos=1)
        await bad.publish(f"owntracks/{victim.uid}/phone/event", b"forged", qos=1)
        await bad.publish(f"owntracks/{thief.uid}/phone", b"own", qos=1)
        assert (await next_message(service)).payload == b"own"


@pytest.mark.parametrize(
    "asked",
    [
        "v1/devices/{victim}/acks",
        "v1/devices/{victim}/commands",
        "v1/devices/{victim}/#",
        "v1/devices/{own}/#",
        "v1/devices/{own}/+",
        "v1/devices/+/pings",
        "v1/devices/+/acks",
        "v1/#",
        "#",
        "+/#",
        "+/+/+/+",
        "$share/ingest/#",
        "$share/ingest/v1/devices/+/pings",
        "$share/ingest/v1/devices/{victim}/acks",
        "$queue/v1/devices/+/pings",
        "$share/",
        "$share/ingest",
        "$SYS/#",
        "$SYS/brokers/+/clients/#",
        "owntracks/#",
        "owntracks/+/+",
        "owntracks/{victim}/+/cmd",
        "owntracks/{own}/#",
        "owntracks/{own}/#/cmd",
        "v1/devices/{own}+/acks",
    ],
)
async def test_subscription_to_what_is_not_its_own_is_refused(
    mqtt: Mqtt, new_device: NewDevice, asked: str
) -> None:
    own, victim = new_device(), new_device()
    # By hand, because paho refuses a malformed filter by itself.
    sock = mqtt.raw_login(own.uid, own.secret)
    topic_filter = asked.format(own=own.uid, victim=victim.uid).encode()
    body = b"\x00\x07" + len(topic_filter).to_bytes(2, "big") + topic_filter + b"\x01"
    with sock:
        sock.sendall(bytes([0x82, len(body)]) + body)
        assert read_exactly(sock, 5) == b"\x90\x03\x00\x07\x80"


async def test_own_topics_are_granted(mqtt: Mqtt, new_device: NewDevice) -> None:
    own = new_device()
    async with mqtt.device(own) as client:
        for topic_filter in (own.topic("acks"), own.topic("commands"), f"owntracks/{own.uid}/+/cmd"):
            (granted,) = await client.subscribe(topic_filter, qos=1)
            assert granted == 1


async def connack_code(mqtt: Mqtt, client_id: str, username: str | None, password: str | None) -> int:
    def ask() -> int:
        with mqtt.raw() as sock:
            sock.sendall(connect_packet(client_id, username, password))
            return read_exactly(sock, 4)[3]

    return await asyncio.to_thread(ask)


async def test_good_logins_are_accepted(mqtt: Mqtt, new_device: NewDevice) -> None:
    device = new_device()
    assert await connack_code(mqtt, device.uid, device.uid, device.secret) == 0
    assert await connack_code(mqtt, "phone-1", "awa", token_for("phone-1", username="awa")) == 0
    assert await connack_code(mqtt, "svc-x", "svc-x", SERVICE_PASSWORD) == 0


async def test_bad_logins_are_refused(mqtt: Mqtt, new_device: NewDevice) -> None:
    device, other = new_device(), new_device()
    logins: dict[str, tuple[str, str | None, str | None]] = {
        "anonymous": (device.uid, None, None),
        "no password": (device.uid, device.uid, None),
        "no client id": ("", device.uid, device.secret),
        "empty password": (device.uid, device.uid, ""),
        "wrong secret": (device.uid, device.uid, other.secret),
        "unknown device": ("nobody", "nobody", device.secret),
        "another's client id": (other.uid, device.uid, device.secret),
        "another's user name": (device.uid, other.uid, device.secret),
        "service prefix with a device's secret": ("svc-truck", device.uid, device.secret),
        "service prefix with a token": ("svc-phone", "svc-phone", SERVICE_PASSWORD + "x"),
        "service with another user name": ("svc-x", "svc-y", SERVICE_PASSWORD),
        "device with the services' password": (device.uid, device.uid, SERVICE_PASSWORD),
        "id with a wildcard": ("+", "+", SERVICE_PASSWORD),
        "id with a slash": ("a/b", "a/b", SERVICE_PASSWORD),
        "service id with a wildcard": ("svc-+", "svc-+", SERVICE_PASSWORD),
        "U+0000 in the user name": (device.uid, "a\0b", device.secret),
    }
    codes = {name: await connack_code(mqtt, *login) for name, login in logins.items()}
    assert {name: code for name, code in codes.items() if code not in (4, 5)} == {}


def forged(key: str = SIGNING_KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """A token for client id and user name `phone-2`, with some claims changed; None leaves one out."""
    now_s = int(clock.now().timestamp())
    whole = {
        "sub": "phone-2",
        "username": "phone-2",
        "aud": "mqtt",
        "iat": now_s,
        "exp": now_s + 60,
        **claims,
    }
    return jwt.encode(
        {name: value for name, value in whole.items() if value is not None}, key, algorithm=algorithm
    )


async def test_bad_tokens_are_refused(mqtt: Mqtt) -> None:
    assert await connack_code(mqtt, "phone-2", "phone-2", forged()) == 0
    now_s = int(clock.now().timestamp())
    tokens = {
        "expired": forged(exp=now_s - 1),
        "for another client id": forged(sub="phone-3"),
        "for another user name": forged(username="phone-3"),
        "without user name": forged(username=None),
        "without expiry": forged(exp=None),
        "fractional expiry": forged(exp=now_s + 60.5),
        "not valid yet": forged(nbf=now_s + 60),
        "an access token of the API": forged(aud="api", typ="access"),
        "without audience": forged(aud=None),
        "signed with another key": forged(key="another key of at least 32 characters"),
        "another algorithm": forged(algorithm="HS384"),
        "unsigned": forged(key="", algorithm="none"),
        "not a token": "a.b.c",
    }
    codes = {name: await connack_code(mqtt, "phone-2", "phone-2", token) for name, token in tokens.items()}
    assert {name: code for name, code in codes.items() if code != 5} == {}


async def test_revoked_credential_is_refused(
    mqtt: Mqtt, new_device: NewDevice, database: psycopg.Connection[Any]
) -> None:
    device, sold = new_device(), new_device()
    assert await connack_code(mqtt, device.uid, device.uid, device.secret) == 0
    assert disable(database, username=device.uid, client_id=device.uid)
    database.execute("UPDATE devices SET disabled = true WHERE uid = %s", (sold.uid,))
    assert await connack_code(mqtt, device.uid, device.uid, device.secret) == 5
    assert await connack_code(mqtt, sold.uid, sold.uid, sold.secret) == 5


async def test_revoking_ends_the_live_connection(
    mqtt: Mqtt, new_device: NewDevice, database: psycopg.Connection[Any]
) -> None:
    device = new_device()
    with mqtt.raw_login(device.uid, device.secret) as sock:
        sock.settimeout(30)
        disable(database, username=device.uid, client_id=device.uid)
        assert await asyncio.to_thread(sock.recv, 1) == b""


async def test_connection_ends_when_its_token_does(mqtt: Mqtt) -> None:
    with mqtt.raw_login("phone-4", token_for("phone-4", lifetime_s=6)) as sock:
        sock.settimeout(30)
        assert await asyncio.to_thread(sock.recv, 1) == b""


@pytest.mark.parametrize("clean", [True, False])
async def test_taking_over_anothers_session_is_refused_and_the_victim_stays(
    mqtt: Mqtt, new_device: NewDevice, clean: bool
) -> None:
    thief, victim = new_device(), new_device()
    async with mqtt.service() as service, mqtt.device(victim, clean_session=False) as good:
        await good.subscribe(victim.topic("commands"), qos=1)
        for username, password in ((thief.uid, thief.secret), (victim.uid, thief.secret), (None, None)):
            with mqtt.raw() as sock:
                sock.sendall(connect_packet(victim.uid, username, password, clean=clean))
                assert read_exactly(sock, 4)[3] in (4, 5)
        await service.publish(victim.topic("commands"), b"for the victim", qos=1)
        assert (await next_message(good)).payload == b"for the victim"


async def test_will_to_a_foreign_topic_is_dropped(mqtt: Mqtt, new_device: NewDevice) -> None:
    thief, victim = new_device(), new_device()
    async with mqtt.service() as service:
        await service.subscribe("v1/#", qos=1)
        # Neither socket says DISCONNECT.
        mqtt.raw_login(thief.uid, thief.secret, will=(victim.topic("status"), b"forged")).close()
        mqtt.raw_login(thief.uid, thief.secret, will=(thief.topic("status"), b"gone")).close()
        message = await next_message(service)
        assert (str(message.topic), message.payload) == (thief.topic("status"), b"gone")
        async with mqtt.service("svc-late") as late:
            await late.subscribe("v1/devices/+/status", qos=1)
            kept = await next_message(late)
            assert (str(kept.topic), kept.retain) == (thief.topic("status"), True)


async def test_retained_message_to_a_foreign_topic_is_dropped(mqtt: Mqtt, new_device: NewDevice) -> None:
    thief, victim = new_device(), new_device()
    async with mqtt.device(thief) as bad, mqtt.device(victim) as good:
        await good.publish(victim.topic("status"), b"online", qos=1, retain=True)
        await bad.publish(victim.topic("status"), b"forged", qos=1, retain=True)
        await bad.publish(victim.topic("status"), b"", qos=1, retain=True)
    async with mqtt.service() as service:
        await service.subscribe(victim.topic("status"), qos=1)
        assert (await next_message(service)).payload == b"online"


async def test_retained_messages_of_others_do_not_leak_to_a_new_client(
    mqtt: Mqtt, new_device: NewDevice
) -> None:
    """amqtt 0.12.1 sends a connecting client the retained messages of everybody's subscriptions."""
    one, two = new_device(), new_device()
    async with mqtt.service() as service, mqtt.device(one) as first:
        await service.subscribe("v1/devices/+/status", qos=1)
        await first.publish(one.topic("status"), b"online", qos=1, retain=True)
        async with mqtt.device(two) as second:
            await second.subscribe(two.topic("commands"), qos=1)
            await service.publish(two.topic("commands"), b"marker", qos=1)
            assert (await next_message(second)).payload == b"marker"
