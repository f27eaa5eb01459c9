"""Queries over planned routes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from platform_api.fleet.models import Vehicle
from platform_api.orders.models import Order, OrderStop
from platform_api.routing.models import PlannedRoute
from platform_api.routing.plan import Source
from platform_api.routing.rules import PLANNED


def stops_of(session: Session, order_id: UUID) -> Sequence[OrderStop]:
    """Those between the first pickup and the last delivery, in their order."""
    statement = select(OrderStop).where(OrderStop.order_id == order_id)
    return session.scalars(statement.order_by(OrderStop.sequence)).all()


def find_order(session: Session, order_id: UUID) -> Order | None:
    """Whoever asks: for tasks."""
    return session.get(Order, order_id, populate_existing=True)


def find_vehicle(session: Session, vehicle_id: int) -> Vehicle | None:
    return session.get(Vehicle, vehicle_id)


def current_plan(session: Session, order_id: UUID) -> PlannedRoute | None:
    return session.scalar(
        select(PlannedRoute).where(PlannedRoute.order_id == order_id, PlannedRoute.superseded_at.is_(None))
    )


def supersede(session: Session, order_id: UUID, now: datetime) -> None:
    session.execute(
        update(PlannedRoute)
        .where(PlannedRoute.order_id == order_id, PlannedRoute.superseded_at.is_(None))
        .values(superseded_at=now)
    )


def due(session: Session, now: datetime, *, retry: timedelta | None, limit: int) -> Sequence[UUID]:
    """Orders without a plan, with a plan for another truck, or (`retry`) with a straight line of so long ago."""
    current = and_(PlannedRoute.order_id == Order.id, PlannedRoute.superseded_at.is_(None))
    missing = [PlannedRoute.id.is_(None), PlannedRoute.vehicle_id.is_distinct_from(Order.vehicle_id)]
    if retry is not None:
        missing.append(
            and_(PlannedRoute.source == Source.STRAIGHT_LINE, PlannedRoute.checked_at <= now - retry)
        )
    statement = (
        select(Order.id)
        .outerjoin(PlannedRoute, current)
        .where(Order.status.in_(PLANNED), or_(*missing))
        .order_by(Order.id)
    )
    return session.scalars(statement.limit(limit)).all()
