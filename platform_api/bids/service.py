"""The market of an order: carriers bid and revise, the shipper takes one, every other bid loses.

Everything happens under the order's row lock, so of two who act at once one wins and the other reads
what happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.bids import repository, rules
from platform_api.bids.assigning import assign
from platform_api.bids.models import Bid, BidRevision
from platform_api.bids.rules import BidStatus, CounterStatus, Deal, Seen
from platform_api.errors import Conflict, Forbidden, NotFound
from platform_api.francs import francs
from platform_api.kyc import service as kyc
from platform_api.orders import money
from platform_api.orders import service as orders
from platform_api.orders.content import Bidding
from platform_api.orders.models import Order
from platform_api.orders.recording import record
from platform_api.orders.repository import lock_order
from platform_api.orders.rules import Action, OrderStatus, dispatcher_of
from platform_api.orders.service import locked_order
from platform_api.orders.telling import tell
from platform_api.versions import check_version


def place_bid(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    vehicle_id: int,
    driver_id: UUID | None,
    amount_xof: int,
    message: str,
    valid_until: datetime | None = None,
    now: datetime,
) -> Bid:
    """One open bid per carrier and order. `driver_id` None = whoever drives the vehicle at acceptance."""
    order, facts = locked_order(session, actor, order_id)
    rules.place_bid(facts, actor, repository.vehicle_snapshot(session, vehicle_id), amount_xof, now)
    kyc.check_verified(session, actor.party_id, now)
    _check_driver(session, actor, driver_id)
    expires_at = _bid_valid_until(valid_until, now)
    for bid in repository.bids_of(session, order_id):
        if bid.carrier_id == actor.party_id and bid.status == BidStatus.PLACED:
            if now < bid.expires_at:
                raise Conflict("bid_exists", "You have an open bid on this order.")
            _expire(session, order, bid, now)
    bid = Bid(
        order_id=order_id,
        carrier_id=actor.party_id,
        vehicle_id=vehicle_id,
        driver_id=driver_id,
        amount_xof=amount_xof,
        message=message,
        status=BidStatus.PLACED,
        expires_at=expires_at,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(bid)
    # Its id goes into the evidence.
    session.flush()
    _keep_revision(session, bid, actor, now)
    evidence = bid_evidence(bid)
    bidding = OrderStatus.BIDDING
    record(session, order, Action.BID_PLACED, now=now, to_status=bidding, actor=actor, evidence=evidence)
    dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
    tell(session, order, dispatcher, "bid_placed", key=bid.id, now=now, amount=francs(amount_xof))
    return bid


def _check_driver(session: Session, actor: Actor, driver_id: UUID | None) -> None:
    if driver_id is not None and not repository.drives_for(session, driver_id, actor.party_id):
        raise NotFound("driver_not_found", "You have no such driver.")


def _bid_valid_until(asked: datetime | None, now: datetime) -> datetime:
    usual = timedelta(hours=get_settings().bid_valid_hours)
    return rules.valid_until(asked, now, usual=usual, least=rules.MIN_VALID, most=rules.MAX_VALID)


def _keep_revision(session: Session, bid: Bid, actor: Actor, now: datetime) -> None:
    session.add(
        BidRevision(
            bid_id=bid.id,
            version=bid.version,
            amount_xof=bid.amount_xof,
            vehicle_id=bid.vehicle_id,
            driver_id=bid.driver_id,
            message=bid.message,
            expires_at=bid.expires_at,
            made_by=actor.user_id,
            made_at=now,
        )
    )


@dataclass(frozen=True, slots=True)
class BidTerms:
    """What a carrier may change of its bid, whole."""

    vehicle_id: int
    driver_id: UUID | None
    amount_xof: int
    message: str


def terms_of(bid: Bid) -> BidTerms:
    return BidTerms(bid.vehicle_id, bid.driver_id, bid.amount_xof, bid.message)


def revise_bid(
    session: Session,
    actor: Actor,
    order_id: UUID,
    bid_id: UUID,
    changes: dict[str, Any],
    *,
    valid_until: datetime | None = None,
    expected: int | None = None,
    now: datetime,
) -> Bid:
    """`changes`: fields of BidTerms. A counter-offer that lives is thereby answered: it is declined."""
    order, facts = locked_order(session, actor, order_id)
    bid = find_bid(repository.bids_of(session, order_id), bid_id)
    rules.revise_bid(facts, bid_snapshot(bid), actor, now)
    check_version(bid.version, expected)
    before, amount_before = terms_of(bid), bid.amount_xof
    after = BidTerms(**{**_fields(before), **changes})
    expires_at = bid.expires_at if valid_until is None else _bid_valid_until(valid_until, now)
    if (after, expires_at) == (before, bid.expires_at):
        return bid
    vehicle = repository.vehicle_snapshot(session, after.vehicle_id)
    rules.place_bid(facts, actor, vehicle, after.amount_xof, now)
    _check_driver(session, actor, after.driver_id)
    for name, value in _fields(after).items():
        setattr(bid, name, value)
    bid.expires_at, bid.version, bid.updated_at = expires_at, bid.version + 1, now
    repository.end_counter(session, bid.id, CounterStatus.DECLINED, now)
    _keep_revision(session, bid, actor, now)
    evidence = {**bid_evidence(bid), "version": bid.version, "previous_xof": amount_before}
    record(session, order, Action.BID_REVISED, now=now, actor=actor, evidence=evidence)
    return bid


def _fields(terms: BidTerms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in ("vehicle_id", "driver_id", "amount_xof", "message")}


def withdraw_bid(session: Session, actor: Actor, order_id: UUID, bid_id: UUID, now: datetime) -> Bid:
    order, _ = locked_order(session, actor, order_id)
    bid = find_bid(repository.bids_of(session, order_id), bid_id)
    if rules.withdraw_bid(bid_snapshot(bid), actor):
        bid.status, bid.updated_at = BidStatus.WITHDRAWN, now
        repository.end_counter(session, bid.id, CounterStatus.DECLINED, now)
        record(session, order, Action.BID_WITHDRAWN, now=now, actor=actor, evidence=bid_evidence(bid))
    return bid


def accept_bid(
    session: Session,
    actor: Actor,
    order_id: UUID,
    bid_id: UUID,
    now: datetime,
    *,
    seen: Seen = Seen(),  # noqa: B008 - frozen
) -> Order:
    """Assign the order. The same click again answers the same; every other bid loses."""
    order, facts = locked_order(session, actor, order_id)
    bids = repository.bids_of(session, order_id)
    won = rules.accept(facts, [bid_snapshot(bid) for bid in bids], bid_id, actor, now, seen)
    if won is None:
        return order
    bid = find_bid(bids, bid_id)
    bid.status, bid.updated_at = BidStatus.ACCEPTED, now
    deal = Deal(bid.carrier_id, bid.vehicle_id, bid.driver_id, bid.amount_xof)
    evidence = {"bid_id": str(bid.id)}
    assign(session, order, deal, Action.BID_ACCEPTED, actor=actor, now=now, evidence=evidence)
    # His truck has to move: a text too.
    amount, to = francs(bid.amount_xof), [bid.carrier_id]
    tell(session, order, bid.carrier_id, "bid_accepted", key=bid.id, now=now, sms_to=to, amount=amount)
    return order


def sees_bids_of(order: Order, actor: Actor) -> UUID | None:
    """Whose bids the actor may read: its own, or None = everybody's.

    Raises Forbidden `order_brokered` to the customer of a freight broker.
    """
    if money.is_customer(orders.price_facts(order), actor):
        raise Forbidden("order_brokered", "The order is in a broker's hands: its bids are his business.")
    return None if dispatches(order, actor) else actor.party_id


def dispatches(order: Order, actor: Actor) -> bool:
    """Whether the actor runs this order's market."""
    return actor.is_administrator or actor.party_id == dispatcher_of(order.shipper_id, order.broker_id)


def read_bid(session: Session, actor: Actor, order_id: UUID, bid_id: UUID) -> Bid:
    """Raises NotFound for a bid that is not the actor's to read."""
    order = orders.get_order(session, actor, order_id)
    only_of = sees_bids_of(order, actor)
    bid = repository.find_bid(session, order_id, bid_id)
    if bid is None or only_of not in (None, bid.carrier_id):
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    return bid


def standing(session: Session, actor: Actor, order_id: UUID, now: datetime) -> list[tuple[int, bool]]:
    """(amount_xof, own) of every bid that stands, lowest first, without names."""
    order = orders.get_order(session, actor, order_id)
    sees_bids_of(order, actor)
    amounts = repository.standing_amounts(session, order_id, now)
    rules.may_see_standing(
        open_bidding=order.bidding == Bidding.OPEN,
        dispatches=dispatches(order, actor),
        bids_now=any(carrier_id == actor.party_id for _, carrier_id in amounts),
    )
    return [(amount, carrier_id == actor.party_id) for amount, carrier_id in amounts]


def expire_bids(session: Session, now: datetime, limit: int = 200) -> int:
    """How many bids expired. Orders that somebody is acting on wait for the next round."""
    expired = 0
    for order_id in repository.orders_with_expired_bids(session, now, limit):
        order = lock_order(session, order_id, skip_locked=True)
        if order is None:
            continue
        for bid in repository.bids_of(session, order_id):
            if bid.status == BidStatus.PLACED and bid.expires_at <= now:
                _expire(session, order, bid, now)
                expired += 1
    return expired


def _expire(session: Session, order: Order, bid: Bid, now: datetime) -> None:
    bid.status, bid.updated_at = BidStatus.EXPIRED, now
    repository.end_counter(session, bid.id, CounterStatus.EXPIRED, now)
    record(session, order, Action.BID_EXPIRED, now=now, event_time=bid.expires_at, evidence=bid_evidence(bid))
    # An update must reach the database before the carrier's next bid: one open bid is a unique index.
    session.flush()


def find_bid(bids: Sequence[Bid], bid_id: UUID) -> Bid:
    for bid in bids:
        if bid.id == bid_id:
            return bid
    raise NotFound("bid_not_found", "There is no such bid on this order.")


def bid_evidence(bid: Bid) -> dict[str, Any]:
    return {"bid_id": str(bid.id), "carrier_id": str(bid.carrier_id), "amount_xof": bid.amount_xof}


def bid_snapshot(bid: Bid) -> rules.BidSnapshot:
    return rules.BidSnapshot(
        id=bid.id,
        carrier_id=bid.carrier_id,
        vehicle_id=bid.vehicle_id,
        driver_id=bid.driver_id,
        amount_xof=bid.amount_xof,
        status=BidStatus(bid.status),
        expires_at=bid.expires_at,
        version=bid.version,
    )
