"""Connect to the MQTT broker as a service, once, and see what it grants."""

import threading
from dataclasses import dataclass
from typing import Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from config.settings import Settings

Protocol = Literal["5", "3.1.1"]
DEADLINE_S = 5.0
SHARED_FILTER = "$share/svc-doctor/v1/devices/+/pings"


class Refused(RuntimeError):
    """The broker answered CONNECT with a refusal; the message is its reason."""


@dataclass(frozen=True, slots=True)
class Answer:
    shared_subscription: bool


def probe(settings: Settings, client_id: str, protocol: Protocol) -> Answer:
    """Connect, subscribe to a shared filter, leave.

    Raises Refused when the broker refuses us, OSError (TimeoutError included) when it does not answer.
    """
    version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version)
    client.username_pw_set(client_id, settings.mqtt_service_password.get_secret_value())
    connected, granted = threading.Event(), threading.Event()
    connect_codes: list[ReasonCode] = []
    subscribe_codes: list[ReasonCode] = []

    def on_connect(
        _c: mqtt.Client, _u: object, _f: mqtt.ConnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        connect_codes.append(code)
        connected.set()

    def on_subscribe(
        _c: mqtt.Client, _u: object, _m: int, codes: list[ReasonCode], _p: Properties | None
    ) -> None:
        subscribe_codes.extend(codes)
        granted.set()

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.connect(settings.mqtt_host, settings.mqtt_port, keepalive=30)
    client.loop_start()
    try:
        if not connected.wait(DEADLINE_S):
            raise TimeoutError("no answer to CONNECT")
        if connect_codes[0].is_failure:
            raise Refused(str(connect_codes[0]))
        client.subscribe(SHARED_FILTER, qos=0)
        # A broker that cannot share may close the connection instead of answering.
        granted.wait(DEADLINE_S)
    finally:
        client.disconnect()
        client.loop_stop()
    return Answer(
        shared_subscription=bool(subscribe_codes) and not any(c.is_failure for c in subscribe_codes)
    )
