"""One Redis connection per process for all live viewers: a channel is subscribed while anyone wants it."""

import asyncio
import contextlib
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

import msgspec
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from config.logging import get_logger
from config.redis import alerts_channel, async_redis, live_channel, order_channel

log = get_logger(__name__)

SUBSCRIBE_TIMEOUT_S = 5.0
# A silent connection is asked for a sign of life this often, and given up after as long again.
PROBE_S = 15.0
RECONNECT_S = 1.0
# Subscribed always, so that there is something to read before the first viewer's channel.
_IDLE_CHANNEL = "mess:live:idle"


class LiveUnavailable(Exception):
    """Redis did not confirm the subscription in time."""


class Listener(Protocol):
    """Called from the hub's reader: must neither block nor raise."""

    def on_gap(self) -> None:
        """Messages may have been lost: the connection was made anew."""


class OrderListener(Listener, Protocol):
    def on_ping(self, published: dict[str, Any]) -> None: ...
    def on_crossing(self, published: dict[str, Any]) -> None: ...
    def on_interval(self, published: dict[str, Any]) -> None: ...
    def on_order(self, published: dict[str, Any]) -> None: ...


class AlertListener(Listener, Protocol):
    def on_alerts(self, published: dict[str, Any]) -> None: ...


class _LiveBatch(msgspec.Struct, frozen=True):
    pings: list[dict[str, Any]] = []
    crossings: list[dict[str, Any]] = []
    intervals: list[dict[str, Any]] = []


_batch_decoder = msgspec.json.Decoder(_LiveBatch)
_object_decoder = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class _Interest:
    channels: frozenset[str] = frozenset()
    vehicle_id: int | None = None


_NOTHING = _Interest()
K = TypeVar("K")
L = TypeVar("L")


def _discard(listeners: dict[K, set[L]], key: K, listener: L) -> None:
    listeners[key].discard(listener)
    if not listeners[key]:
        del listeners[key]


class LiveHub:
    """Belongs to one event loop. Connects with the first listener and disconnects after the last."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._interests: dict[Listener, _Interest] = {}
        self._by_channel: dict[str, set[Listener]] = {}
        self._by_vehicle: dict[Any, set[OrderListener]] = {}
        self._confirmed: dict[str, asyncio.Event] = {}
        self._asked: set[str] = set()
        self._pubsub: PubSub | None = None
        self._sending = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    @property
    def channels(self) -> frozenset[str]:
        """What is wanted now; for tests and the health page."""
        return frozenset(self._by_channel)

    async def listen(self, listener: OrderListener, order_id: UUID, vehicle_id: int | None) -> None:
        """Hear of this order and vehicle from the return of this call on; again to change the vehicle.

        Raises LiveUnavailable when Redis does not confirm within SUBSCRIBE_TIMEOUT_S; the caller then
        leaves.
        """
        live = set() if vehicle_id is None else {live_channel(vehicle_id, self._shards)}
        await self._listen(listener, _Interest(frozenset({order_channel(order_id)} | live), vehicle_id))

    async def listen_to_party(self, listener: AlertListener, party_id: UUID) -> None:
        """Hear of this party's inbox from the return of this call on. Raises LiveUnavailable."""
        await self._listen(listener, _Interest(frozenset({alerts_channel(party_id)})))

    async def _listen(self, listener: Listener, interest: _Interest) -> None:
        self._change(listener, interest)
        if self._reader is None:
            # A context of its own, or its log lines would carry the first viewer's request id.
            self._reader = asyncio.create_task(self._run(), name="live hub", context=Context())
        try:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
                await self._sync()
                for channel in interest.channels:
                    await self._confirmed[channel].wait()
        except (TimeoutError, RedisError, OSError) as error:
            raise LiveUnavailable(str(error)) from error

    async def leave(self, listener: Listener) -> None:
        self._change(listener, _NOTHING)
        if not self._interests and self._reader is not None:
            reader, self._reader = self._reader, None
            self._confirmed.clear()
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reader
            return
        with contextlib.suppress(RedisError, OSError):  # the reader meets the same fault and reconnects
            await self._sync()

    def _change(self, listener: Listener, new: _Interest) -> None:
        old = self._interests.pop(listener, _NOTHING)
        if new.channels:
            self._interests[listener] = new
        for channel in old.channels - new.channels:
            _discard(self._by_channel, channel, listener)
        for channel in new.channels - old.channels:
            self._by_channel.setdefault(channel, set()).add(listener)
            self._confirmed.setdefault(channel, asyncio.Event())
        of_order = cast(OrderListener, listener)  # no other is interested in a vehicle
        if old.vehicle_id is not None:
            _discard(self._by_vehicle, old.vehicle_id, of_order)
        if new.vehicle_id is not None:
            self._by_vehicle.setdefault(new.vehicle_id, set()).add(of_order)

    async def _sync(self) -> None:
        """Bring Redis' subscriptions to what is wanted; commands go out one at a time and in order."""
        async with self._sending:
            wanted = set(self._by_channel)
            for channel in self._confirmed.keys() - wanted:
                del self._confirmed[channel]
            pubsub = self._pubsub
            if pubsub is None:
                return  # the reader subscribes to everything wanted once it is connected
            missing, spare = wanted - self._asked, self._asked - wanted
            self._asked = wanted
            if missing:
                await pubsub.subscribe(*missing)
            if spare:
                await pubsub.unsubscribe(*spare)

    async def _run(self) -> None:
        while True:
            try:
                async with async_redis() as client, client.pubsub() as pubsub:
                    await pubsub.subscribe(_IDLE_CHANNEL)
                    self._asked = set()
                    self._pubsub = pubsub
                    await self._sync()
                    await self._read(pubsub)
            except (RedisError, OSError) as error:
                log.warning("live connection to Redis lost", error=str(error), retry_s=RECONNECT_S)
            except Exception:
                # Whatever it was must not leave every viewer of this process in silence.
                log.exception("live reader failed", retry_s=RECONNECT_S)
            finally:
                self._pubsub = None
            await asyncio.sleep(RECONNECT_S)

    async def _read(self, pubsub: PubSub) -> None:
        probed = False
        while True:
            message = await pubsub.get_message(timeout=PROBE_S)
            if message is not None:
                probed = False
                self._take(message)
            elif probed:
                raise RedisConnectionError(f"no sign of life for {2 * PROBE_S:g} s")
            else:
                probed = True
                async with self._sending:
                    await pubsub.ping()

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            self._on_subscribed(message["channel"].decode())
        elif message["type"] == "message":
            self._dispatch(message["channel"].decode(), message["data"])

    def _on_subscribed(self, channel: str) -> None:
        confirmed = self._confirmed.get(channel)
        if confirmed is None:
            return
        # Confirmed before: this is a reconnection, and what was published in between is lost.
        if confirmed.is_set():
            for listener in list(self._by_channel.get(channel, ())):
                listener.on_gap()
        confirmed.set()

    def _dispatch(self, channel: str, body: bytes) -> None:
        try:
            if channel.startswith(order_channel("")):
                self._tell_order(channel, _object_decoder.decode(body))
            elif channel.startswith(alerts_channel("")):
                self._tell_alerts(channel, _object_decoder.decode(body))
            else:
                self._tell_batch(_batch_decoder.decode(body))
        except Exception:
            # One bad message must not cost the viewers the connection and what follows on it.
            log.exception("live message unreadable", channel=channel)

    def _tell_order(self, channel: str, order: dict[str, Any]) -> None:
        for listener in list(self._by_channel.get(channel, ())):
            cast(OrderListener, listener).on_order(order)

    def _tell_alerts(self, channel: str, changed: dict[str, Any]) -> None:
        for listener in list(self._by_channel.get(channel, ())):
            cast(AlertListener, listener).on_alerts(changed)

    def _tell_batch(self, batch: _LiveBatch) -> None:
        # Crossings after pings: the fix that crossed comes first.
        for ping in batch.pings:
            for listener in list(self._by_vehicle.get(ping.get("vehicle_id"), ())):
                listener.on_ping(ping)
        for crossing in batch.crossings:
            for listener in list(self._by_vehicle.get(crossing.get("vehicle_id"), ())):
                listener.on_crossing(crossing)
        for interval in batch.intervals:
            for listener in list(self._by_vehicle.get(interval.get("vehicle_id"), ())):
                listener.on_interval(interval)
