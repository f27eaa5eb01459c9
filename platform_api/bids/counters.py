"""Counter-offers: what the shipper would pay instead. While one lives, the carrier's yes is the agreement."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.bids import repository, rules
from platform_api.bids.assigning import assign
from platform_api.bids.models import Bid, BidCounter
from platform_api.bids.rules import BidStatus, CounterStatus, Deal
from platform_api.bids.service import bid_snapshot, find_bid
from platform_api.francs import francs
from platform_api.offers import telling
from platform_api.orders.models import Order
from platform_api.orders.recording import record
from platform_api.orders.repository import lock_order
from platform_api.orders.rules import Action, OrderSnapshot, dispatcher_of, owner_only
from platform_api.orders.service import locked_order
from platform_api.orders.telling import tell


def make_counter(
    session: Session,
    actor: Actor,
    order_id: UUID,
    bid_id: UUID,
    *,
    amount_xof: int,
    message: str,
    valid_until: datetime | None,
    now: datetime,
) -> BidCounter:
    """Takes the place of an earlier one that still lives."""
    order, facts = locked_order(session, actor, order_id)
    bid = _bid_to_answer(session, actor, facts, order_id, bid_id)
    usual = min(timedelta(minutes=get_settings().offer_answer_minutes), bid.expires_at - now)
    until = rules.valid_until(valid_until, now, usual=usual, least=rules.MIN_BINDING, most=rules.MAX_BINDING)
    rules.make_counter(facts, bid_snapshot(bid), actor, now, amount_xof=amount_xof, until=until)
    repository.end_counter(session, bid.id, CounterStatus.WITHDRAWN, now)
    counter = BidCounter(
        bid_id=bid.id,
        order_id=order_id,
        amount_xof=amount_xof,
        message=message,
        status=CounterStatus.OPEN,
        expires_at=until,
        made_by=actor.user_id,
        created_at=now,
    )
    session.add(counter)
    session.flush()
    record(session, order, Action.COUNTER_MADE, now=now, actor=actor, evidence=_evidence(bid, counter))
    telling.countered(
        session,
        order,
        carrier_id=bid.carrier_id,
        counter_id=counter.id,
        amount_xof=amount_xof,
        until=until,
        now=now,
    )
    return counter


def _bid_to_answer(session: Session, actor: Actor, facts: OrderSnapshot, order_id: UUID, bid_id: UUID) -> Bid:
    owner_only(facts, actor, "answer a bid")
    return find_bid(repository.bids_of(session, order_id), bid_id)


def accept_counter(
    session: Session, actor: Actor, order_id: UUID, bid_id: UUID, *, amount_xof: int, now: datetime
) -> Order:
    """Assigns the order for the counter-offer's amount. The same click again answers the same."""
    order, facts = locked_order(session, actor, order_id)
    bid = find_bid(repository.bids_of(session, order_id), bid_id)
    counter = repository.latest_counter(session, bid_id)
    agreed = rules.accept_counter(
        facts, bid_snapshot(bid), _snapshot(counter), actor, now, amount_xof=amount_xof
    )
    if agreed is None or counter is None:
        return order
    bid.status, bid.updated_at = BidStatus.ACCEPTED, now
    counter.status, counter.answered_at = CounterStatus.ACCEPTED, now
    deal = Deal(bid.carrier_id, bid.vehicle_id, bid.driver_id, counter.amount_xof)
    evidence = {"bid_id": str(bid.id), "counter_id": str(counter.id)}
    assign(session, order, deal, Action.COUNTER_ACCEPTED, actor=actor, now=now, evidence=evidence)
    _tell_answer(session, order, counter, "counter_accepted", now)
    return order


def decline_counter(
    session: Session, actor: Actor, order_id: UUID, bid_id: UUID, now: datetime
) -> BidCounter:
    """By the carrier; its bid stands."""
    order, _ = locked_order(session, actor, order_id)
    bid = find_bid(repository.bids_of(session, order_id), bid_id)
    counter = repository.latest_counter(session, bid_id)
    declined = rules.decline_counter(bid_snapshot(bid), _snapshot(counter), actor)
    ended = _end(session, order, bid, counter, CounterStatus.DECLINED if declined else None, actor, now)
    if declined:
        _tell_answer(session, order, ended, "counter_declined", now)
    return ended


def _tell_answer(session: Session, order: Order, counter: BidCounter, kind: str, now: datetime) -> None:
    """To who made it."""
    dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
    tell(session, order, dispatcher, kind, key=counter.id, now=now, amount=francs(counter.amount_xof))


def withdraw_counter(
    session: Session, actor: Actor, order_id: UUID, bid_id: UUID, now: datetime
) -> BidCounter:
    """By the shipper, or his broker."""
    order, facts = locked_order(session, actor, order_id)
    bid = _bid_to_answer(session, actor, facts, order_id, bid_id)
    counter = repository.latest_counter(session, bid_id)
    withdrawn = rules.withdraw_counter(facts, _snapshot(counter), actor)
    return _end(session, order, bid, counter, CounterStatus.WITHDRAWN if withdrawn else None, actor, now)


_ACTIONS = {
    CounterStatus.DECLINED: Action.COUNTER_DECLINED,
    CounterStatus.WITHDRAWN: Action.COUNTER_WITHDRAWN,
    CounterStatus.EXPIRED: Action.COUNTER_EXPIRED,
}


def _end(
    session: Session,
    order: Order,
    bid: Bid,
    counter: BidCounter | None,
    to: CounterStatus | None,
    actor: Actor | None,
    now: datetime,
) -> BidCounter:
    assert counter is not None  # the rules refuse it
    if to is not None:
        counter.status, counter.answered_at = to, now
        evidence = _evidence(bid, counter)
        expired = to is CounterStatus.EXPIRED
        when = counter.expires_at if expired else now
        record(session, order, _ACTIONS[to], now=now, event_time=when, actor=actor, evidence=evidence)
    return counter


def expire_counters(session: Session, now: datetime, limit: int = 200) -> int:
    """How many counter-offers expired. Orders that somebody is acting on wait for the next round."""
    expired = 0
    for counter_id, order_id in repository.expired_counters(session, now, limit):
        order = lock_order(session, order_id, skip_locked=True)
        if order is None:
            continue
        counter = repository.open_counter(session, counter_id)
        if counter is None or counter.expires_at > now:
            continue
        bid = find_bid(repository.bids_of(session, order_id), counter.bid_id)
        _end(session, order, bid, counter, CounterStatus.EXPIRED, None, now)
        expired += 1
    return expired


def _snapshot(counter: BidCounter | None) -> rules.CounterSnapshot | None:
    if counter is None:
        return None
    return rules.CounterSnapshot(
        id=counter.id,
        bid_id=counter.bid_id,
        amount_xof=counter.amount_xof,
        status=CounterStatus(counter.status),
        expires_at=counter.expires_at,
    )


def _evidence(bid: Bid, counter: BidCounter) -> dict[str, Any]:
    return {
        "bid_id": str(bid.id),
        "counter_id": str(counter.id),
        "carrier_id": str(bid.carrier_id),
        "amount_xof": counter.amount_xof,
    }
