"""Downlink for synchronous code: publish one message to a device and know that the broker has it."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from brokers.topics import SERVICE_PREFIX, is_topic_name
from config.settings import Settings

DEADLINE_S: Final = 5.0
KEEP_ALIVE_S: Final = 30
LOOP_PAUSE_S: Final = 0.1
_PROTOCOLS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


class DownlinkError(Exception):
    """The message did not reach the broker. `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(slots=True)
class _Outcome:
    """What paho's callbacks have told so far; "" = it went well, None = nothing yet."""

    connected: str | None = None
    published: str | None = None


def publish_to_device(
    settings: Settings,
    topic: str,
    payload: bytes,
    qos: int = 1,
    *,
    retain: bool = False,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Publish as `svc-api-<random>` and return once the broker has acknowledged (QoS 0: has been sent).

    The broker keeps it for a device that is away but has a session; nobody promises that the device
    read it. Raises `DownlinkError`: downlink_unreachable, downlink_refused, downlink_timeout.
    A connection of its own per message is meant for commands, which are rare; not for pings.
    """
    if not is_topic_name(topic):
        raise DownlinkError("downlink_refused", f"{topic!r} is not a topic one can publish to.")
    ends_at_s = time.monotonic() + deadline_s
    outcome = _Outcome()
    client = _client(settings, outcome, deadline_s)
    try:
        try:
            client.connect(settings.mqtt_host, settings.mqtt_port, keepalive=KEEP_ALIVE_S)
        except OSError as error:
            raise DownlinkError(
                "downlink_unreachable", f"The MQTT broker cannot be reached: {error}"
            ) from error
        _turn(client, lambda: outcome.connected, ends_at_s, "accept the connection")
        client.publish(topic, payload, qos=qos, retain=retain)
        _turn(client, lambda: outcome.published, ends_at_s, "acknowledge the message")
    finally:
        client.disconnect()


def _client(settings: Settings, outcome: _Outcome, deadline_s: float) -> Client:
    client_id = f"{SERVICE_PREFIX}api-{secrets.token_hex(6)}"
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=_PROTOCOLS[settings.mqtt_protocol]
    )
    client.username_pw_set(client_id, settings.mqtt_service_password.get_secret_value())
    client.connect_timeout = deadline_s

    def on_connect(_: Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        outcome.connected = str(reason) if reason.is_failure else ""

    def on_publish(_: Client, __: Any, ___: int, reason: Any, ____: Any) -> None:
        outcome.published = str(reason) if reason.is_failure else ""

    client.on_connect = on_connect
    client.on_publish = on_publish
    return client


def _turn(client: Client, told: Callable[[], str | None], ends_at_s: float, what: str) -> None:
    """Let paho work until a callback has told the outcome."""
    while (answer := told()) is None:
        if time.monotonic() >= ends_at_s:
            raise DownlinkError("downlink_timeout", f"The MQTT broker did not {what} in time.")
        code = client.loop(timeout=LOOP_PAUSE_S)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS and told() is None:
            raise DownlinkError("downlink_unreachable", f"The MQTT broker did not {what}: {code.name}.")
    if answer:
        raise DownlinkError("downlink_refused", f"The MQTT broker did not {what}: {answer}.")
