"""A driver's phone over WebSocket: its frames become MQTT messages of its own device, acks come back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec
from fastapi import WebSocket

from brokers.relay import DeviceRelay, RelayUnavailable
from config.logging import get_logger
from config.settings import Settings
from platform_api.tracking.frames import MAX_REFUSED, FrameBudget, Refused, check_frame
from platform_api.tracking.live_socket import RESTART, TOO_MANY, TOO_SLOW, Closing, LiveSocket
from platform_api.tracking.outbox import Message, Overflow
from platform_api.tracking.times import rfc3339

log = get_logger(__name__)

FindPhone = Callable[[], Awaitable[str]]


class DriverUplink:
    """`ack` tells what is stored, never what was merely received; without one the phone sends again."""

    def __init__(
        self,
        websocket: WebSocket,
        relay: DeviceRelay,
        find_phone: FindPhone,
        uid: str,
        settings: Settings,
        *,
        expires_at: datetime,
    ) -> None:
        self._socket = LiveSocket(websocket, expires_at=expires_at)
        self._relay = relay
        self._find_phone = find_phone
        self._uid = uid
        self._settings = settings
        self._expires_at = expires_at
        self._budget = FrameBudget(asyncio.get_running_loop().time())
        self._refused = 0
        self._overflown = False

    async def run(self) -> None:
        """Until the phone leaves; raises Closing, or RelayUnavailable when the broker cannot be reached."""
        try:
            await self._relay.join(self._uid, self._on_ack)
            await self._socket.send(self._hello())
            await self._socket.serve(recheck=self._recheck, on_frame=self._on_frame)
        finally:
            await self._relay.leave(self._uid, self._on_ack)

    def _hello(self) -> Message:
        return {
            "type": "hello",
            "device_uid": self._uid,
            "max_frame_bytes": self._settings.max_payload_bytes,
            "max_pings_per_frame": self._settings.max_pings_per_message,
            "token_expires_at": rfc3339(self._expires_at),
        }

    async def _recheck(self) -> None:
        if self._overflown:
            raise Closing(TOO_SLOW, "too_slow")
        if await self._find_phone() != self._uid:
            raise Closing(RESTART, "phone_replaced", {"type": "error", "code": "phone_replaced",
                "detail": "Another phone is registered now. Connect again."})  # fmt: skip

    async def _on_frame(self, frame: dict[str, Any]) -> None:
        refused = await self._forward(frame.get("text"))
        if refused is None:
            self._refused = 0
            return
        self._refused += 1
        if self._refused >= MAX_REFUSED:
            raise Closing(TOO_MANY, "too_many_bad_frames")
        self._tell({"type": "error", "code": refused.code, "detail": refused.detail})

    async def _forward(self, text: str | None) -> Refused | None:
        if not self._budget.take(asyncio.get_running_loop().time()):
            return Refused("too_many_frames", "Slow down: put several pings into one frame.")
        body = check_frame(
            text,
            max_bytes=self._settings.max_payload_bytes,
            max_pings=self._settings.max_pings_per_message,
        )
        if isinstance(body, Refused):
            return body
        try:
            await self._relay.publish(self._uid, body)
        except RelayUnavailable as error:
            log.warning("frame not forwarded", device_uid=self._uid, error=str(error))
            return Refused("broker_unavailable", "Not taken; keep the pings and send them again.")
        return None

    def _on_ack(self, payload: bytes) -> None:
        try:
            ack = msgspec.json.decode(payload, type=dict[str, Any])
        except msgspec.DecodeError as error:
            log.error("application ack unreadable", device_uid=self._uid, error=str(error))
            return
        self._tell({"type": "ack", "seq": ack.get("seq"), "ranges": ack.get("ranges", [])})

    def _tell(self, message: Message) -> None:
        try:
            self._socket.outbox.add_event(message)
        except Overflow:
            self._overflown = True
            self._socket.recheck_due = True
        self._socket.wake()
