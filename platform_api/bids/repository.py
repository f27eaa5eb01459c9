"""Queries over bids, and over vehicles and drivers that an order may be given to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.bids.models import Bid, BidCounter, BidRevision
from platform_api.bids.rules import BidStatus, CounterStatus, VehicleSnapshot
from platform_api.fleet.models import Vehicle
from platform_api.orders.models import Order
from platform_api.orders.rules import UNDERWAY
from platform_api.pagination import PageQuery, fetch_page

# Of an order with more open bids than this, nobody compares the rest.
MAX_STANDING = 200


def bids_of(session: Session, order_id: UUID) -> Sequence[Bid]:
    """Fresh; only under the order's lock do they stay so."""
    statement = select(Bid).where(Bid.order_id == order_id).order_by(Bid.created_at, Bid.id)
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def list_bids(
    session: Session, order_id: UUID, query: PageQuery, *, only_of: UUID | None
) -> tuple[list[Bid], str | None]:
    """`only_of`: bids are sealed, a carrier sees its own; None = all."""
    statement = select(Bid).where(Bid.order_id == order_id)
    if only_of is not None:
        statement = statement.where(Bid.carrier_id == only_of)
    return fetch_page(session, statement, (Bid.created_at, Bid.id), query)


def find_bid(session: Session, order_id: UUID, bid_id: UUID) -> Bid | None:
    return session.scalar(select(Bid).where(Bid.order_id == order_id, Bid.id == bid_id))


def standing_amounts(session: Session, order_id: UUID, now: datetime) -> Sequence[tuple[int, UUID]]:
    """(amount_xof, carrier id) of the bids that stand, lowest first, at most MAX_STANDING."""
    statement = (
        select(Bid.amount_xof, Bid.carrier_id)
        .where(Bid.order_id == order_id, Bid.status == BidStatus.PLACED, Bid.expires_at > now)
        .order_by(Bid.amount_xof, Bid.created_at)
        .limit(MAX_STANDING)
    )
    return [(amount, carrier_id) for amount, carrier_id in session.execute(statement)]


def list_revisions(session: Session, bid_id: UUID, query: PageQuery) -> tuple[list[BidRevision], str | None]:
    """Newest first."""
    statement = select(BidRevision).where(BidRevision.bid_id == bid_id)
    return fetch_page(session, statement, (BidRevision.version,), query)


def latest_counter(session: Session, bid_id: UUID) -> BidCounter | None:
    """Fresh; only under the order's lock does it stay so."""
    statement = select(BidCounter).where(BidCounter.bid_id == bid_id)
    newest = statement.order_by(BidCounter.created_at.desc(), BidCounter.id).limit(1)
    return session.scalar(newest.execution_options(populate_existing=True))


def latest_counters(session: Session, bid_ids: Sequence[UUID]) -> dict[UUID, BidCounter]:
    """By bid, in one query."""
    statement = (
        select(BidCounter)
        .ext(distinct_on(BidCounter.bid_id))
        .where(BidCounter.bid_id.in_(bid_ids))
        .order_by(BidCounter.bid_id, BidCounter.created_at.desc(), BidCounter.id)
    )
    return {counter.bid_id: counter for counter in session.scalars(statement)}


def open_counter(session: Session, counter_id: UUID) -> BidCounter | None:
    statement = select(BidCounter).where(BidCounter.id == counter_id, BidCounter.status == CounterStatus.OPEN)
    return session.scalar(statement.execution_options(populate_existing=True))


def end_counter(session: Session, bid_id: UUID, to: CounterStatus, now: datetime) -> None:
    """The bid's counter-offer, if one lives, is over. Under the order's lock."""
    session.execute(
        update(BidCounter)
        .where(BidCounter.bid_id == bid_id, BidCounter.status == CounterStatus.OPEN)
        .values(status=to, answered_at=now)
        .execution_options(synchronize_session="fetch")
    )


def expired_counters(session: Session, now: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """(id, order id)."""
    statement = select(BidCounter.id, BidCounter.order_id).where(
        BidCounter.status == CounterStatus.OPEN, BidCounter.expires_at <= now
    )
    return [(counter_id, order_id) for counter_id, order_id in session.execute(statement.limit(limit))]


def vehicle_snapshot(
    session: Session, vehicle_id: int, *, lock: bool = False, besides: UUID | None = None
) -> VehicleSnapshot | None:
    """`lock`: keeps two orders from taking one vehicle at once. `besides`: the order that may have it."""
    statement = select(Vehicle).where(Vehicle.id == vehicle_id)
    if lock:
        # NO KEY: telemetry goes on writing rows that refer to the vehicle.
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    vehicle = session.scalar(statement)
    if vehicle is None:
        return None
    busy = select(Order.id).where(
        Order.vehicle_id == vehicle_id, Order.status.in_(UNDERWAY), Order.id != besides
    )
    return VehicleSnapshot(vehicle.id, vehicle.carrier_id, vehicle.driver_id, session.scalar(busy.limit(1)))


def drives_for(session: Session, driver_id: UUID, carrier_id: UUID) -> bool:
    return (
        session.scalar(
            select(
                exists().where(
                    User.id == driver_id,
                    User.role == Role.DRIVER,
                    User.carrier_id == carrier_id,
                    User.disabled.is_(False),
                )
            )
        )
        is True
    )


def hold_driver(session: Session, driver_id: UUID) -> bool:
    """Whether he can be given an order; until the end of the transaction nobody erases or disables him."""
    enabled = select(User.id).where(User.id == driver_id, User.disabled.is_(False))
    return session.scalar(enabled.with_for_update(read=True)) is not None


def orders_with_expired_bids(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    statement = select(Bid.order_id).where(Bid.status == BidStatus.PLACED, Bid.expires_at <= now)
    return session.scalars(statement.distinct().limit(limit)).all()
