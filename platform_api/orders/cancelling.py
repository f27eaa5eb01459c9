"""What calling an order off costs, and who may give one back: pure decisions.

Free before the award. After it a truck has turned work away and is perhaps on its way or waiting: the shipper
owes the carrier a share of the agreed price, more once the truck has arrived. A carrier may give an assigned
order back until the goods are on the truck; the order returns to the market and the carrier's record keeps it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.orders.rules import OrderSnapshot, OrderStatus

S = OrderStatus
# The order is back on the market at least this long, that somebody else can take it.
SECOND_CHANCE = timedelta(hours=24)
# By the system: nobody took it in time.
EXPIRED = "expired"


class CancelReason(StrEnum):
    GOODS_NOT_READY = "goods_not_ready"
    NO_LONGER_NEEDED = "no_longer_needed"
    WRONG_DETAILS = "wrong_details"
    PRICE = "price"
    FOUND_ELSEWHERE = "found_elsewhere"
    CARRIER_LATE = "carrier_late"
    CARRIER_UNREACHABLE = "carrier_unreachable"
    OTHER = "other"  # with words


class WithdrawalReason(StrEnum):
    BREAKDOWN = "breakdown"
    ACCIDENT = "accident"
    DRIVER_UNAVAILABLE = "driver_unavailable"
    OVERBOOKED = "overbooked"
    PRICE_MISTAKE = "price_mistake"
    GOODS_DIFFER = "goods_differ"
    WAITED_TOO_LONG = "waited_too_long"
    SHIPPER_UNREACHABLE = "shipper_unreachable"
    OTHER = "other"  # with words


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """Percentages of the agreed price, and least amounts in XOF."""

    assigned_pct: int
    assigned_min_xof: int
    arrived_pct: int
    arrived_min_xof: int


@dataclass(frozen=True, slots=True)
class Cost:
    """`free_because` None = `amount_xof` is owed; amounts in XOF."""

    stage: Literal["not_awarded", "assigned", "arrived"]
    amount_xof: int = 0
    percent: int = 0
    minimum_xof: int = 0
    agreed_xof: int | None = None
    free_because: Literal["not_awarded", "carrier_late", "no_fee"] | None = None


def check_reason(reason: StrEnum, words: str) -> None:
    """Raises Invalid `reason_needed` where the code alone says nothing."""
    if reason == "other" and not words:
        raise Invalid("reason_needed", "Say why, in words.")


def cost_of_cancelling(
    order: OrderSnapshot,
    terms: FeeTerms,
    *,
    agreed_xof: int | None,
    arrived_pickup_at: datetime | None,
    pickup_closes_at: datetime | None,
    now: datetime,
) -> Cost:
    """What the shipper's side owes the carrier if it cancels now; never more than the agreed price.

    A truck that has not come before the pickup window closed is owed nothing.
    """
    if order.carrier_id is None or agreed_xof is None:
        return Cost("not_awarded", free_because="not_awarded")
    arrived = arrived_pickup_at is not None
    percent, minimum = (
        (terms.arrived_pct, terms.arrived_min_xof)
        if arrived
        else (terms.assigned_pct, terms.assigned_min_xof)
    )
    if not arrived and pickup_closes_at is not None and pickup_closes_at < now:
        return Cost("assigned", 0, percent, minimum, agreed_xof, "carrier_late")
    share = (agreed_xof * percent + 50) // 100
    amount = min(max(share, minimum), agreed_xof)
    stage: Literal["assigned", "arrived"] = "arrived" if arrived else "assigned"
    return Cost(stage, amount, percent, minimum, agreed_xof, None if amount else "no_fee")


def withdraw(order: OrderSnapshot, actor: Actor) -> None:
    """Raises unless the carrier gives back an order whose goods are not on its truck."""
    if order.carrier_id is None or (actor.party_id != order.carrier_id and not actor.is_administrator):
        raise Forbidden("not_your_load", "Only the carrier of this order may give it back.")
    if order.status not in (S.ASSIGNED, S.PICKUP_PENDING):
        raise Conflict(
            "order_not_withdrawable",
            f"An order that is {order.status} cannot be given back.",
            status=order.status,
        )


def expiry_after_withdrawal(expires_at: datetime | None, now: datetime) -> datetime:
    """When it leaves the market now."""
    soonest = now + SECOND_CHANCE
    return soonest if expires_at is None else max(expires_at, soonest)
