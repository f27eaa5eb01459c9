"""What both tracking sockets share: sending with a bound, heartbeat, token expiry, and how they close."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from fastapi import WebSocket, WebSocketDisconnect

from config import clock
from platform_api.errors import Forbidden, NotFound, PlatformError, TooMany, Unauthorised
from platform_api.tracking.outbox import Message, Outbox
from platform_api.tracking.times import rfc3339

HEARTBEAT_S = 20.0
# A client that takes longer for one message than this is gone or not reading.
SEND_TIMEOUT_S = 30.0
# How often account, order and device are looked up again, in case a message about them was lost.
RECHECK_S = 30.0

NORMAL = 1000
RESTART = 1012
TRY_AGAIN_LATER = 1013
UNAUTHORISED = 4401
FORBIDDEN = 4403
NOT_FOUND = 4404
TOO_SLOW = 4408
TOO_MANY = 4429

_CODES: tuple[tuple[type[PlatformError], int], ...] = (
    (Unauthorised, UNAUTHORISED),
    (Forbidden, FORBIDDEN),
    (NotFound, NOT_FOUND),
    (TooMany, TOO_MANY),
)


class Closing(Exception):
    """Ends the socket: `message` is sent first when there is one, then the close frame."""

    def __init__(self, code: int, reason: str, message: Message | None = None) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
        self.message = message


def closing_for(error: PlatformError) -> Closing:
    """The same refusal that HTTP would give, as an `error` message and a close code."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), TRY_AGAIN_LATER)
    return Closing(code, error.code, {"type": "error", "code": error.code, "detail": error.detail})


class LiveSocket:
    """One accepted WebSocket with its outbox. One task writes; `wake` may be called from callbacks."""

    def __init__(self, websocket: WebSocket, *, expires_at: datetime) -> None:
        self.websocket = websocket
        self.outbox = Outbox()
        self.recheck_due = False
        self._expires_at = expires_at
        self._wake = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._next_heartbeat = loop.time() + HEARTBEAT_S
        self._next_recheck = loop.time() + RECHECK_S

    def wake(self) -> None:
        self._wake.set()

    def recheck_soon(self) -> None:
        self.recheck_due = True
        self._wake.set()

    async def serve(
        self,
        *,
        recheck: Callable[[], Awaitable[None]],
        on_frame: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        """Until the client leaves (returns) or something ends the socket (raises Closing).

        `recheck` runs in the writer, before anything queued is sent, whenever it is due.
        """
        reader = asyncio.create_task(self._read(on_frame), name="socket reader")
        reader.add_done_callback(lambda _: self._wake.set())
        try:
            while not reader.done():
                self._wake.clear()
                await self._turn(recheck)
                await self._sleep()
            if isinstance(reader.exception(), Closing):
                await self._drain()  # what was said before the end
            await reader
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, Closing):
                await reader

    async def _turn(self, recheck: Callable[[], Awaitable[None]]) -> None:
        self._stop_when_expired()
        loop_time = asyncio.get_running_loop().time()
        if self.recheck_due or loop_time >= self._next_recheck:
            self.recheck_due = False
            self._next_recheck = loop_time + RECHECK_S
            await recheck()
        await self._drain()
        if loop_time >= self._next_heartbeat:
            self._next_heartbeat = loop_time + HEARTBEAT_S
            await self.send({"type": "heartbeat", "time": rfc3339(clock.now())})

    async def _drain(self) -> None:
        while not self.recheck_due and (message := self.outbox.pop()) is not None:
            await self.send(message)
            self._stop_when_expired()

    def _stop_when_expired(self) -> None:
        if clock.now() >= self._expires_at:
            raise closing_for(
                Unauthorised("token_expired", "This token has expired. Connect with a new one.")
            )

    async def _sleep(self) -> None:
        until_expiry = (self._expires_at - clock.now()).total_seconds()
        due = min(self._next_heartbeat, self._next_recheck) - asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(min(due, until_expiry), 0.0)):
                await self._wake.wait()

    async def send(self, message: Message) -> None:
        """Raises WebSocketDisconnect when the client is gone or does not read."""
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self.websocket.send_text(msgspec.json.encode(message).decode())
        except TimeoutError as error:
            raise WebSocketDisconnect(1006, "the client does not read") from error

    async def _read(self, on_frame: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        while True:
            frame = await self.websocket.receive()
            if frame["type"] == "websocket.disconnect":
                return
            await on_frame(dict(frame))


async def ignore_frame(_: dict[str, Any]) -> None:
    """A viewer has nothing to say; reading on is what notices that it left."""


async def close(websocket: WebSocket, closing: Closing) -> None:
    """Say why, then close; silent when the client is gone already or does not read."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        async with asyncio.timeout(SEND_TIMEOUT_S):
            if closing.message is not None:
                await websocket.send_text(msgspec.json.encode(closing.message).decode())
            await websocket.close(closing.code, closing.reason)
