"""Links that show one order to somebody without an account: what they show, and when. Pure.

The truck is shown only while it carries this order: from its arrival at the pickup (or the confirmed loading) to
the delivery, and only positions of that time and of the vehicle that is on the order then. Neither its way to the
pickup nor what it does afterwards is the consignee's business.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.orders.rules import OrderStatus
from platform_api.tracking.rules import Window

# 192 random bits: nobody finds one by trying.
TOKEN_BYTES = 24
MAX_TOKEN_CHARS = 64
DEFAULT_LIFE = timedelta(days=30)
MAX_LIFE = timedelta(days=90)
MAX_LINKS = 20  # of one order, alive

S = OrderStatus
_OVER = frozenset({S.COMPLETED, S.RESOLVED, S.CANCELLED})
_CARRIED = frozenset({S.PICKUP_PENDING, S.PICKED_UP, S.IN_TRANSIT})


class Stage(StrEnum):
    """What a consignee is told; disputes are not his business."""

    PLANNED = "planned"
    ASSIGNED = "assigned"
    LOADING = "loading"
    IN_TRANSIT = "in_transit"
    ARRIVED = "arrived"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Journey:
    """The part of an order that decides what is shown; event times, aware UTC.

    `crew_since`: since when the present vehicle is on it.
    """

    status: OrderStatus
    vehicle_id: int | None = None
    crew_since: datetime | None = None
    arrived_pickup_at: datetime | None = None
    picked_up_at: datetime | None = None
    arrived_delivery_at: datetime | None = None
    delivered_at: datetime | None = None


def check_new(status: OrderStatus, *, alive: int) -> None:
    """Raises Conflict `order_over`, `too_many_links`."""
    if status in _OVER:
        raise Conflict("order_over", f"An order that is {status} needs no link.", status=status)
    if alive >= MAX_LINKS:
        raise Conflict("too_many_links", f"An order has at most {MAX_LINKS} links.", most=MAX_LINKS)


def check_manages(*, customer_side: bool) -> None:
    """Raises Forbidden `not_your_order` unless the order is the actor's customer side."""
    if not customer_side:
        raise Forbidden("not_your_order", "Only the shipper of this order may share it.")


def expiry(wanted: datetime | None, now: datetime) -> datetime:
    """Raises Invalid `link_expiry`."""
    if wanted is None:
        return now + DEFAULT_LIFE
    if not now < wanted <= now + MAX_LIFE:
        raise Invalid("link_expiry", f"A link lives at most {MAX_LIFE.days} days, and not into the past.")
    return wanted


def is_alive(*, expires_at: datetime, revoked_at: datetime | None, now: datetime) -> bool:
    return revoked_at is None and now < expires_at


def stage_of(journey: Journey) -> Stage:
    status = journey.status
    if status is S.CANCELLED:
        return Stage.DELIVERED if journey.delivered_at else Stage.CANCELLED
    if status in (S.DELIVERED, S.COMPLETED, S.DISPUTED, S.RESOLVED):
        return Stage.DELIVERED
    if status in (S.PICKED_UP, S.IN_TRANSIT):
        return Stage.ARRIVED if journey.arrived_delivery_at else Stage.IN_TRANSIT
    if status is S.PICKUP_PENDING:
        return Stage.LOADING
    return Stage.ASSIGNED if status is S.ASSIGNED else Stage.PLANNED


def carrying(journey: Journey) -> Window | None:
    """From when on positions of the truck are shown; None = none are."""
    if journey.status not in _CARRIED or journey.vehicle_id is None or journey.crew_since is None:
        return None
    begins = [time for time in (journey.arrived_pickup_at, journey.picked_up_at) if time is not None]
    if not begins or journey.delivered_at is not None:
        return None
    return Window(max(min(begins), journey.crew_since), None)
