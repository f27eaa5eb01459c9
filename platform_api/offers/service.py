"""Direct offers, one function per use case. Each change happens under the order's row lock; the edge commits."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.bids import repository as bids
from platform_api.bids.assigning import assign
from platform_api.bids.rules import MAX_BINDING, MIN_BINDING, Deal, valid_until
from platform_api.bids.service import sees_bids_of
from platform_api.errors import NotFound
from platform_api.kyc import service as kyc
from platform_api.offers import repository, rules, telling
from platform_api.offers.models import Offer
from platform_api.offers.rules import OfferSnapshot, OfferStatus
from platform_api.orders import service as orders
from platform_api.orders.models import Order
from platform_api.orders.recording import record
from platform_api.orders.repository import lock_order
from platform_api.orders.rules import Action
from platform_api.orders.service import locked_order
from platform_api.pagination import PageQuery


def make_offer(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    carrier_id: UUID,
    amount_xof: int,
    vehicle_wishes: str,
    message: str,
    private: bool,
    answer_by: datetime | None,
    now: datetime,
) -> Offer:
    """A second one to the same carrier takes the place of the first, should its time be over."""
    order, facts = locked_order(session, actor, order_id)
    phone = repository.carrier_phone(session, carrier_id)
    rules.make_offer(
        facts, actor, carrier_known=phone is not None, open_offers=repository.open_offers(session, order_id)
    )
    kyc.check_verified(session, order.shipper_id, now)
    assert phone is not None  # the rules refuse a carrier that nobody knows
    usual = timedelta(minutes=get_settings().offer_answer_minutes)
    asked = valid_until(answer_by, now, usual=usual, least=MIN_BINDING, most=MAX_BINDING)
    until = rules.binding_until(usual=asked, order_ends=_end_of(order), now=now)
    before = repository.open_offer_to(session, order_id, carrier_id)
    if before is not None and before.expires_at <= now:
        _end(session, order, before, OfferStatus.EXPIRED, None, now)
        session.flush()
    offer = Offer(
        order_id=order_id,
        carrier_id=carrier_id,
        amount_xof=amount_xof,
        vehicle_wishes=vehicle_wishes,
        message=message,
        private=private,
        status=OfferStatus.OPEN,
        expires_at=until,
        made_by=actor.user_id,
        created_at=now,
    )
    session.add(offer)
    # Unique by order and carrier: the index judges, and its id goes into the evidence.
    session.flush()
    order.hidden = repository.hides(session, order_id)
    record(session, order, Action.OFFER_MADE, now=now, actor=actor, evidence=_evidence(offer))
    telling.offered(session, order, offer, phone, now)
    return offer


def _end_of(order: Order) -> datetime | None:
    """When nobody can take the order any more. One that a carrier gave back stays beyond its pickup window."""
    return order.expires_at or order.pickup_closes_at


def accept_offer(
    session: Session,
    actor: Actor,
    order_id: UUID,
    offer_id: UUID,
    *,
    vehicle_id: int,
    driver_id: UUID | None,
    now: datetime,
) -> Order:
    """By the carrier, with what it sends. The order is assigned; everything else that is open on it loses."""
    order, facts = locked_order(session, actor, order_id)
    offer = repository.find_offer(session, order_id, offer_id)
    agreed = rules.accept_offer(facts, _snapshot(offer), actor, now)
    if agreed is None or offer is None:
        return order
    kyc.check_verified(session, actor.party_id, now)
    vehicle = bids.vehicle_snapshot(session, vehicle_id)
    rules.check_vehicle(actor, None if vehicle is None else vehicle.carrier_id)
    if driver_id is not None and not bids.drives_for(session, driver_id, actor.party_id):
        raise NotFound("driver_not_found", "You have no such driver.")
    offer.status, offer.answered_at, offer.answered_by = OfferStatus.ACCEPTED, now, actor.user_id
    deal = Deal(offer.carrier_id, vehicle_id, driver_id, offer.amount_xof)
    evidence = {"offer_id": str(offer.id)}
    assign(session, order, deal, Action.OFFER_ACCEPTED, actor=actor, now=now, evidence=evidence)
    offer.vehicle_id, offer.driver_id = order.vehicle_id, order.driver_id
    telling.answered(session, order, offer, now)
    return order


def decline_offer(
    session: Session, actor: Actor, order_id: UUID, offer_id: UUID, *, reason: str, now: datetime
) -> Offer:
    """By the carrier. The order is as before."""
    order, _ = locked_order(session, actor, order_id)
    offer = repository.find_offer(session, order_id, offer_id)
    declined = rules.decline_offer(_snapshot(offer), actor)
    assert offer is not None  # the rules refuse it
    if declined:
        offer.decline_reason = reason
        _end(session, order, offer, OfferStatus.DECLINED, actor, now)
    return offer


def withdraw_offer(session: Session, actor: Actor, order_id: UUID, offer_id: UUID, now: datetime) -> Offer:
    """By who runs the order."""
    order, facts = locked_order(session, actor, order_id)
    offer = repository.find_offer(session, order_id, offer_id)
    withdrawn = rules.withdraw_offer(facts, _snapshot(offer), actor)
    assert offer is not None  # the rules refuse it
    if withdrawn:
        _end(session, order, offer, OfferStatus.WITHDRAWN, actor, now)
    return offer


_ACTIONS = {
    OfferStatus.DECLINED: Action.OFFER_DECLINED,
    OfferStatus.WITHDRAWN: Action.OFFER_WITHDRAWN,
    OfferStatus.EXPIRED: Action.OFFER_EXPIRED,
}


def _end(
    session: Session, order: Order, offer: Offer, to: OfferStatus, actor: Actor | None, now: datetime
) -> None:
    offer.status, offer.answered_at = to, now
    offer.answered_by = actor.user_id if actor else None
    session.flush()
    order.hidden = repository.hides(session, order.id)
    when = offer.expires_at if to is OfferStatus.EXPIRED else now
    record(session, order, _ACTIONS[to], now=now, event_time=when, actor=actor, evidence=_evidence(offer))
    if to is not OfferStatus.WITHDRAWN:
        telling.answered(session, order, offer, now)


def list_of_order(
    session: Session, actor: Actor, order_id: UUID, page: PageQuery
) -> tuple[list[Offer], str | None]:
    """All for who runs the order, a carrier's own for the carrier."""
    order = orders.get_order(session, actor, order_id)
    return repository.list_of_order(session, order_id, page, only_of=sees_bids_of(order, actor))


def list_own(
    session: Session, actor: Actor, page: PageQuery, status: OfferStatus | None
) -> tuple[list[Offer], str | None]:
    rules.may_list(actor)
    return repository.list_of_actor(session, actor, page, status)


def sweep_offers(session: Session, now: datetime, limit: int = 200) -> int:
    """Remind of offers at half of their time and end those whose time is over; how many were touched.

    Orders that somebody is acting on wait for the next round.
    """
    touched = 0
    for offer_id, order_id in repository.open_offers_older_than_half(session, now, limit):
        order = lock_order(session, order_id, skip_locked=True)
        offer = None if order is None else repository.find_offer(session, order_id, offer_id)
        snapshot = _snapshot(offer)
        if order is None or offer is None or snapshot is None or offer.status != OfferStatus.OPEN:
            continue
        if offer.expires_at <= now:
            _end(session, order, offer, OfferStatus.EXPIRED, None, now)
        elif rules.due_reminder(snapshot, now):
            offer.reminded_at = now
            telling.reminded(session, order, offer, repository.carrier_phone(session, offer.carrier_id), now)
        touched += 1
    return touched


def _snapshot(offer: Offer | None) -> OfferSnapshot | None:
    if offer is None:
        return None
    return OfferSnapshot(
        id=offer.id,
        carrier_id=offer.carrier_id,
        amount_xof=offer.amount_xof,
        status=OfferStatus(offer.status),
        created_at=offer.created_at,
        expires_at=offer.expires_at,
        reminded=offer.reminded_at is not None,
    )


def _evidence(offer: Offer) -> dict[str, Any]:
    return {
        "offer_id": str(offer.id),
        "carrier_id": str(offer.carrier_id),
        "amount_xof": offer.amount_xof,
        "private": offer.private,
    }
