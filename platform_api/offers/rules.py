"""Direct offers: who may offer an order to whom, and what an answer does. Pure, under the order's lock.

Several carriers may be asked at once: the first yes wins. An offer binds who makes it until it is
answered, withdrawn or over.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, NotFound
from platform_api.orders.rules import GIVEABLE, OrderSnapshot, OrderStatus, owner_only

# Asking more carriers than this at once is what the market is for.
MAX_OPEN_OFFERS = 10


class OfferStatus(StrEnum):
    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class OfferSnapshot:
    id: UUID
    carrier_id: UUID
    amount_xof: int
    status: OfferStatus
    created_at: datetime
    expires_at: datetime
    reminded: bool = False


def make_offer(order: OrderSnapshot, actor: Actor, *, carrier_known: bool, open_offers: int) -> None:
    """Raises unless who runs the order offers it to a carrier while nobody has it."""
    owner_only(order, actor, "offer it")
    if order.status not in GIVEABLE:
        raise Conflict("order_not_open", f"An order that is {order.status} cannot be offered.")
    if not carrier_known:
        raise NotFound("carrier_not_found", "There is no such carrier.")
    if open_offers >= MAX_OPEN_OFFERS:
        raise Conflict(
            "too_many_offers", f"At most {MAX_OPEN_OFFERS} carriers are asked at once.", most=MAX_OPEN_OFFERS
        )


def binding_until(*, usual: datetime, order_ends: datetime | None, now: datetime) -> datetime:
    """An offer ends with the order's own time, should that be sooner. Raises Conflict `expiry_over`."""
    until = usual if order_ends is None else min(usual, order_ends)
    if until <= now:
        raise Conflict("expiry_over", "The order's time is over: change it before you offer it.")
    return until


def accept_offer(
    order: OrderSnapshot, offer: OfferSnapshot | None, actor: Actor, now: datetime
) -> OfferSnapshot | None:
    """The offer that is agreed now; None = it was before: the same click again is no error."""
    offer = _own(offer, actor)
    if offer.status is OfferStatus.ACCEPTED and order.status is not OrderStatus.CANCELLED:
        return None
    if offer.status is OfferStatus.EXPIRED or (offer.status is OfferStatus.OPEN and offer.expires_at <= now):
        raise Conflict("offer_expired", "The time to answer this offer is over.")
    if offer.status is not OfferStatus.OPEN:
        raise Conflict("offer_not_open", f"An offer that is {offer.status} is not open any more.")
    if order.status not in GIVEABLE:
        raise Conflict("order_not_open", f"This order is {order.status}: no offer counts any more.")
    return offer


def check_vehicle(actor: Actor, carrier_id: UUID | None) -> None:
    """`carrier_id`: of the vehicle that the carrier would send, None = there is none."""
    if carrier_id != actor.party_id:
        raise NotFound("vehicle_not_found", "You have no such vehicle.")


def decline_offer(offer: OfferSnapshot | None, actor: Actor) -> bool:
    """By the carrier. True = decline it now; False = it was declined before."""
    return _close(_own(offer, actor), OfferStatus.DECLINED)


def withdraw_offer(order: OrderSnapshot, offer: OfferSnapshot | None, actor: Actor) -> bool:
    """By who made it. True = withdraw it now; False = it was withdrawn before."""
    owner_only(order, actor, "withdraw an offer")
    if offer is None:
        raise NotFound("offer_not_found", "There is no such offer on this order.")
    return _close(offer, OfferStatus.WITHDRAWN)


def _own(offer: OfferSnapshot | None, actor: Actor) -> OfferSnapshot:
    if offer is None or actor.role is not Role.CARRIER or offer.carrier_id != actor.party_id:
        raise NotFound("offer_not_found", "You have no such offer on this order.")
    return offer


def _close(offer: OfferSnapshot, to: OfferStatus) -> bool:
    if offer.status is to:
        return False
    if offer.status is not OfferStatus.OPEN:
        raise Conflict("offer_not_open", f"An offer that is {offer.status} is not open any more.")
    return True


def may_list(actor: Actor) -> None:
    """Drivers have no part in it."""
    if actor.role is Role.DRIVER and not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Offers are made to carriers.")


def due_reminder(offer: OfferSnapshot, now: datetime) -> bool:
    """Once, when half of the time to answer is over."""
    half = offer.created_at + (offer.expires_at - offer.created_at) / 2
    return offer.status is OfferStatus.OPEN and not offer.reminded and half <= now < offer.expires_at
