"""Queries over duty periods, and the orders a driver is on."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.duty.models import DutyPeriod
from platform_api.duty.rules import EndedBy, OpenOrder
from platform_api.orders.models import Order
from platform_api.pagination import PageQuery, fetch_page


def lock_driver(session: Session, user_id: UUID) -> None:
    """Whoever starts or ends this driver's duty waits here, so that the newest period read after it is the newest."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


def newest_period(session: Session, user_id: UUID) -> DutyPeriod | None:
    return session.scalar(
        select(DutyPeriod)
        .where(DutyPeriod.user_id == user_id)
        .order_by(DutyPeriod.started_at.desc(), DutyPeriod.id.desc())
        .limit(1)
    )


def page_periods(session: Session, user_id: UUID, query: PageQuery) -> tuple[list[DutyPeriod], str | None]:
    statement = select(DutyPeriod).where(DutyPeriod.user_id == user_id)
    return fetch_page(session, statement, [DutyPeriod.started_at, DutyPeriod.id], query)


def open_orders(session: Session, user_id: UUID) -> Sequence[OpenOrder]:
    """As the view `phone_windows` has them."""
    rows = session.execute(
        select(Order.id, Order.assigned_at)
        .where(
            Order.driver_id == user_id,
            Order.assigned_at.is_not(None),
            Order.delivered_at.is_(None),
            Order.completed_at.is_(None),
            Order.cancelled_at.is_(None),
        )
        .order_by(Order.assigned_at, Order.id)
    )
    return [OpenOrder(order_id, assigned_at) for order_id, assigned_at in rows if assigned_at is not None]


def close_forgotten(session: Session, now: datetime) -> int:
    """End every period that has outlived its limit, there; how many."""
    closed = session.scalars(
        update(DutyPeriod)
        .where(DutyPeriod.ended_at.is_(None), DutyPeriod.closes_at <= now)
        .values(ended_at=DutyPeriod.closes_at, ended_by=EndedBy.LIMIT.value)
        .returning(DutyPeriod.id)
    )
    return len(closed.all())
