"""Queries over orders and their history. Every list of orders starts from `scoped`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.bids.models import Bid
from platform_api.geofences.models import Geofence
from platform_api.offers.models import Offer
from platform_api.orders.models import Order, OrderHistory, OrderStop
from platform_api.orders.rules import (
    BROKERAGE,
    DEALINGS,
    OPEN,
    PUBLIC_ACTIONS,
    Action,
    OrderStatus,
    dispatcher_of,
    may_see_all,
)
from platform_api.pagination import PageQuery, fetch_page


def scoped(actor: Actor) -> Select[Order]:
    """The orders this actor may know of; for a carrier also the open ones, those it bid on or is offered."""
    statement = select(Order)
    if may_see_all(actor):
        return statement
    if actor.role is Role.BROKER:
        return statement.where(Order.broker_id == actor.party_id)
    if actor.role is Role.SHIPPER:
        return statement.where(Order.shipper_id == actor.party_id)
    if actor.role is Role.DRIVER:
        return statement.where(Order.driver_id == actor.user_id)
    own_bid = exists().where(Bid.order_id == Order.id, Bid.carrier_id == actor.party_id)
    # An offer that was declined or ran out is no reason to know of the order any more.
    own_offer = exists().where(
        Offer.order_id == Order.id, Offer.carrier_id == actor.party_id, Offer.status == "OPEN"
    )
    on_the_market = and_(Order.status.in_(OPEN), Order.hidden.is_(False))
    return statement.where(or_(on_the_market, Order.carrier_id == actor.party_id, own_bid, own_offer))


def find_order(session: Session, actor: Actor, order_id: UUID) -> Order | None:
    return session.scalar(scoped(actor).where(Order.id == order_id))


def stops_of(session: Session, order_ids: Sequence[UUID]) -> dict[UUID, list[OrderStop]]:
    """By order, in their sequence; an order without stops is not in it."""
    found: dict[UUID, list[OrderStop]] = {}
    statement = select(OrderStop).where(OrderStop.order_id.in_(order_ids))
    for stop in session.scalars(statement.order_by(OrderStop.order_id, OrderStop.sequence)):
        found.setdefault(stop.order_id, []).append(stop)
    return found


def drop_stops(session: Session, order_id: UUID) -> None:
    """Of a draft: nobody else has seen them."""
    session.execute(delete(OrderStop).where(OrderStop.order_id == order_id))


def lock_order(session: Session, order_id: UUID, *, skip_locked: bool = False) -> Order | None:
    """The order as it is once all others have let go of it; whoever asks: see `find_order` first.

    Lock an order before anything else: after it come vehicles and crossings, never the other way round.
    """
    return session.scalar(
        select(Order)
        .where(Order.id == order_id)
        .with_for_update(of=Order, skip_locked=skip_locked)
        # Somebody may have changed the row between an earlier read in this session and the lock.
        .execution_options(populate_existing=True)
    )


def list_history(
    session: Session, actor: Actor, order: Order, query: PageQuery, *, party: bool
) -> tuple[list[OrderHistory], str | None]:
    """Oldest first. What others deal stays between them, and what happens on the road is for the parties."""
    statement = select(OrderHistory).where(OrderHistory.order_id == order.id)
    if actor.party_id != dispatcher_of(order.shipper_id, order.broker_id) and not may_see_all(actor):
        customer = actor.party_id == order.shipper_id
        statement = statement.where(_open_to(actor, party=party, customer=customer))
    return fetch_page(session, statement, (OrderHistory.id,), query, newest_first=False)


def _open_to(actor: Actor, *, party: bool, customer: bool) -> ColumnElement[bool]:
    """`customer`: of a freight broker; he has no part in what his broker deals with carriers."""
    if customer:
        return OrderHistory.action.not_in(DEALINGS)
    own = or_(
        OrderHistory.party_id == actor.party_id,
        and_(
            OrderHistory.action.in_(DEALINGS),
            OrderHistory.evidence["carrier_id"].astext == str(actor.party_id),
        ),
    )
    if party:
        return or_(OrderHistory.action.not_in(DEALINGS | BROKERAGE), own)
    return or_(OrderHistory.action.in_(PUBLIC_ACTIONS), own)


def named_crossings(session: Session, order_id: UUID) -> set[tuple[int, str]]:
    """(crossing id, action) of the history rows that name a crossing."""
    statement = select(OrderHistory.crossing_id, OrderHistory.action).where(
        OrderHistory.order_id == order_id, OrderHistory.crossing_id.is_not(None)
    )
    return {(crossing_id, action) for crossing_id, action in session.execute(statement) if crossing_id}


def loading_confirmed_at(session: Session, order_id: UUID) -> datetime | None:
    """Event time of the crew's word; leaving the fence is not one. Of several words the earliest counts."""
    return session.scalar(
        select(func.min(OrderHistory.event_time)).where(
            OrderHistory.order_id == order_id, OrderHistory.action == Action.LOADING_CONFIRMED
        )
    )


def silent_orders(session: Session, silence: timedelta, limit: int) -> Sequence[UUID]:
    """DELIVERED for at least so long as the shipper could know: recorded, not event time.

    Counted by the database's own clock, which wrote `recorded_at`.
    """
    told = exists().where(
        OrderHistory.order_id == Order.id,
        OrderHistory.action == Action.PROOF_OF_DELIVERY,
        OrderHistory.recorded_at <= func.clock_timestamp() - silence,
    )
    statement = select(Order.id).where(Order.status == OrderStatus.DELIVERED, told)
    return session.scalars(statement.limit(limit)).all()


def retire_fences(session: Session, geofence_ids: Sequence[int], now: datetime) -> None:
    """They judge nothing any more; their visits stay as told."""
    session.execute(
        update(Geofence).where(Geofence.id.in_(geofence_ids)).values(retired_at=now, updated_at=now)
    )


def end_fences(
    session: Session, geofence_ids: Sequence[int], *, valid_until: datetime, now: datetime
) -> None:
    """`valid_until` lies ahead, so nothing judged so far changes and no vehicle need be folded again."""
    session.execute(
        update(Geofence).where(Geofence.id.in_(geofence_ids)).values(valid_until=valid_until, updated_at=now)
    )
