"""Queries over bids, and over vehicles and drivers that an order may be given to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.bids.models import Bid
from platform_api.bids.rules import BidStatus, VehicleSnapshot
from platform_api.fleet.models import Vehicle
from platform_api.orders.models import Order
from platform_api.orders.rules import UNDERWAY
from platform_api.pagination import PageQuery, fetch_page


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


def lose_open_bids(session: Session, order_id: UUID) -> None:
    """The order is gone: nothing that is still open can win. Under the order's lock."""
    session.execute(
        update(Bid)
        .where(Bid.order_id == order_id, Bid.status == BidStatus.PLACED)
        .values(status=BidStatus.LOST)
    )


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
