"""Who rates whom, until when, and when it is seen: pure decisions.

Neither side reads the other's rating before it has given its own, or the time for that is over:
nobody rates in revenge, and nobody trades five stars for five.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden
from platform_api.orders.rules import OrderSnapshot, OrderStatus, dispatcher_of

RATE_WITHIN = timedelta(days=14)
# A rating that others have read does not change under them.
CHANGE_WITHIN = timedelta(hours=48)
DONE = frozenset({OrderStatus.COMPLETED, OrderStatus.RESOLVED})


class Side(StrEnum):
    CUSTOMER = "customer"
    CARRIER = "carrier"


@dataclass(frozen=True, slots=True)
class Pairing:
    """Who rates whom; ids of parties."""

    side: Side
    rater_id: UUID
    rated_id: UUID


def pairing(order: OrderSnapshot, actor: Actor) -> Pairing:
    """The carrier and whoever runs the order rate each other. Raises Forbidden `not_your_order`."""
    dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
    if order.carrier_id is not None and actor.party_id == dispatcher:
        return Pairing(Side.CUSTOMER, dispatcher, order.carrier_id)
    if actor.party_id == order.carrier_id:
        return Pairing(Side.CARRIER, order.carrier_id, dispatcher)
    raise Forbidden("not_your_order", "Only who ran this order and its carrier rate each other.")


def check_ratable(status: OrderStatus, done_at: datetime | None, now: datetime) -> datetime:
    """Until when. Raises Conflict `order_not_done`, `rating_too_late`."""
    if status not in DONE or done_at is None:
        raise Conflict("order_not_done", f"An order that is {status} cannot be rated yet.", status=status)
    until = done_at + RATE_WITHIN
    if now > until:
        raise Conflict("rating_too_late", "An order can be rated for 14 days.")
    return until


def shown_at(until: datetime, *, other_has_rated: bool, now: datetime) -> datetime:
    return now if other_has_rated else until


def check_changeable(created_at: datetime, shown_at: datetime, now: datetime) -> None:
    if now >= shown_at or now > created_at + CHANGE_WITHIN:
        raise Conflict("rating_fixed", "A rating can be changed for 48 hours, until the other side reads it.")
