"""Wait for a condition with a deadline, never for luck."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PAUSE_S = 0.02
T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline_s: float = 30.0, what: str = "the condition") -> T:
    """Call `condition` until its answer is truthy and return that; AssertionError after the deadline."""
    deadline = time.monotonic() + deadline_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {deadline_s} s for {what}; last answer: {answer!r}")
        time.sleep(PAUSE_S)


async def wait_until_async(
    condition: Callable[[], T | Awaitable[T]], deadline_s: float = 30.0, what: str = "the condition"
) -> T:
    """The same inside an event loop; `condition` may be a coroutine function."""
    deadline = time.monotonic() + deadline_s
    while True:
        answer = condition()
        result = await answer if inspect.isawaitable(answer) else answer
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {deadline_s} s for {what}; last answer: {result!r}")
        await asyncio.sleep(PAUSE_S)
