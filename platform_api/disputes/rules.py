"""Who may dispute what when, and what a verdict brings: pure decisions."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.orders.rules import OrderSnapshot, OrderStatus, dispatcher_of

MAX_FILES_A_MESSAGE = 10
MAX_MESSAGES = 200


class Reason(StrEnum):
    DAMAGED = "damaged"
    MISSING = "missing"
    LATE = "late"
    WRONG_PLACE = "wrong_place"
    NOT_DELIVERED = "not_delivered"
    PRICE = "price"
    WAITING = "waiting"
    OTHER = "other"


class Side(StrEnum):
    """The shipper and his freight broker are one side, the carrier the other."""

    CUSTOMER = "customer"
    CARRIER = "carrier"
    ADMINISTRATOR = "administrator"


class State(StrEnum):
    OPEN = "open"
    IN_REVIEW = "in_review"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    UPHELD = "upheld"
    PARTLY_UPHELD = "partly_upheld"
    REJECTED = "rejected"
    # the whole order is taken back
    ANNULLED = "annulled"
    WITHDRAWN = "withdrawn"


LIVE = frozenset({State.OPEN, State.IN_REVIEW})


def side_of(order: OrderSnapshot, actor: Actor) -> Side:
    """Raises Forbidden `not_your_order`. The driver is no side: his carrier speaks for him."""
    if actor.party_id in (order.shipper_id, order.broker_id):
        return Side.CUSTOMER
    if actor.party_id == order.carrier_id:
        return Side.CARRIER
    if actor.is_administrator:
        return Side.ADMINISTRATOR
    raise Forbidden("not_your_order", "Only the shipper's side and the carrier of this order may do this.")


def check_openable(order: OrderSnapshot, actor: Actor) -> Side:
    """From delivery until completion. Raises Forbidden, Conflict `order_not_disputable`."""
    side = side_of(order, actor)
    if side is Side.ADMINISTRATOR:
        raise Forbidden("not_your_order", "The sides of an order open a dispute; administrators settle it.")
    if order.status is not OrderStatus.DELIVERED:
        raise Conflict(
            "order_not_disputable",
            f"An order that is {order.status} cannot be disputed: only one that was delivered and not completed.",
            status=order.status,
        )
    return side


def check_live(state: State) -> None:
    if state not in LIVE:
        raise Conflict("dispute_closed", "This dispute is closed.")


def check_withdrawable(opened_side: Side, side: Side, state: State) -> bool:
    """True = withdraw it now; False = it was withdrawn before. Raises Forbidden, Conflict."""
    if side is not opened_side:
        raise Forbidden("not_your_dispute", "Only the side that opened the dispute may withdraw it.")
    if state is State.WITHDRAWN:
        return False
    check_live(state)
    return True


def check_reviewer(reviewer_id: UUID | None, actor: Actor) -> None:
    """One administrator looks into it; another takes over by claiming it. Raises Conflict `dispute_claimed`."""
    if reviewer_id is not None and reviewer_id != actor.user_id:
        raise Conflict("dispute_claimed", "Another administrator is looking into this dispute.")


@dataclass(frozen=True, slots=True)
class Refund:
    """XOF that `debtor_id` owes `creditor_id`."""

    debtor_id: UUID
    creditor_id: UUID
    amount_xof: int


@dataclass(frozen=True, slots=True)
class Stakes:
    """XOF; what there was to lose. `agreed_xof`: paid to the carrier, `customer_xof`: to a freight broker,
    `value_xof`: what the goods were declared to be worth. None = not known."""

    agreed_xof: int | None = None
    customer_xof: int | None = None
    value_xof: int | None = None


def refunds(
    order: OrderSnapshot,
    stakes: Stakes,
    outcome: Outcome,
    *,
    refund_xof: int | None,
    customer_refund_xof: int | None,
) -> list[Refund]:
    """Who gives back what. `refund_xof`: between carrier and whoever runs the order; `customer_refund_xof`: from
    a freight broker to his customer.

    Raises Invalid `refund_without_reason` when nothing was upheld, `no_broker`, `refund_too_large`.
    """
    given = [amount for amount in (refund_xof, customer_refund_xof) if amount]
    if given and outcome not in (Outcome.UPHELD, Outcome.PARTLY_UPHELD, Outcome.ANNULLED):
        raise Invalid("refund_without_reason", "A dispute that is rejected gives nothing back.")
    found = []
    dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
    if refund_xof and order.carrier_id is not None:
        _check_amount(refund_xof, stakes.agreed_xof, stakes.value_xof)
        found.append(Refund(order.carrier_id, dispatcher, refund_xof))
    if customer_refund_xof:
        if order.broker_id is None or order.broker_id == order.shipper_id:
            raise Invalid("no_broker", "This order has no freight broker between shipper and carrier.")
        _check_amount(customer_refund_xof, stakes.customer_xof, stakes.value_xof)
        found.append(Refund(order.broker_id, order.shipper_id, customer_refund_xof))
    return found


def _check_amount(amount_xof: int, price_xof: int | None, value_xof: int | None) -> None:
    """Nobody gives back more than he was paid and the goods were declared to be worth: a zero too many."""
    if price_xof is None:
        return
    limit = price_xof + (value_xof or 0)
    if amount_xof > limit:
        raise Invalid(
            "refund_too_large",
            f"At most {limit} XOF: the freight and the declared value of the goods.",
            limit=limit,
        )


def status_after(outcome: Outcome) -> OrderStatus:
    return OrderStatus.CANCELLED if outcome is Outcome.ANNULLED else OrderStatus.RESOLVED
