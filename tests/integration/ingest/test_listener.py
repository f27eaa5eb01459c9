"""The listener reaches for private names of gmqtt: what it relies on, on a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cli.parts.mosquitto import Mosquitto
from config.settings import Settings
from ingest.intake import Message
from ingest.listener import Delivery, Listener, RefusedByBrokerError
from tests.support.waiting import wait_until_async

TOPIC = "v1/devices/truck-1/pings"


@pytest.fixture
def rules(settings_for: Callable[..., Settings], mosquitto: Mosquitto) -> Settings:
    return settings_for(mqtt_host=mosquitto.host, mqtt_port=mosquitto.port, ingest_batch_wait_ms=5)


@pytest.fixture
async def listener(rules: Settings) -> AsyncIterator[Listener]:
    made = Listener(rules)
    await made.connect()
    yield made
    await made.leave()


def publisher(broker: Mosquitto) -> aiomqtt.Client:
    return aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5)


async def take(listener: Listener, count: int) -> list[Delivery]:
    taken: list[Delivery] = []
    async with asyncio.timeout(20):
        while len(taken) < count:
            taken += (await listener.next_batch()).deliveries
    return taken


async def test_what_is_not_acked_comes_again_and_what_is_acked_does_not(
    rules: Settings, mosquitto: Mosquitto
) -> None:
    first = Listener(rules)
    await first.connect()
    async with publisher(mosquitto) as client:
        for number in range(10):
            await client.publish(TOPIC, str(number).encode(), qos=1)
        taken = await take(first, 10)
        first.ack(taken[:6])
        first.close()
        # The session stays: this is a connection that broke, not a worker that left.
        for lane in (first._live, first._backlog):
            lane._client.stop_reconnect()
            # Not `abort`: that may take acks along that were on their way.
            lane._client._connection._transport.close()
        second = Listener(rules)
        await second.connect()
        again = await take(second, 4)
        second.ack(again)
        await client.publish(TOPIC, b"last", qos=1)
        last = await take(second, 1)
        await second.leave()
    assert [d.message.payload for d in again] == [b"6", b"7", b"8", b"9"]
    assert [d.message.payload for d in last] == [b"last"]


async def test_every_kind_of_publish_arrives_whole(listener: Listener, mosquitto: Mosquitto) -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    big = b"x" * 300_000
    async with publisher(mosquitto) as client:
        await client.publish(TOPIC, b"plain", qos=1)
        await client.publish(TOPIC, b"with properties", qos=1, properties=properties)
        await client.publish(TOPIC, b"", qos=1)
        await client.publish(TOPIC, b"fire and forget", qos=0)
        await client.publish("v1/devices/camion-é/pings", big, qos=1)
        taken = await take(listener, 5)
    listener.ack(taken)
    assert {(d.message.topic, d.message.payload, d.mid is None) for d in taken} == {
        (TOPIC, b"plain", False),
        (TOPIC, b"with properties", False),
        (TOPIC, b"", False),
        (TOPIC, b"fire and forget", True),
        ("v1/devices/camion-é/pings", big, False),
    }


async def test_what_the_broker_had_kept_is_known_as_such(
    settings_for: Callable[..., Settings], mosquitto: Mosquitto
) -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    rules = settings_for(
        mqtt_host=mosquitto.host,
        mqtt_port=mosquitto.port,
        ingest_batch_wait_ms=5,
        mqtt_shared_subscription="false",
    )
    async with publisher(mosquitto) as client:
        await client.publish("v1/devices/a/status", b"1", qos=1, retain=True)
        await client.publish("v1/devices/b/status", b"2", qos=1, retain=True, properties=properties)
        await client.publish("v1/devices/c/status", b"3", qos=0, retain=True)
        made = Listener(rules)
        await made.connect()
        kept = await take(made, 3)
        await client.publish("v1/devices/a/status", b"4", qos=1, retain=True)
        live = await take(made, 1)
        await made.leave()
    assert sorted((d.message.payload, d.message.retained) for d in kept) == [
        (b"1", True),
        (b"2", True),
        (b"3", True),
    ]
    assert [(d.message.payload, d.message.retained) for d in live] == [(b"4", False)]


async def test_reading_pauses_while_enough_waits_and_goes_on(
    listener: Listener, mosquitto: Mosquitto
) -> None:
    # As if the broker had been told a Receive Maximum of 50 and did not keep to it.
    listener._live._most_waiting = 100
    async with publisher(mosquitto) as client:
        for number in range(400):
            await client.publish(TOPIC, str(number).encode(), qos=1, timeout=20)
        await wait_until_async(lambda: listener._live._paused is not None, 60, "the pause")
        taken: list[Delivery] = []
        async with asyncio.timeout(20):
            while len(taken) < 400:
                batch = await listener.next_batch()
                listener.ack(batch.deliveries)
                taken += batch.deliveries
    assert [d.message.payload for d in taken] == [str(n).encode() for n in range(400)]
    assert listener._live._paused is None


async def test_acks_of_a_lost_connection_are_not_sent_on_the_next(
    listener: Listener, mosquitto: Mosquitto
) -> None:
    async with publisher(mosquitto) as client:
        await client.publish(TOPIC, b"before", qos=1)
        taken = await take(listener, 1)
    lost: Any = listener._live._client._connection
    lost._transport.abort()
    again = await take(listener, 1)
    assert again[0].message.payload == b"before"
    sent: list[bytes] = []
    current: Any = listener._live._client._connection
    assert current is not lost
    current.send_package, send = sent.append, current.send_package
    listener.ack(taken)
    assert sent == []
    current.send_package = send
    listener.ack(again)


async def test_a_broker_that_refuses_is_named(
    settings_for: Callable[..., Settings], mqtt_broker: Any
) -> None:
    rules = settings_for(
        mqtt_host=mqtt_broker.host,
        mqtt_port=mqtt_broker.port,
        mqtt_protocol=mqtt_broker.protocol,
        mqtt_service_password="not the password of this broker",
    )
    with pytest.raises(RefusedByBrokerError, match="svc-ingest-1"):
        await Listener(rules).connect()


async def test_backlog_topics_have_a_session_of_their_own_and_wait_for_live_ones(
    listener: Listener, mosquitto: Mosquitto
) -> None:
    async with publisher(mosquitto) as client:
        for number in range(20):
            await client.publish("v1/devices/truck-1/backlog", str(number).encode(), qos=1)
        await client.publish("v1/devices/truck-1/backlog/msgpack", b"packed", qos=1)
        await wait_until_async(lambda: listener.backlog_waiting == 21, 60, "the backlog")
        await client.publish(TOPIC, b"live", qos=1)
        await wait_until_async(lambda: listener.waiting == 1, 60, "the live message")
        await asyncio.sleep(0.01)  # longer than a batch waits: the live one is due
        listener._last_backlog_s = asyncio.get_running_loop().time()
        first = await listener.next_batch()
        second = await listener.next_batch()
    assert (first.lane, [d.message.payload for d in first.deliveries]) == ("live", [b"live"])
    assert second.lane == "backlog"
    assert len(second.deliveries) == 21


async def test_what_was_put_aside_takes_its_turn_and_is_acked_on_its_own_session(
    listener: Listener, mosquitto: Mosquitto
) -> None:
    async with publisher(mosquitto) as client:
        await client.publish(TOPIC, b"old", qos=1)
        (old,) = (await listener.next_batch()).deliveries
        listener.defer([old])
        assert listener.backlog_waiting == 1
        again = await listener.next_batch()
    assert (again.lane, again.deliveries) == ("backlog", [old])
    sent: list[bytes] = []
    connection: Any = listener._live._client._connection
    connection.send_package, send = sent.append, connection.send_package
    listener.ack(again.deliveries)
    assert len(sent) == 1
    connection.send_package = send
    listener.ack(again.deliveries)


async def test_too_much_is_not_put_aside(listener: Listener) -> None:
    """Its acks are owed on the live session, whose window must not close."""
    listener._most_deferred = 3
    waiting = Delivery(Message(TOPIC, b"x", 0), 1, None, 0.0)
    listener.defer([waiting, waiting])
    assert listener.may_defer
    listener.defer([waiting])
    assert not listener.may_defer
    listener._deferred.clear()
