"""The synchronous downlink."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import aiomqtt
import pytest
from pydantic import SecretStr

from brokers.client import Downlink, DownlinkError, publish_to_device
from brokers.topics import commands_topic
from config.settings import Settings
from tests.integration.brokers.conftest import Device, Mqtt
from tests.integration.brokers.test_hostile import next_message


def settings_of(broker: Any, **changes: Any) -> Settings:
    options = {"mqtt_protocol": getattr(broker, "protocol", "3.1.1"), **changes}
    return Settings(mqtt_host=broker.host, mqtt_port=broker.port, **options)


async def test_a_command_arrives(mqtt: Mqtt, new_device: Callable[[], Device]) -> None:
    device = new_device()
    async with mqtt.device(device) as client:
        await client.subscribe(device.topic("commands"), qos=1)
        await asyncio.to_thread(
            publish_to_device, settings_of(mqtt), commands_topic(device.uid), b'{"do": "report"}'
        )
        assert (await next_message(client)).payload == b'{"do": "report"}'


def test_mqtt_5_on_mosquitto(mosquitto: Any) -> None:
    publish_to_device(settings_of(mosquitto, mqtt_protocol="5"), "v1/devices/x/commands", b"x")
    publish_to_device(settings_of(mosquitto, mqtt_protocol="5"), "v1/devices/x/commands", b"x", qos=0)


async def test_several_on_one_connection_and_whether_anybody_listens(mosquitto: Any) -> None:
    settings, topic = settings_of(mosquitto, mqtt_protocol="5"), "v1/devices/x/commands"
    async with aiomqtt.Client(mosquitto.host, mosquitto.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe(topic, qos=1)

        def send() -> list[bool]:
            with Downlink(settings) as downlink:
                others = downlink.publish("v1/devices/nobody/commands", b"lost")
                return [others, downlink.publish(topic, b"1"), downlink.publish(topic, b"2", qos=0)]

        assert await asyncio.to_thread(send) == [False, True, True]
        assert [(await next_message(client)).payload for _ in range(2)] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("changes", "topic", "code"),
    [
        ({"mqtt_service_password": SecretStr("wrong")}, "v1/devices/x/commands", "downlink_refused"),
        ({"mqtt_port": 1}, "v1/devices/x/commands", "downlink_unreachable"),
        ({}, "v1/devices/+/commands", "downlink_refused"),
    ],
)
def test_failures_have_a_code(mqtt: Mqtt, changes: dict[str, Any], topic: str, code: str) -> None:
    settings = settings_of(mqtt).model_copy(update=changes)
    with pytest.raises(DownlinkError) as caught:
        publish_to_device(settings, topic, b"x")
    assert caught.value.code == code
    assert caught.value.detail


def test_a_silent_broker_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        settings = Settings(mqtt_host=host, mqtt_port=port)
        with pytest.raises(DownlinkError) as caught:
            publish_to_device(settings, "v1/devices/x/commands", b"x", deadline_s=0.5)
    assert caught.value.code == "downlink_timeout"
