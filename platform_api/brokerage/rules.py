"""Who puts an order into a freight broker's hands, and whose yes it takes. Pure, under the order's lock.

A broker sells an order to a customer, who has to consent; or a shipper gives his order to a broker, who
has to take it. Either way before anybody carries it: until then the broker has agreed with nobody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, NotFound, TooMany
from platform_api.orders.rules import GIVEABLE, OrderSnapshot, OrderStatus

# A text goes to the customer of each: more than this a day is no business.
MAX_PROPOSALS_A_DAY = 50
# Whose phone it is need not be registered: without an answer it is not kept for longer.
PROPOSAL_LIFE = timedelta(days=7)


class ProposedBy(StrEnum):
    BROKER = "broker"
    SHIPPER = "shipper"


class BrokerageStatus(StrEnum):
    PROPOSED = "PROPOSED"
    AGREED = "AGREED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    LOST = "LOST"  # the order was given away, cancelled or off the market before


@dataclass(frozen=True, slots=True)
class BrokerageSnapshot:
    """`customer_phone` in E.164, of a customer who need not have registered when he was asked."""

    id: UUID
    broker_id: UUID
    proposed_by: ProposedBy
    customer_id: UUID | None
    customer_phone: str | None
    status: BrokerageStatus
    created_at: datetime


def expiry(created_at: datetime) -> datetime:
    """From then on nobody can agree any more."""
    return created_at + PROPOSAL_LIFE


def is_over(brokerage: BrokerageSnapshot, now: datetime) -> bool:
    """Whether it is still proposed and nobody has answered in time."""
    return brokerage.status is BrokerageStatus.PROPOSED and now >= expiry(brokerage.created_at)


def _before_anybody_carries_it(order: OrderSnapshot) -> None:
    if order.status not in GIVEABLE:
        raise Conflict("order_not_open", f"An order that is {order.status} changes hands no more.")


def sell(order: OrderSnapshot, actor: Actor, *, today: int) -> None:
    """A broker asks a customer to take an order of his own. `today`: how many he asked today."""
    if actor.role is not Role.BROKER or order.broker_id != actor.party_id:
        raise Forbidden("role_not_allowed", "Only the freight broker of this order sells it.")
    if order.shipper_id != order.broker_id:
        raise Conflict("customer_known", "This order has its customer already.")
    _before_anybody_carries_it(order)
    if today >= MAX_PROPOSALS_A_DAY:
        raise TooMany("too_many_proposals", "Too many proposals today. Try again tomorrow.")


def hand_over(order: OrderSnapshot, actor: Actor, *, broker_known: bool) -> None:
    """A shipper asks a freight broker to take his order into his hands."""
    if actor.role is not Role.SHIPPER or order.shipper_id != actor.party_id:
        raise Forbidden("role_not_allowed", "Only the shipper of this order gives it to a broker.")
    if order.broker_id is not None:
        raise Conflict("already_brokered", "This order is in a broker's hands already.")
    _before_anybody_carries_it(order)
    if not broker_known:
        raise NotFound("broker_not_found", "There is no such freight broker.")


def is_asked(brokerage: BrokerageSnapshot, actor: Actor, *, phone: str) -> bool:
    """Whether it is this actor's yes that is waited for. `phone`: the actor's own."""
    if brokerage.proposed_by is ProposedBy.SHIPPER:
        return actor.role is Role.BROKER and actor.party_id == brokerage.broker_id
    if actor.role is not Role.SHIPPER:
        return False
    if brokerage.customer_id is not None:
        return actor.party_id == brokerage.customer_id
    return phone == brokerage.customer_phone


def answer(order: OrderSnapshot, brokerage: BrokerageSnapshot, to: BrokerageStatus, *, now: datetime) -> bool:
    """By whom `is_asked`. True = do it now; False = it was done before."""
    if brokerage.status is to:
        return False
    if brokerage.status is not BrokerageStatus.PROPOSED:
        raise Conflict("brokerage_not_open", f"A proposal that is {brokerage.status} is not open any more.")
    if is_over(brokerage, now):
        raise Conflict("brokerage_not_open", "The time to answer this proposal is over.")
    if to is BrokerageStatus.AGREED:
        _before_anybody_carries_it(order)
    return True


def withdraw(order: OrderSnapshot, brokerage: BrokerageSnapshot, actor: Actor, *, now: datetime) -> bool:
    """By whoever proposed it. True = do it now; False = it was done before."""
    mine = (
        brokerage.broker_id if brokerage.proposed_by is ProposedBy.BROKER else brokerage.customer_id
    ) == actor.party_id
    if not mine:
        raise NotFound("brokerage_not_found", "There is no such proposal.")
    return answer(order, brokerage, BrokerageStatus.WITHDRAWN, now=now)


def shipper_after(order: OrderSnapshot, customer_id: UUID) -> UUID:
    """Whose order it is once agreed. A customer is not his own broker."""
    if order.status is OrderStatus.CANCELLED or customer_id == order.broker_id:
        raise Conflict("order_not_open", "This order cannot be sold to you.")
    return customer_id
