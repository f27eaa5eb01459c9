"""One viewer of one inbox: what is new in it or has changed, as it stands in the database.

Messages of the channel only say which alerts to look at. The inbox is read with the token's account as it is
then, so whoever was signed out or left his organisation reads nothing more, and what a lost message would have
told is found by the next look.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import WebSocket
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.alerts import repository
from platform_api.alerts.schemas import AlertOut
from platform_api.languages import Language
from platform_api.tracking import live_socket
from platform_api.tracking.hub import LiveHub
from platform_api.tracking.live_socket import RESTART, Closing, LiveSocket, ignore_frame
from platform_api.tracking.outbox import Message
from platform_api.tracking.times import rfc3339

# Of these newest ones every change is found, whatever became of its message.
WATCHED = 200
# Open ones in a snapshot; `open` says how many there are.
MAX_IN_SNAPSHOT = 50
# Named by messages and not looked at yet; beyond, a snapshot tells more for less.
MAX_PENDING = 500
# Alerts come in bursts: one look for all of a burst.
GATHER_S = 0.1


@dataclass(frozen=True, slots=True)
class Seen:
    """Alerts of a party as they stand, oldest told first; `counts`: its open ones by severity."""

    party_id: UUID
    alerts: list[AlertOut]
    counts: Mapping[str, int]


Look = Callable[[Collection[int] | None], Awaitable[Seen]]


def look(session: Session, actor: Actor, language: Language, ids: Collection[int] | None) -> Seen:
    """These of the actor's inbox; `ids` None: the newest WATCHED."""
    if ids is None:
        rows = repository.newest(session, actor, WATCHED)
    else:
        rows = repository.of_ids(session, actor, ids)
    counts = repository.open_counts(session, actor)
    return Seen(actor.party_id, [AlertOut.of(row, language) for row in rows], counts)


class AlertViewer:
    """A `hub.AlertListener`."""

    def __init__(
        self, websocket: WebSocket, hub: LiveHub, look: Look, party_id: UUID, *, expires_at: datetime
    ) -> None:
        self._socket = LiveSocket(websocket, expires_at=expires_at)
        self._hub = hub
        self._look = look
        self._party_id = party_id
        self._expires_at = expires_at
        self._snapshot_due = True
        self._pending: set[int] = set()
        # Alert -> how it stood when it was told, or was in a snapshot.
        self._told: dict[int, tuple[object, ...]] = {}
        self._next_look = 0.0

    async def run(self) -> None:
        """Until the viewer leaves; raises Closing, PlatformError."""
        try:
            await self._hub.listen_to_party(self, self._party_id)
            # First the subscription, then the snapshot: what happens in between is in both, and not in neither.
            self._socket.recheck_due = True
            await self._socket.serve(recheck=self._recheck, on_frame=ignore_frame)
        finally:
            await self._hub.leave(self)

    async def _recheck(self) -> None:
        if self._pending:
            await asyncio.sleep(GATHER_S)
        pending, self._pending = self._pending, set()
        loop_time = asyncio.get_running_loop().time()
        if self._snapshot_due:
            self._snapshot_due = False
            await self._send_snapshot(await self._see(None))
            self._next_look = loop_time + live_socket.RECHECK_S
        if pending:
            await self._send_changed(await self._see(pending))
        if loop_time >= self._next_look:
            self._next_look = loop_time + live_socket.RECHECK_S
            seen = await self._see(None)
            await self._send_changed(seen)
            self._told = {alert.id: _stamp(alert) for alert in seen.alerts}

    async def _see(self, ids: Collection[int] | None) -> Seen:
        seen = await self._look(ids)
        if seen.party_id != self._party_id:
            raise Closing(RESTART, "party_changed")
        return seen

    async def _send_snapshot(self, seen: Seen) -> None:
        self._told = {alert.id: _stamp(alert) for alert in seen.alerts}
        shown = [alert for alert in seen.alerts if _is_open(alert)][-MAX_IN_SNAPSHOT:]
        await self._socket.send(
            {
                "type": "snapshot",
                "open": sum(seen.counts.values()),
                "by_severity": dict(seen.counts),
                "alerts": [alert.model_dump(mode="json") for alert in shown],
                "token_expires_at": rfc3339(self._expires_at),
            }
        )

    async def _send_changed(self, seen: Seen) -> None:
        for alert in seen.alerts:
            stamp = _stamp(alert)
            if self._told.get(alert.id) != stamp:
                self._told[alert.id] = stamp
                await self._socket.send(_message(alert, seen.counts))

    def on_alerts(self, published: dict[str, Any]) -> None:
        ids = published.get("ids")
        if ids is None or len(self._pending) + len(ids) > MAX_PENDING:
            self.on_gap()
            return
        self._pending.update(ids)
        self._socket.recheck_soon()

    def on_gap(self) -> None:
        self._snapshot_due = True
        self._pending.clear()
        self._socket.recheck_soon()


def _message(alert: AlertOut, counts: Mapping[str, int]) -> Message:
    return {"type": "alert", "open": sum(counts.values()), "alert": alert.model_dump(mode="json")}


def _is_open(alert: AlertOut) -> bool:
    return alert.acknowledged_at is None and alert.withdrawn_at is None


def _stamp(alert: AlertOut) -> tuple[object, ...]:
    """What is different after every change."""
    return alert.revision, alert.acknowledged_at, alert.withdrawn_at, alert.ended_at
