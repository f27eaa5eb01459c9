"""Queries over duty periods, and the orders a driver is on."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.duty.models import DutyPeriod
from platform_api.duty.rules import EndedBy, OpenOrder
from platform_api.orders.crew_since import DRIVER_SINCE
from platform_api.pagination import PageQuery, fetch_page

_OPEN_ORDERS = text(f"""
SELECT o.id, {DRIVER_SINCE} AS since
FROM orders o
WHERE o.driver_id = :user_id AND o.assigned_at IS NOT NULL AND o.delivered_at IS NULL
  AND o.completed_at IS NULL AND o.cancelled_at IS NULL
ORDER BY since, o.id
""")  # noqa: S608 - a constant


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
    """As the view `phone_windows` has them: since the driver was put on the order."""
    rows = session.execute(_OPEN_ORDERS, {"user_id": user_id})
    return [OpenOrder(row.id, row.since) for row in rows]


def close_forgotten(session: Session, now: datetime) -> int:
    """End every period that has outlived its limit, there; how many."""
    closed = session.scalars(
        update(DutyPeriod)
        .where(DutyPeriod.ended_at.is_(None), DutyPeriod.closes_at <= now)
        .values(ended_at=DutyPeriod.closes_at, ended_by=EndedBy.LIMIT.value)
        .returning(DutyPeriod.id)
    )
    return len(closed.all())
