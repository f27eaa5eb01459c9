"""Speaks MQTT for devices that cannot: publishes their pings and brings back their acks.

One connection of a service (`svc-api-...`) for all of them; asynchronous, one event loop.
"""

import asyncio
import contextlib
import secrets
from collections import defaultdict
from collections.abc import Callable
from contextvars import Context
from typing import Final

from aiomqtt import Client, MqttError, ProtocolVersion

from brokers.topics import acks_topic, parse_topic, pings_topic
from config.logging import get_logger
from config.settings import Settings

log = get_logger(__name__)

CONNECT_TIMEOUT_S: Final = 5.0
# Of one publish until the broker's PUBACK, and of one subscription until its SUBACK.
CALL_TIMEOUT_S: Final = 10.0
RECONNECT_S: Final = 1.0

OnAck = Callable[[bytes], None]


class RelayUnavailable(Exception):
    """The broker did not take it; the device keeps its pings and sends them again."""


class DeviceRelay:
    """Connects with the first device and disconnects after the last; reconnects in between."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listeners: defaultdict[str, set[OnAck]] = defaultdict(set)
        self._client: Client | None = None
        self._connected = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[None]] = set()

    async def join(self, uid: str, on_ack: OnAck) -> None:
        """Hear the application acks of this device: `on_ack(payload)`, which must neither block nor raise.

        Raises RelayUnavailable; the caller then leaves.
        """
        first = not self._listeners[uid]
        self._listeners[uid].add(on_ack)
        if self._runner is None:
            # A context of its own, or its log lines would carry the first device's request id.
            self._runner = asyncio.create_task(self._run(), name="device relay", context=Context())
        client = await self._wait_connected()
        # Even when a connection in the making subscribes too: repeating it is harmless.
        if first:
            await self._subscribe(client, uid)

    async def leave(self, uid: str, on_ack: OnAck) -> None:
        self._listeners[uid].discard(on_ack)
        if not self._listeners[uid]:
            del self._listeners[uid]
            self._unsubscribe_later(uid)
        if not self._listeners and self._runner is not None:
            runner, self._runner = self._runner, None
            tasks = [runner, *self._chores]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _unsubscribe_later(self, uid: str) -> None:
        """Nobody waits for it: the answer may never come once the connection ends."""

        async def unsubscribe() -> None:
            if self._client is not None and uid not in self._listeners:
                with contextlib.suppress(MqttError):  # a lost connection has no subscriptions
                    await self._client.unsubscribe(acks_topic(uid), timeout=CALL_TIMEOUT_S)

        chore = asyncio.create_task(unsubscribe(), name="relay unsubscribe")
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def publish(self, uid: str, payload: bytes) -> None:
        """Pings of this device, unchanged, QoS 1; returns when the broker has them.

        Raises RelayUnavailable; the broker may have them all the same.
        """
        client = await self._wait_connected()
        try:
            await client.publish(pings_topic(uid), payload, qos=1, timeout=CALL_TIMEOUT_S)
        except MqttError as error:
            raise RelayUnavailable(str(error)) from error

    async def _wait_connected(self) -> Client:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                while self._client is None:
                    await self._connected.wait()
        except TimeoutError as error:
            raise RelayUnavailable("no connection to the broker") from error
        return self._client

    async def _subscribe(self, client: Client, uid: str) -> None:
        try:
            await client.subscribe(acks_topic(uid), qos=1, timeout=CALL_TIMEOUT_S)
        except MqttError as error:
            raise RelayUnavailable(str(error)) from error

    def _new_client(self) -> Client:
        # A fresh id each time: a broker that has not noticed the old connection's end cannot confuse them.
        identifier = f"svc-api-{secrets.token_hex(6)}"
        return Client(
            self._settings.mqtt_host,
            self._settings.mqtt_port,
            identifier=identifier,
            username=identifier,
            password=self._settings.mqtt_service_password.get_secret_value(),
            protocol=ProtocolVersion.V5 if self._settings.mqtt_protocol == "5" else ProtocolVersion.V311,
            keepalive=30,
            timeout=CALL_TIMEOUT_S,
        )

    async def _run(self) -> None:
        while True:
            try:
                async with self._new_client() as client:
                    for uid in list(self._listeners):
                        await self._subscribe(client, uid)
                    self._client = client
                    self._connected.set()
                    await self._read(client)
            except (MqttError, RelayUnavailable, OSError) as error:
                log.warning("relay lost the broker", error=str(error), retry_s=RECONNECT_S)
            finally:
                self._client = None
                self._connected.clear()
            await asyncio.sleep(RECONNECT_S)

    async def _read(self, client: Client) -> None:
        async for message in client.messages:
            topic = parse_topic(str(message.topic))
            if topic is None or not isinstance(message.payload, bytes):
                continue
            for on_ack in list(self._listeners.get(topic.device_uid, ())):
                on_ack(message.payload)
