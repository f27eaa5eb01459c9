"""The MQTT side of a worker: two sessions, live and backlog, and batches of theirs in turn.

Native devices send their backlog on topics of its own, which a session of its own delivers: its queue at the broker
and its window are not the live one's. Formats without such topics send old and new alike; what turns out to be old
when it is read is put aside (`defer`) and takes its turn with the backlog.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from brokers.topics import BROKER_EVENTS, ingest_filters
from brokers.topics import Lane as LaneName
from config.settings import Settings
from ingest.codecs.registry import foreign_filters
from ingest.lane import MAX_BATCH_BYTES, Delivery, Lane, RefusedByBrokerError, ack
from ingest.peek import looks_old
from ingest.turns import CALM_AFTER_S, Pace, Waiting, next_turn

__all__ = ["Batch", "Delivery", "Listener", "RefusedByBrokerError"]

BACKLOG_SUFFIX: Final = "-backlog"
# Put aside at most so much of what came by the live session, which waits for their acks.
_MOST_DEFERRED_BYTES: Final = 96 * 1024 * 1024


class Batch(msgspec.Struct, frozen=True):
    """Empty = the listener was closed and nothing is left."""

    deliveries: Sequence[Delivery]
    lane: LaneName

    @property
    def size_bytes(self) -> int:
        return sum(len(delivery.message.payload) for delivery in self.deliveries)


class Listener:
    """Call `connect`, then `next_batch`, `ack` or `defer`, and `took` in turn, then `leave`."""

    def __init__(self, settings: Settings) -> None:
        shared = settings.mqtt_shared_subscription
        self._batch_wait_s = settings.ingest_batch_wait_ms / 1000
        self._batch_messages = settings.ingest_batch_pings
        self._most_deferred = settings.ingest_receive_maximum * 3 // 4
        self._woken = asyncio.Event()
        self._closing = False
        name = settings.ingest_worker
        events = BROKER_EVENTS if settings.mqtt_presence_events else ()
        filters = ingest_filters("live", shared, [*foreign_filters(), *events])
        self._age_us = settings.backlog_age_s * 1_000_000
        self._live = Lane(settings, name, filters, self._woken.set, self._set_aside_old)
        old = ingest_filters("backlog", shared)
        self._backlog = Lane(settings, name + BACKLOG_SUFFIX, old, self._woken.set)
        self._deferred: deque[Delivery] = deque()
        self._deferred_bytes = 0
        self._pace = Pace()
        self._last_live_s = self._last_backlog_s = time.monotonic()

    async def connect(self, deadline_s: float = 30.0) -> None:
        """Both sessions; waits for a broker that is not up yet. Raises RefusedByBrokerError."""
        await self._live.connect(deadline_s)
        await self._backlog.connect(deadline_s)

    async def next_batch(self) -> Batch:
        """Wait for messages; a live batch closes when it is full or its first message has waited long enough."""
        while True:
            self._woken.clear()
            turn = next_turn(self._waiting(), self._batch_wait_s)
            if turn.kind == "live":
                return Batch(self._live.take(self._batch_messages, MAX_BATCH_BYTES), "live")
            if turn.kind == "backlog":
                return Batch(self._slice(), "backlog")
            if turn.kind == "done":
                return Batch((), "live")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), turn.wait_s)

    def _waiting(self) -> Waiting:
        return Waiting(
            time.monotonic(),
            self._live.since_s,
            self._live.is_full,
            bool(self._deferred or self._backlog.waiting),
            self._last_live_s,
            self._last_backlog_s,
            self._closing,
        )

    def _slice(self) -> list[Delivery]:
        """Backlog for one turn; what was put aside goes first, as the live session's window waits for it."""
        calm = self._live.since_s is None and time.monotonic() - self._last_live_s > CALM_AFTER_S
        left = min(self._pace.slice_bytes(calm), MAX_BATCH_BYTES)
        taken: list[Delivery] = []
        while self._deferred and left > 0 and len(taken) < self._batch_messages:
            delivery = self._deferred.popleft()
            self._deferred_bytes -= len(delivery.message.payload)
            left -= len(delivery.message.payload)
            taken.append(delivery)
        return taken + self._backlog.take(self._batch_messages - len(taken), left)

    @property
    def may_defer(self) -> bool:
        """Whether old messages of the live session may be put aside; with too many of them its window would close."""
        return len(self._deferred) < self._most_deferred and self._deferred_bytes < _MOST_DEFERRED_BYTES

    def _set_aside_old(self, delivery: Delivery) -> bool:
        """Before a flood of old messages is read one by one, live ones wait behind it."""
        message = delivery.message
        if not self._age_us or not self.may_defer:
            return False
        if not looks_old(message.payload, message.received_us - self._age_us):
            return False
        self.defer([delivery])
        if len(self._deferred) == 1:
            self._woken.set()
        return True

    def defer(self, deliveries: Sequence[Delivery]) -> None:
        """Put aside what a live batch turned out to hold of backlog."""
        self._deferred.extend(deliveries)
        self._deferred_bytes += sum(len(delivery.message.payload) for delivery in deliveries)

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Tell the broker that these are stored."""
        ack(deliveries)

    def took(self, batch: Batch, seconds: float) -> None:
        """How long the batch was worked on."""
        if batch.lane == "live":
            self._last_live_s = time.monotonic()
        else:
            self._last_backlog_s = time.monotonic()
            self._pace.took(batch.size_bytes, seconds)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send at most once, now; used for application acks, which devices ask for again by resending."""
        self._live.publish(topic, payload)

    @property
    def waiting(self) -> int:
        """Live messages received and not yet in a batch."""
        return self._live.waiting

    @property
    def backlog_waiting(self) -> int:
        """Old messages received and not yet in a batch."""
        return self._backlog.waiting + len(self._deferred)

    def close(self) -> None:
        """No more waiting for messages: `next_batch` returns what is left, then nothing."""
        self._closing = True
        self._live.close()
        self._backlog.close()
        self._woken.set()

    async def leave(self) -> None:
        """End both sessions, as the settings say."""
        await self._live.leave()
        await self._backlog.leave()
