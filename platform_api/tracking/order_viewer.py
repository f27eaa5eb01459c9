"""One viewer of one order: passes on what is this order's business, for as long as it is."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from fastapi import WebSocket

from config import clock
from platform_api.orders.rules import DEALINGS
from platform_api.tracking import rules
from platform_api.tracking.hub import LiveHub
from platform_api.tracking.live_socket import NORMAL, TOO_SLOW, Closing, LiveSocket, ignore_frame
from platform_api.tracking.outbox import Message, Overflow
from platform_api.tracking.presenters import going_on_json, position_json
from platform_api.tracking.service import View
from platform_api.tracking.times import rfc3339

LoadView = Callable[[], Awaitable[View]]


class OrderViewer:
    """A `hub.Listener`. Loads the order anew whenever an order message comes, before sending more.

    Without that the viewer would go on to see the truck's next job.
    """

    def __init__(
        self, websocket: WebSocket, hub: LiveHub, load: LoadView, view: View, *, expires_at: datetime
    ) -> None:
        self._socket = LiveSocket(websocket, expires_at=expires_at)
        self._hub = hub
        self._load = load
        self._expires_at = expires_at
        self._overflown = False
        self._snapshot_due = True
        self._take(view)

    def _take(self, view: View) -> None:
        self._view = view
        self._order = view.order
        self._window = rules.order_window(view.order)
        self._followed = rules.is_followed(view.order, clock.now())

    async def run(self) -> None:
        """Until the viewer leaves; raises Closing when the order is over or the token has expired."""
        try:
            await self._hub.listen(self, self._order.id, self._order.vehicle_id)
            # The view was loaded before the subscription: what happened in between is in this one.
            self._socket.recheck_due = True
            await self._socket.serve(recheck=self._recheck, on_frame=ignore_frame)
        finally:
            await self._hub.leave(self)

    async def _recheck(self) -> None:
        if self._overflown:
            raise Closing(TOO_SLOW, "too_slow")
        before = self._order.vehicle_id
        self._take(await self._load())
        if self._order.vehicle_id != before:
            self._socket.outbox.forget_truck()
            await self._hub.listen(self, self._order.id, self._order.vehicle_id)
        if self._snapshot_due:
            self._snapshot_due = False
            await self._socket.send(self._snapshot())
        if not self._followed:
            self._socket.outbox.forget_truck()
            if not rules.is_waiting(self._order):
                await self._finish()

    async def _finish(self) -> None:
        while (message := self._socket.outbox.pop()) is not None:
            await self._socket.send(message)
        last = {"type": "end", "status": self._order.status, "detail": "The order is no longer under way."}
        raise Closing(NORMAL, "order_finished", last)

    def _snapshot(self) -> Message:
        window = self._window
        return {
            "type": "snapshot",
            "order_id": str(self._order.id),
            "status": self._order.status,
            "live": self._followed,
            "vehicle_id": self._order.vehicle_id,
            "assigned_at": rfc3339(window.start) if window else None,
            "position": position_json(self._view.position),
            "intervals": [going_on_json(interval) for interval in self._view.going_on],
            "token_expires_at": rfc3339(self._expires_at),
        }

    def on_ping(self, published: dict[str, Any]) -> None:
        vehicle_id = self._order.vehicle_id
        if not self._followed or self._window is None or vehicle_id is None:
            return
        message = rules.live_ping(published, vehicle_id, self._window, self._view.kinds)
        if message is not None:
            self._socket.outbox.add_ping(message)
            self._socket.wake()

    def on_crossing(self, published: dict[str, Any]) -> None:
        if not self._followed or self._window is None:
            return
        message = rules.live_crossing(published, self._order, self._window)
        if message is not None:
            self._add_event(message)

    def on_interval(self, published: dict[str, Any]) -> None:
        vehicle_id = self._order.vehicle_id
        if not self._followed or self._window is None or vehicle_id is None:
            return
        message = rules.live_interval(published, vehicle_id, self._window, self._view.kinds)
        if message is None:
            return
        if self._socket.outbox.add_interval(message):
            self._socket.wake()
        else:
            self.on_gap()

    def on_order(self, published: dict[str, Any]) -> None:
        if published.get("type") == "eta":
            self._on_eta(published)
            return
        # What carriers ask is between them and who runs the order.
        if published.get("action") in DEALINGS and not self._view.dispatches:
            return
        self._add_event(rules.live_order(published))
        self._socket.recheck_soon()

    def _on_eta(self, published: dict[str, Any]) -> None:
        """Of the order nothing has changed: there is nothing to load anew."""
        if self._followed:
            self._add_event({key: value for key, value in published.items() if key != "order_id"})

    def on_gap(self) -> None:
        self._snapshot_due = True
        self._socket.recheck_soon()

    def _add_event(self, message: Message) -> None:
        try:
            self._socket.outbox.add_event(message)
        except Overflow:
            self._overflown = True
            self._socket.recheck_due = True
        self._socket.wake()
