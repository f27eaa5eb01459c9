"""What waits to be sent to one live viewer: bounded, so that a slow one costs itself and nobody else."""

from collections import deque
from typing import Any

MAX_QUEUED_PINGS = 200
# Crossings and order changes come by the handful; this many unread means nobody is reading.
MAX_QUEUED_EVENTS = 500
# A day's backlog may revise as many at once; a snapshot says what goes on as well.
MAX_QUEUED_INTERVALS = 200

Message = dict[str, Any]


class Overflow(Exception):
    """More undroppable messages wait than a living client would leave unread."""


class Outbox:
    """First in, first out. Too many pings: the oldest ping goes and is counted. Events always stay.

    Too many intervals: all of them go, and the caller starts anew with a snapshot. One consumer, producers of the
    same event loop; no locks.
    """

    def __init__(
        self,
        max_pings: int = MAX_QUEUED_PINGS,
        max_events: int = MAX_QUEUED_EVENTS,
        max_intervals: int = MAX_QUEUED_INTERVALS,
    ) -> None:
        self._max_pings = max_pings
        self._max_events = max_events
        self._max_intervals = max_intervals
        # Queues with one numbering: dropping the oldest ping is then O(1) too.
        self._pings: deque[tuple[int, Message]] = deque()
        self._events: deque[tuple[int, Message]] = deque()
        self._intervals: deque[tuple[int, Message]] = deque()
        self._next = 0
        self._dropped = 0

    def __len__(self) -> int:
        waiting = len(self._pings) + len(self._events) + len(self._intervals)
        return waiting + (1 if self._dropped else 0)

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

    def add_interval(self, message: Message) -> bool:
        """False when the bound is reached: what waited is forgotten, this one too, and a snapshot is due."""
        if len(self._intervals) >= self._max_intervals:
            self._intervals.clear()
            return False
        self._intervals.append((self._number(), message))
        return True

    def forget_truck(self) -> None:
        """What may no longer be shown of the truck, e.g. because the order has ended."""
        self._pings.clear()
        self._intervals.clear()

    def pop(self) -> Message | None:
        """The next message; how many pings were lost comes before whatever follows the loss."""
        queues = [queue for queue in (self._events, self._intervals, self._pings) if queue]
        first = min(queues, key=lambda queue: queue[0][0], default=None)
        if first is not None and first is not self._pings:
            return first.popleft()[1]
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return {"type": "dropped", "count": dropped}
        return self._pings.popleft()[1] if self._pings else None

    def _number(self) -> int:
        self._next += 1
        return self._next
