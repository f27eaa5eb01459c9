"""Writing an order's history: the row, the status it brings, and the live message after the commit."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from config.database import after_commit
from config.logging import get_logger
from config.redis import order_channel, sync_redis
from platform_api.actor import Actor
from platform_api.orders.models import Order, OrderHistory
from platform_api.orders.rules import DEALINGS, UNDERWAY, Action, OrderStatus, dispatcher_of
from platform_api.watch import repository as watch
from platform_api.webhooks.emitting import emit
from platform_api.webhooks.rules import EventType

log = get_logger(__name__)

_SINCE_DEPARTURE = UNDERWAY - {OrderStatus.ASSIGNED, OrderStatus.PICKUP_PENDING} | {OrderStatus.DELIVERED}


def record(
    session: Session,
    order: Order,
    action: Action,
    *,
    now: datetime,
    to_status: OrderStatus | None = None,
    event_time: datetime | None = None,
    actor: Actor | None = None,
    crossing_id: int | None = None,
    by_geofence: bool = False,
    evidence: dict[str, Any] | None = None,
) -> None:
    """Append a row, move `order.status` to `to_status` (None = it stays) and tell live viewers.

    The actor is a person if given, else a geofence or the system.
    """
    before = order.status
    order.status = to_status or before
    order.updated_at = now
    order.version += 1
    when = event_time or now
    session.add(
        OrderHistory(
            order_id=order.id,
            action=action,
            from_status=before,
            to_status=order.status,
            actor_kind="person" if actor else "geofence" if by_geofence else "system",
            actor_id=actor.user_id if actor else None,
            party_id=actor.party_id if actor else None,
            crossing_id=crossing_id,
            event_time=when,
            evidence=evidence or {},
        )
    )
    message = {
        "order_id": str(order.id),
        "status": str(order.status),
        "action": str(action),
        "event_time": when.isoformat(),
    }
    after_commit(session, lambda: _publish(order.id, message))
    if _SINCE_DEPARTURE & {before, order.status}:
        # Its journey began or ended at another time than was known.
        watch.mark_due(session, order.id, now)
    _tell_systems(session, order, action, message, now)


def _tell_systems(
    session: Session, order: Order, action: Action, message: dict[str, str], now: datetime
) -> None:
    """Webhooks of the parties. What carriers ask is sealed: only who runs the order hears of it."""
    if action in DEALINGS:
        dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
        emit(session, {dispatcher}, EventType.BID_CHANGED, message, now=now)
    else:
        parties = {order.shipper_id, order.broker_id, order.carrier_id}
        emit(session, parties, EventType.ORDER_CHANGED, message, now=now)


def _publish(order_id: UUID, message: dict[str, str]) -> None:
    try:
        sync_redis().publish(order_channel(order_id), json.dumps(message))
    except RedisError as error:
        # The history row is the truth; a viewer that missed the message reads it on its next connect.
        log.warning("live message not sent", order_id=str(order_id), error=str(error))
