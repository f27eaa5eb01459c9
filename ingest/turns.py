"""Whose turn it is: live messages first, old ones in the time that is left, and never quite starved. Pure.

A truck's day of backlog must not delay anybody's live position. Live messages wait a moment for company anyway
(`batch_wait_s`); that moment is when a slice of backlog is worked on, no larger than fits into it.
"""

from typing import Final, Literal

import msgspec

# Backlog gets a slice this often even if there are always live messages.
STARVED_S: Final = 0.5
# Without any live message for so long, slices may be larger.
CALM_AFTER_S: Final = 1.0
_SLICE_S: Final = 0.015
_CALM_SLICE_S: Final = 0.06
_FIRST_RATE: Final = 2_000_000.0  # bytes per second, before any slice was timed
# A slice costs some milliseconds whatever is in it; smaller ones would be nearly all cost.
_LEAST_BYTES: Final = 128 * 1024
_WEIGHT: Final = 0.3  # of the newest slice in the estimate of the rate


class Waiting(msgspec.Struct, frozen=True):
    """What waits at one moment; times of time.monotonic()."""

    now_s: float
    live_since_s: float | None  # arrival of the oldest live message
    live_is_full: bool  # enough for a whole batch
    backlog: bool
    last_live_s: float  # end of the last live batch
    last_backlog_s: float  # end of the last slice
    closing: bool = False


class Turn(msgspec.Struct, frozen=True):
    """`wait`: nothing to do for `wait_s` (None = until something arrives); `done`: closing and empty."""

    kind: Literal["live", "backlog", "wait", "done"]
    wait_s: float | None = None


def next_turn(waiting: Waiting, batch_wait_s: float) -> Turn:
    live = waiting.live_since_s is not None
    if waiting.closing:
        return Turn("live" if live else "backlog" if waiting.backlog else "done")
    due_in_s = 0.0
    if waiting.live_since_s is not None and not waiting.live_is_full:
        due_in_s = max(0.0, waiting.live_since_s + batch_wait_s - waiting.now_s)
    starved = waiting.backlog and waiting.now_s - waiting.last_backlog_s >= STARVED_S
    if live and due_in_s == 0.0 and not starved:
        return Turn("live")
    if waiting.backlog:
        return Turn("backlog")
    return Turn("wait", due_in_s if live else None)


class Pace:
    """How much backlog fits into a slice, learned from the slices so far."""

    def __init__(self) -> None:
        self._rate = _FIRST_RATE

    def slice_bytes(self, calm: bool) -> int:
        """`calm`: no live message has come for CALM_AFTER_S."""
        return max(_LEAST_BYTES, int(self._rate * (_CALM_SLICE_S if calm else _SLICE_S)))

    def took(self, size_bytes: int, seconds: float) -> None:
        rate = size_bytes / max(seconds, 0.001)
        self._rate += _WEIGHT * (rate - self._rate)
