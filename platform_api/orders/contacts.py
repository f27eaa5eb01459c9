"""Names and phones of senders and receivers, who have no account here: they go some time after the order is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.rules import OrderStatus

OVER: Final = (OrderStatus.COMPLETED, OrderStatus.RESOLVED, OrderStatus.CANCELLED)


def forget_old(session: Session, now: datetime, limit: int) -> int:
    """How many orders that ended long enough ago lost theirs, stops included. A locked one waits for the next round."""
    before = now - timedelta(days=get_settings().contact_keep_days)
    # As the index has it.
    ended_at = func.coalesce(Order.cancelled_at, Order.completed_at, Order.updated_at)
    due = session.scalars(
        select(Order.id)
        .where(Order.status.in_(OVER), Order.contacts_forgotten_at.is_(None), ended_at <= before)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    return _forget(session, due, now)


def forget_of(session: Session, party_id: UUID, now: datetime) -> int:
    """At once those that a shipper or broker wrote who is erased: of a small one they are himself."""
    his = or_(Order.shipper_id == party_id, Order.broker_id == party_id)
    due = select(Order.id).where(his, Order.status.in_(OVER), Order.contacts_forgotten_at.is_(None))
    return _forget(session, session.scalars(due.order_by(Order.id).with_for_update()).all(), now)


def _forget(session: Session, due: Sequence[UUID], now: datetime) -> int:
    if due:
        session.execute(
            update(Order)
            .where(Order.id.in_(due))
            .values(
                pickup_contact_name=None,
                pickup_contact_phone=None,
                delivery_contact_name=None,
                delivery_contact_phone=None,
                contacts_forgotten_at=now,
            )
        )
        named = or_(OrderStop.contact_name.is_not(None), OrderStop.contact_phone.is_not(None))
        session.execute(
            update(OrderStop)
            .where(OrderStop.order_id.in_(due), named)
            .values(contact_name=None, contact_phone=None)
        )
    return len(due)
