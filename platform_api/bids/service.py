"""The market of an order: carriers bid, the shipper takes one, every other bid loses.

Everything happens under the order's row lock, so of two who act at once one wins and the other reads
what happened.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.bids import repository, rules
from platform_api.bids.models import Bid
from platform_api.bids.rules import BidStatus
from platform_api.errors import Conflict, NotFound
from platform_api.fleet_documents import service as fleet_documents
from platform_api.geofences import service as geofences
from platform_api.orders.models import Order
from platform_api.orders.recording import record
from platform_api.orders.repository import lock_order
from platform_api.orders.rules import Action, OrderStatus
from platform_api.orders.service import locked_order


def place_bid(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    vehicle_id: int,
    driver_id: UUID | None,
    amount_xof: int,
    message: str,
    now: datetime,
) -> Bid:
    """One open bid per carrier and order. `driver_id` None = whoever drives the vehicle at acceptance."""
    order, facts = locked_order(session, actor, order_id)
    vehicle = repository.vehicle_snapshot(session, vehicle_id)
    rules.place_bid(facts, actor, vehicle, amount_xof)
    if driver_id is not None and not repository.drives_for(session, driver_id, actor.party_id):
        raise NotFound("driver_not_found", "You have no such driver.")
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
        expires_at=now + timedelta(hours=get_settings().bid_valid_hours),
        created_at=now,
    )
    session.add(bid)
    # Its id goes into the evidence.
    session.flush()
    evidence = _bid_evidence(bid)
    bidding = OrderStatus.BIDDING
    record(session, order, Action.BID_PLACED, now=now, to_status=bidding, actor=actor, evidence=evidence)
    return bid


def withdraw_bid(session: Session, actor: Actor, order_id: UUID, bid_id: UUID, now: datetime) -> Bid:
    order, _ = locked_order(session, actor, order_id)
    bid = _find_bid(repository.bids_of(session, order_id), bid_id)
    if rules.withdraw_bid(_bid_snapshot(bid), actor):
        bid.status = BidStatus.WITHDRAWN
        record(session, order, Action.BID_WITHDRAWN, now=now, actor=actor, evidence=_bid_evidence(bid))
    return bid


def accept_bid(session: Session, actor: Actor, order_id: UUID, bid_id: UUID, now: datetime) -> Order:
    """Assign the order. The same click again answers the same; every other bid loses."""
    order, facts = locked_order(session, actor, order_id)
    bids = repository.bids_of(session, order_id)
    award = rules.accept(facts, [_bid_snapshot(bid) for bid in bids], bid_id, actor, now)
    if award.repeated:
        return order
    winner = award.winner
    vehicle = repository.vehicle_snapshot(session, winner.vehicle_id, lock=True, besides=order.id)
    stays = winner.driver_id is not None and repository.drives_for(
        session, winner.driver_id, winner.carrier_id
    )
    driver_id = rules.assign_vehicle(winner, vehicle, driver_stays=stays)
    if not repository.hold_driver(session, driver_id):
        raise Conflict("vehicle_without_driver", "The vehicle of this bid has no driver.")
    fleet_documents.check_assignable(session, winner.vehicle_id, driver_id, now)
    for bid in bids:
        if bid.id == winner.id:
            bid.status = BidStatus.ACCEPTED
        elif bid.id in award.losers:
            bid.status = BidStatus.LOST
    order.carrier_id, order.driver_id = winner.carrier_id, driver_id
    order.vehicle_id, order.agreed_xof = winner.vehicle_id, winner.amount_xof
    order.assigned_at = now
    _watch(session, order, now)
    record(
        session,
        order,
        Action.BID_ACCEPTED,
        now=now,
        to_status=OrderStatus.ASSIGNED,
        actor=actor,
        evidence={"bid_id": str(winner.id), "amount_xof": winner.amount_xof},
    )
    return order


def _watch(session: Session, order: Order, now: datetime) -> None:
    """Two fences for the assigned vehicle alone, judging from the assignment on."""
    made = [
        geofences.create_geofence(
            session,
            owner_id=order.shipper_id,
            name=name,
            shape=shape,
            settings={},
            vehicle_id=order.vehicle_id,
            carrier_id=None,
            valid_from=now,
            now=now,
        )
        for name, shape in (
            (order.pickup_name, order.pickup_shape),
            (order.delivery_name, order.delivery_shape),
        )
    ]
    order.pickup_geofence_id, order.delivery_geofence_id = (fence.id for fence in made)


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
    bid.status = BidStatus.EXPIRED
    record(
        session, order, Action.BID_EXPIRED, now=now, event_time=bid.expires_at, evidence=_bid_evidence(bid)
    )
    # An update must reach the database before the carrier's next bid: one open bid is a unique index.
    session.flush()


def _find_bid(bids: Sequence[Bid], bid_id: UUID) -> Bid:
    for bid in bids:
        if bid.id == bid_id:
            return bid
    raise NotFound("bid_not_found", "There is no such bid on this order.")


def _bid_evidence(bid: Bid) -> dict[str, Any]:
    return {"bid_id": str(bid.id), "amount_xof": bid.amount_xof}


def _bid_snapshot(bid: Bid) -> rules.BidSnapshot:
    return rules.BidSnapshot(
        id=bid.id,
        carrier_id=bid.carrier_id,
        vehicle_id=bid.vehicle_id,
        driver_id=bid.driver_id,
        amount_xof=bid.amount_xof,
        status=BidStatus(bid.status),
        expires_at=bid.expires_at,
    )
