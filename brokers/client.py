"""Downlink for synchronous code: publish messages to devices and know that the broker has them."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from brokers.topics import SERVICE_PREFIX, is_topic_name
from config.settings import Settings

DEADLINE_S: Final = 5.0
KEEP_ALIVE_S: Final = 30
LOOP_PAUSE_S: Final = 0.1
_NO_MATCHING_SUBSCRIBERS: Final = 0x10  # MQTT 5, 3.4.2.1
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
    nobody: bool = False


class Downlink:
    """One connection for a few messages to devices, as `svc-api-<random>`; use as a context manager.

    A connection of its own per task is meant for commands, which are rare; not for pings. Connecting
    and each message take at most `deadline_s`. Raises `DownlinkError`: downlink_unreachable,
    downlink_refused, downlink_timeout.
    """

    def __init__(self, settings: Settings, *, deadline_s: float = DEADLINE_S) -> None:
        self._settings = settings
        self._deadline_s = deadline_s
        self._outcome = _Outcome()
        self._client = _client(settings, self._outcome, deadline_s)

    def __enter__(self) -> Self:
        settings = self._settings
        try:
            self._client.connect(settings.mqtt_host, settings.mqtt_port, keepalive=KEEP_ALIVE_S)
            self._turn(lambda: self._outcome.connected, "accept the connection")
        except OSError as error:
            raise DownlinkError(
                "downlink_unreachable", f"The MQTT broker cannot be reached: {error}"
            ) from error
        except DownlinkError:
            self._client.disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> bool:
        """Return once the broker has acknowledged (QoS 0: has been sent).

        The broker keeps it for a device that is away but has a session; nobody promises that the device
        read it. False: the broker says that nobody subscribes to the topic, so it is gone (MQTT 5, QoS 1;
        others do not tell).
        """
        if not is_topic_name(topic):
            raise DownlinkError("downlink_refused", f"{topic!r} is not a topic one can publish to.")
        self._outcome.published, self._outcome.nobody = None, False
        self._client.publish(topic, payload, qos=qos, retain=retain)
        self._turn(lambda: self._outcome.published, "acknowledge the message")
        return not self._outcome.nobody

    def _turn(self, told: Callable[[], str | None], what: str) -> None:
        """Let paho work until a callback has told the outcome."""
        ends_at_s = time.monotonic() + self._deadline_s
        while (answer := told()) is None:
            if time.monotonic() >= ends_at_s:
                raise DownlinkError("downlink_timeout", f"The MQTT broker did not {what} in time.")
            code = self._client.loop(timeout=LOOP_PAUSE_S)
            if code != MQTTErrorCode.MQTT_ERR_SUCCESS and told() is None:
                raise DownlinkError("downlink_unreachable", f"The MQTT broker did not {what}: {code.name}.")
        if answer:
            raise DownlinkError("downlink_refused", f"The MQTT broker did not {what}: {answer}.")


def publish_to_device(
    settings: Settings,
    topic: str,
    payload: bytes,
    qos: int = 1,
    *,
    retain: bool = False,
    deadline_s: float = DEADLINE_S,
) -> bool:
    """One message over a connection of its own, see `Downlink`."""
    if not is_topic_name(topic):
        raise DownlinkError("downlink_refused", f"{topic!r} is not a topic one can publish to.")
    with Downlink(settings, deadline_s=deadline_s) as downlink:
        return downlink.publish(topic, payload, qos, retain=retain)


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
        outcome.nobody = reason.value == _NO_MATCHING_SUBSCRIBERS
        outcome.published = str(reason) if reason.is_failure else ""

    client.on_connect = on_connect
    client.on_publish = on_publish
    return client
