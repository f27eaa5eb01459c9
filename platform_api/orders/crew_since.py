"""Since when the vehicle that is on an order is on it: of what it did before, nothing is the order's business."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

# Of `orders o`: the award, or the crew change after which no other vehicle was on it. NULL without a vehicle's award.
CREW_SINCE = """
greatest(o.assigned_at, (
    SELECT min(c.since) FROM order_crews c
    WHERE c.order_id = o.id AND c.id > coalesce((
        SELECT max(other.id) FROM order_crews other
        WHERE other.order_id = o.id AND other.vehicle_id <> o.vehicle_id), 0)))
"""
_OF_ORDER = text(f"SELECT {CREW_SINCE} FROM orders o WHERE o.id = :order_id")  # noqa: S608 - of this module


def crew_since(session: Session, order_id: UUID) -> datetime | None:
    """Event time, aware UTC; None for an order that nobody was given."""
    since: datetime | None = session.scalar(_OF_ORDER, {"order_id": order_id})
    return since
