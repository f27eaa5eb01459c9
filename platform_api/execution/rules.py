"""What the crew confirms on the road: loading and delivery. Pure.

Every function raises a `platform_api.errors` class with a stable code when the answer is no.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.orders.rules import UNDERWAY, OrderSnapshot, OrderStatus

S = OrderStatus

# A phone's clock may run ahead of ours this much when it dates what its driver confirmed.
MAX_CLOCK_AHEAD = timedelta(minutes=5)
# Proof of delivery taken this near the fence still counts as taken at it, beside the fix's accuracy.
POD_MARGIN_M = 100.0


def crew_only(order: OrderSnapshot, actor: Actor, what: str) -> None:
    if actor.is_administrator:
        return
    if actor.party_id not in (order.driver_id, order.carrier_id):
        raise Forbidden("not_your_load", f"Only the driver or the carrier of this order may {what}.")


def dated(order: OrderSnapshot, at: datetime | None, now: datetime) -> datetime:
    """When a person says it happened: offline phones tell it late, and never long ahead."""
    time = at or now
    if time > now + MAX_CLOCK_AHEAD:
        raise Invalid("time_in_future", "The time lies in the future.")
    if order.assigned_at is not None and time < order.assigned_at:
        raise Invalid("time_before_assignment", "The time lies before the order was assigned.")
    return time


def status_once_loaded(status: OrderStatus) -> OrderStatus:
    """What the crew's confirmation makes of it; a truck seen leaving stays IN_TRANSIT."""
    return S.PICKED_UP if status in (S.ASSIGNED, S.PICKUP_PENDING) else status


def confirm_loading(
    order: OrderSnapshot, actor: Actor, now: datetime, *, at: datetime | None = None
) -> datetime | None:
    """When the goods were loaded, by the word of the crew; None = confirmed before.

    Allowed before the arrival is known, as its pings may be late, and after the departure was seen,
    as the phone may have been offline.
    """
    crew_only(order, actor, "confirm loading")
    if order.loading_confirmed_at is not None:
        return None
    if order.status not in UNDERWAY:
        raise Conflict(
            "order_not_underway", f"Loading cannot be confirmed while the order is {order.status}."
        )
    return dated(order, at, now)


@dataclass(frozen=True, slots=True)
class Delivery:
    """`flags` say what speaks against the proof; they never refuse it."""

    at: datetime
    flags: tuple[str, ...]


def proof_of_delivery(
    order: OrderSnapshot,
    actor: Actor,
    now: datetime,
    *,
    at: datetime | None = None,
    distance_m: float | None = None,
    accuracy_m: float | None = None,
    seen_at_fence: bool = False,
) -> Delivery | None:
    """The delivery, or None when there is one already.

    `distance_m`: from the phone's fix to the delivery shape (<= 0 inside), None without a fix; then
    `seen_at_fence` says whether the truck's own visits hold the time.
    """
    crew_only(order, actor, "deliver it")
    if order.delivered_at is not None:
        return None
    if order.status not in (S.PICKED_UP, S.IN_TRANSIT):
        raise Conflict("order_not_picked_up", f"An order that is {order.status} cannot be delivered.")
    time = dated(order, at, now)
    if order.loading_confirmed_at is not None and time < order.loading_confirmed_at:
        raise Invalid("time_before_loading", "The time lies before the goods were loaded.")
    if distance_m is None:
        return Delivery(time, () if seen_at_fence else ("not_seen_at_fence",))
    away = distance_m > POD_MARGIN_M + (accuracy_m or 0.0)
    return Delivery(time, ("away_from_fence",) if away else ())
