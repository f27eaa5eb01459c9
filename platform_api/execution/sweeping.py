"""Finding what a moment could not settle: statements that came before what they wait for, codes not made yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.execution import codes
from platform_api.execution.applying import LOADED, apply
from platform_api.execution.models import DeliveryCode, DriverAction
from platform_api.execution.reckoning import PENDING, Key, Verdict
from platform_api.execution.telling import attach, files_of
from platform_api.files.models import File
from platform_api.orders.models import Order
from platform_api.orders.repository import lock_order

ORDERS_AT_ONCE = 200
# As long as an upload that nothing refers to is kept.
WAITED_FOR = timedelta(days=14)


def pending_orders(session: Session, now: datetime) -> Sequence[UUID]:
    """Orders with a statement whose time may have come: picked up since, or its files uploaded."""
    uploaded = exists().where(
        File.party_id == DriverAction.user_id, File.created_at > DriverAction.recorded_at
    )
    return session.scalars(
        select(DriverAction.order_id)
        .join(Order, Order.id == DriverAction.order_id)
        .where(
            DriverAction.recorded_at > now - WAITED_FOR,
            or_(
                DriverAction.refusal.in_(PENDING) & Order.status.in_(LOADED),
                (DriverAction.verdict == Verdict.WAITING_FOR_FILE) & uploaded,
            ),
        )
        .distinct()
        .limit(ORDERS_AT_ONCE)
    ).all()


def reckon_again(session: Session, order_id: UUID, now: datetime) -> bool:
    """Whether it was judged: somebody who is acting on the order settles it himself."""
    order = lock_order(session, order_id, skip_locked=True)
    if order is None:
        return False
    fresh: list[Key] = []
    waiting = select(DriverAction).where(
        DriverAction.order_id == order_id, DriverAction.verdict == Verdict.WAITING_FOR_FILE
    )
    for row in session.scalars(waiting.order_by(DriverAction.at, DriverAction.id)).all():
        if attach(session, Actor(row.user_id, Role.DRIVER), row, files_of(row), now):
            fresh.append((row.user_id, row.id))
    apply(session, order, now, fresh=fresh)
    return True


def orders_without_code(session: Session) -> Sequence[UUID]:
    """On the road, with a consignee who can be texted, who knows no code yet."""
    known = exists().where(DeliveryCode.order_id == Order.id)
    return session.scalars(
        select(Order.id)
        .where(Order.status.in_(LOADED), Order.delivery_contact_phone.is_not(None), ~known)
        .limit(ORDERS_AT_ONCE)
    ).all()


def make_code(session: Session, order_id: UUID, now: datetime) -> None:
    order = lock_order(session, order_id, skip_locked=True)
    if order is not None and order.status in LOADED:
        codes.open_code(session, order, now)
