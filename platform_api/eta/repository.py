"""Queries over estimated arrivals."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from platform_api.eta.models import OrderEta
from platform_api.orders.crew_since import CREW_SINCE
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.rules import UNDERWAY
from platform_api.routing.models import PlannedRoute

# With a newer position than the estimate was made from, and not estimated just now; and those that were told
# late and are over.
_DUE = text(f"""
SELECT o.id FROM orders o
JOIN vehicle_states s ON s.vehicle_id = o.vehicle_id
LEFT JOIN order_etas e ON e.order_id = o.id
WHERE o.status = ANY (:underway) AND o.arrived_delivery_at IS NULL AND s.time >= {CREW_SINCE}
  AND (e.order_id IS NULL OR (s.time > e.position_time AND e.computed_at <= :before))
UNION ALL
SELECT e.order_id FROM order_etas e JOIN orders o ON o.id = e.order_id
WHERE e.late_since IS NOT NULL AND (o.arrived_delivery_at IS NOT NULL OR o.status <> ALL (:underway))
LIMIT :row_limit
""")  # noqa: S608 - no value of anybody's


_TRIPS = text("""
SELECT greatest(started_at, :start) AS started_at, least(ended_at, :until) AS ended_at
FROM intervals
WHERE vehicle_id = :vehicle_id AND kind = 'trip' AND origin = 'platform' AND retracted_at IS NULL
  AND started_at < :until AND (ended_at IS NULL OR ended_at > :start)
ORDER BY started_at
""")


def trips(
    session: Session, vehicle_id: int, start: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """(start, end) of what the vehicle drove between these event times; one that goes on ends at `until`."""
    rows = session.execute(_TRIPS, {"vehicle_id": vehicle_id, "start": start, "until": until})
    return [(row.started_at, row.ended_at) for row in rows]


def due(session: Session, now: datetime, *, every: timedelta, limit: int) -> Sequence[UUID]:
    return session.scalars(
        _DUE, {"underway": list(UNDERWAY), "before": now - every, "row_limit": limit}
    ).all()


def find_order(session: Session, order_id: UUID) -> Order | None:
    """Whoever asks: for tasks."""
    return session.get(Order, order_id, populate_existing=True)


def stops_of(session: Session, order_id: UUID) -> Sequence[OrderStop]:
    statement = select(OrderStop).where(OrderStop.order_id == order_id)
    return session.scalars(statement.order_by(OrderStop.sequence)).all()


def current_plan(session: Session, order_id: UUID) -> PlannedRoute | None:
    return session.scalar(
        select(PlannedRoute).where(PlannedRoute.order_id == order_id, PlannedRoute.superseded_at.is_(None))
    )


def find_eta(session: Session, order_id: UUID) -> OrderEta | None:
    return session.get(OrderEta, order_id)


def lock_eta(session: Session, order_id: UUID) -> OrderEta | None:
    return session.get(OrderEta, order_id, with_for_update=True, populate_existing=True)
