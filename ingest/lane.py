"""One MQTT session of a worker: what the broker delivers, and acks that wait for the commit.

gmqtt acks when a message's handler returns, which costs a task a message. Here its handler of
PUBLISH packets is replaced on the instance: a delivery is one list append, and a whole batch is
acked by one write. That reaches for private names: gmqtt is pinned and
`tests/integration/ingest/test_listener.py` holds it to them.
"""

import asyncio
import struct
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import gmqtt
import msgspec
from gmqtt.mqtt.constants import MQTTv50, MQTTv311

from config import clock
from config.logging import get_logger
from config.settings import Settings
from ingest.intake import Message
from ingest.own_clock import OwnClock

log = get_logger(__name__)

_PUBACK = struct.Struct("!BBH")
# Counting messages alone would let 40,000 of the largest ones in.
_MOST_WAITING_BYTES = 64 * 1024 * 1024
MAX_BATCH_BYTES = 4 * 1024 * 1024
_REFUSED = 128
_PUBLISH, _QOS_BITS, _QOS_1, _RETAIN = 0x30, 0x06, 0x02, 0x01  # MQTT 5, 3.3.1


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A message that waits to be stored; acked on the connection it came by, or not at all."""

    message: Message
    mid: int | None  # packet identifier; None for QoS 0
    connection: Any
    arrived_s: float  # time.monotonic()


class RefusedByBrokerError(Exception):
    """The broker does not accept this worker; trying again cannot help."""


class Lane:
    """`on_arrival` is called in the event loop when the first message waits, and when enough do for a batch.

    A delivery for which `set_aside` answers True is no business of this lane any more.
    """

    def __init__(
        self,
        settings: Settings,
        client_id: str,
        filters: Sequence[tuple[str, int]],
        on_arrival: Callable[[], None],
        set_aside: Callable[[Delivery], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._filters = filters
        self._on_arrival = on_arrival
        self._set_aside = set_aside
        self._pending: deque[Delivery] = deque()
        self._pending_bytes = 0
        self._closing = False
        self._batch_messages = settings.ingest_batch_pings
        self._most_waiting = 2 * settings.ingest_receive_maximum
        self._paused: Any = None  # the connection that is not being read for now
        self._subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._version = MQTTv50 if settings.mqtt_protocol == "5" else MQTTv311
        self._now_us = clock.reader(settings)
        self._own_clock = OwnClock(self._now_us(), time.monotonic(), clock.speed(settings))
        self._client = self._new_client()

    def _new_client(self) -> gmqtt.Client:
        settings = self._settings
        properties: dict[str, int] = {}
        if self._version == MQTTv50:
            properties = {
                "session_expiry_interval": settings.ingest_session_expiry_s,
                "receive_maximum": settings.ingest_receive_maximum,
            }
        client = gmqtt.Client(
            self._client_id, clean_session=False, optimistic_acknowledgement=False, **properties
        )
        client.set_auth_credentials(self._client_id, settings.mqtt_service_password.get_secret_value())
        client.set_config({"reconnect_retries": -1, "reconnect_delay": 1})
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_unacked_message
        self._slow_publish = client._package_handler._handle_publish_packet
        client._package_handler._handler_cache[_PUBLISH] = self._on_publish
        client._package_handler._handle_qos_1_publish_packet = self._on_qos1
        return client

    async def connect(self, deadline_s: float = 30.0) -> None:
        """Connect and subscribe; waits for a broker that is not up yet. Raises RefusedByBrokerError."""
        give_up = time.monotonic() + deadline_s
        settings = self._settings
        while True:
            try:
                await self._client.connect(settings.mqtt_host, settings.mqtt_port, version=self._version)
                break
            except OSError:
                if time.monotonic() > give_up:
                    raise
                await asyncio.sleep(0.2)
            except gmqtt.mqtt.handler.MQTTConnectError as error:
                raise RefusedByBrokerError(f"the broker refused {self._client_id}: {error}") from error
        await asyncio.wait_for(self._subscribed, deadline_s)

    def _on_connect(self, client: gmqtt.Client, session_present: int, code: int, properties: Any) -> None:
        log.info("connected to the broker", client=self._client_id, session_present=bool(session_present))
        # Also with a session present: the filters of this version may be others.
        client.subscribe([gmqtt.Subscription(topic, qos=qos) for topic, qos in self._filters])

    def _on_subscribe(self, client: gmqtt.Client, mid: int, granted: Sequence[int], properties: Any) -> None:
        if any(code >= _REFUSED for code in granted):
            error = RefusedByBrokerError(f"the broker refused a subscription: codes {list(granted)}")
            if self._subscribed.done():
                log.error("a subscription was refused after a reconnect", codes=list(granted))
            else:
                self._subscribed.set_exception(error)
        elif not self._subscribed.done():
            self._subscribed.set_result(None)

    def _on_disconnect(self, client: gmqtt.Client, packet: Any, exc: Any = None) -> None:
        if not self._closing:
            log.warning("lost the broker; reconnecting", client=self._client_id)

    def _on_publish(self, command: int, packet: bytes) -> None:
        """The common PUBLISH read directly: QoS 1 without properties. All else takes gmqtt's way."""
        at = 2 + (packet[0] << 8 | packet[1])
        v5 = self._version == MQTTv50
        if command & _QOS_BITS != _QOS_1 or (v5 and packet[at + 2] != 0):
            self._slow_publish(command, packet)
            return
        mid = packet[at] << 8 | packet[at + 1]
        try:
            topic = packet[2:at].decode()
        except UnicodeDecodeError:
            topic = packet[2:at].decode("utf-8", "replace")
        self._take(topic, packet[at + 3 :] if v5 else packet[at + 2 :], mid, bool(command & _RETAIN))

    def _on_qos1(self, mid: int, payload: bytes, topic: str | bytes, properties: dict[str, Any]) -> None:
        self._take(topic, payload, mid, bool(properties.get("retain")))

    def _on_unacked_message(
        self, client: gmqtt.Client, topic: str | bytes, payload: bytes, qos: int, properties: dict[str, Any]
    ) -> int:
        self._take(topic, payload, None, bool(properties.get("retain")))
        return 0

    def _take(self, topic: str | bytes, payload: bytes, mid: int | None, retained: bool) -> None:
        if isinstance(topic, bytes):
            topic = topic.decode("utf-8", "replace")
        connection = self._client._connection
        now_us, now_s = self._now_us(), time.monotonic()
        message = Message(topic, payload, now_us, self._own_clock.doubt_us(now_us, now_s), retained)
        delivery = Delivery(message, mid, connection, now_s)
        if self._set_aside is not None and self._set_aside(delivery):
            return
        self._pending.append(delivery)
        self._pending_bytes += len(payload)
        if len(self._pending) == 1 or self.is_full:
            self._on_arrival()
        self._pause(connection)

    def _pause(self, connection: Any) -> None:
        """Stop reading while enough waits: not every broker keeps to the Receive Maximum."""
        if len(self._pending) < self._most_waiting and self._pending_bytes < _MOST_WAITING_BYTES:
            return
        if self._paused is not connection:
            # Perhaps one that is gone was paused before: only the present one delivers.
            self._paused = connection
            connection._transport.pause_reading()

    def _resume(self) -> None:
        few = len(self._pending) <= self._most_waiting // 2
        if self._paused is not None and few and self._pending_bytes <= _MOST_WAITING_BYTES // 2:
            connection, self._paused = self._paused, None
            if not connection.is_closing():
                connection._transport.resume_reading()

    @property
    def is_full(self) -> bool:
        """Whether enough waits for a whole batch."""
        return len(self._pending) >= self._batch_messages or self._pending_bytes >= MAX_BATCH_BYTES

    @property
    def waiting(self) -> int:
        """Messages received and not yet taken."""
        return len(self._pending)

    @property
    def since_s(self) -> float | None:
        """When the oldest waiting message arrived, time.monotonic()."""
        return self._pending[0].arrived_s if self._pending else None

    def take(self, messages: int, size_bytes: int) -> list[Delivery]:
        """The oldest ones, up to `messages` of them or just above `size_bytes` together."""
        batch: list[Delivery] = []
        size = 0
        while self._pending and len(batch) < messages and size < size_bytes:
            delivery = self._pending.popleft()
            size += len(delivery.message.payload)
            batch.append(delivery)
        self._pending_bytes -= size
        self._resume()
        return batch

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at most once, now."""
        connection = self._client._connection
        if connection is not None and not connection.is_closing():
            self._client.publish(topic, payload, qos=0)

    def close(self) -> None:
        self._closing = True

    async def leave(self) -> None:
        """Disconnect; with `ingest_leave=end` the session goes, and its share moves to the others."""
        self._closing = True
        if self._version == MQTTv50 and self._settings.ingest_leave == "end":
            await self._client.disconnect(session_expiry_interval=0)
        else:
            await self._client.disconnect()


def ack(deliveries: Sequence[Delivery]) -> None:
    """Tell the broker that these are stored. Those of a lost connection will come again."""
    by_connection: dict[int, tuple[Any, list[bytes]]] = {}
    for delivery in deliveries:
        if delivery.mid is not None:
            # Also in MQTT 5: without a reason code it is success.
            packet = _PUBACK.pack(0x40, 2, delivery.mid)
            by_connection.setdefault(id(delivery.connection), (delivery.connection, []))[1].append(packet)
    for connection, packets in by_connection.values():
        # gmqtt makes a new connection object for each connect.
        if not connection.is_closing():
            connection.send_package(b"".join(packets))
