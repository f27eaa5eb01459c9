"""The messages a broker owes to one session: sent and not yet acknowledged, then waiting. No I/O."""

from collections import deque
from dataclasses import dataclass
from typing import Final

PACKET_IDS: Final = 65_535
MESSAGE_OVERHEAD_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    qos: int
    retain: bool = False
    # the `$share/group/filter` that brought it here; another member may take it over
    share: str | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.topic) + len(self.payload) + MESSAGE_OVERHEAD_BYTES


@dataclass(frozen=True, slots=True)
class Delivery:
    """One PUBLISH to send now; `packet_id` is None at QoS 0."""

    message: Message
    packet_id: int | None
    duplicate: bool


@dataclass(frozen=True, slots=True)
class OutboxLimits:
    """`max_inflight` unacknowledged messages at a time; of the waiting ones the oldest is dropped first."""

    max_inflight: int
    max_waiting: int
    max_bytes: int  # of waiting and unacknowledged messages together


class Outbox:
    """Survives reconnects of a persistent session: what was not acknowledged is sent again, in order."""

    def __init__(self, limits: OutboxLimits) -> None:
        self.limits = limits
        self.dropped = 0
        self._inflight: dict[int, Message] = {}
        self._resend: deque[int] = deque()
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._last_id = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._resend)

    def offer(self, message: Message, *, online: bool) -> None:
        """Take a message over. QoS 0 for an absent client is not kept (MQTT 3.1.2.4 leaves it to us)."""
        if message.qos == 0 and not online:
            return
        self._waiting.append(message)
        self._bytes += message.size_bytes
        while self._waiting and self._is_over():
            self._bytes -= self._waiting.popleft().size_bytes
            self.dropped += 1

    def _is_over(self) -> bool:
        return len(self._waiting) > self.limits.max_waiting or self._bytes > self.limits.max_bytes

    def next(self) -> Delivery | None:
        """The next message to send; None when nothing waits or the window is full."""
        while self._resend:
            packet_id = self._resend.popleft()
            if packet_id in self._inflight:
                return Delivery(self._inflight[packet_id], packet_id, duplicate=True)
        if not self._waiting:
            return None
        if self._waiting[0].qos == 0:
            message = self._waiting.popleft()
            self._bytes -= message.size_bytes
            return Delivery(message, None, duplicate=False)
        if len(self._inflight) >= self.limits.max_inflight:
            return None
        message = self._waiting.popleft()
        packet_id = self._free_id()
        self._inflight[packet_id] = message
        return Delivery(message, packet_id, duplicate=False)

    def acknowledged(self, packet_id: int) -> bool:
        """The client has it. False for an id that is not in flight."""
        message = self._inflight.pop(packet_id, None)
        if message is None:
            return False
        self._bytes -= message.size_bytes
        return True

    def reconnected(self) -> None:
        """The client is back: all that is in flight goes out again first, in its old order."""
        self._resend = deque(self._inflight)

    def disconnected(self) -> None:
        """The client is away: QoS 0 that still waits is dropped."""
        kept = deque(message for message in self._waiting if message.qos > 0)
        self._bytes -= sum(message.size_bytes for message in self._waiting if message.qos == 0)
        self._waiting = kept

    def unacknowledged(self) -> list[Message]:
        """All QoS 1 messages still owed, oldest first."""
        return [*self._inflight.values(), *(message for message in self._waiting if message.qos > 0)]

    def _free_id(self) -> int:
        """A packet id not in flight; there is one, because `max_inflight` is below their number."""
        packet_id = self._last_id
        while True:
            packet_id = packet_id % PACKET_IDS + 1
            if packet_id not in self._inflight:
                self._last_id = packet_id
                return packet_id
