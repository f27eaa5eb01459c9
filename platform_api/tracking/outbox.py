"""What waits to be sent to one live viewer: bounded, so that a slow one costs itself and nobody else."""

from collections import deque
from typing import Any

MAX_QUEUED_PINGS = 200
# Crossings and order changes come by the handful; this many unread means nobody is reading.
MAX_QUEUED_EVENTS = 500

Message = dict[str, Any]


class Overflow(Exception):
    """More undroppable messages wait than a living client would leave unread."""


class Outbox:
    """First in, first out. Too many pings: the oldest ping goes and is counted. Events always stay.

    One consumer, producers of the same event loop; no locks.
    """

    def __init__(self, max_pings: int = MAX_QUEUED_PINGS, max_events: int = MAX_QUEUED_EVENTS) -> None:
        self._max_pings = max_pings
        self._max_events = max_events
        # Two queues with one numbering: dropping the oldest ping is then O(1) too.
        self._pings: deque[tuple[int, Message]] = deque()
        self._events: deque[tuple[int, Message]] = deque()
        self._next = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._pings) + len(self._events) + (1 if self._dropped else 0)

    def add_ping(self, message: Message) -> None:
        if len(self._pings) >= self._max_pings:
            self._pings.popleft()
            self._dropped += 1
        self._pings.append((self._number(), message))

    def add_event(self, message: Message) -> None:
        """Raises Overflow when the bound is reached."""
        if len(self._events) >= self._max_events:
            raise Overflow
        self._events.append((self._number(), message))

    def forget_pings(self) -> None:
        """Positions that may no longer be shown, e.g. because the order has ended."""
        self._pings.clear()

    def pop(self) -> Message | None:
        """The next message; how many pings were lost comes before whatever follows the loss."""
        events_first = self._events and (not self._pings or self._events[0][0] < self._pings[0][0])
        if events_first:
            return self._events.popleft()[1]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return {"type": "dropped", "count": dropped}
        return self._pings.popleft()[1] if self._pings else None

    def _number(self) -> int:
        self._next += 1
        return self._next
