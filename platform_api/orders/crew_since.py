"""Since when the vehicle that is on an order is on it: of what it did before, nothing is the order's business."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


def _since(another: str) -> str:
    """Of `orders o`: the award, or the crew change after which no `another` crew was on it. NULL without an award."""
    return f"""
greatest(o.assigned_at, (
    SELECT min(c.since) FROM order_crews c
    WHERE c.order_id = o.id AND c.id > coalesce((
        SELECT max(other.id) FROM order_crews other WHERE other.order_id = o.id AND {another}), 0)))
"""  # noqa: S608 - constants of this module


# Since when the present vehicle is on it; the present driver (as the view `phone_windows` has it); both of them.
CREW_SINCE = _since("other.vehicle_id <> o.vehicle_id")
DRIVER_SINCE = _since("other.driver_id <> o.driver_id")
BOTH_SINCE = _since("(other.vehicle_id, other.driver_id) <> (o.vehicle_id, o.driver_id)")
_OF_ORDER = text(f"SELECT {CREW_SINCE} FROM orders o WHERE o.id = :order_id")  # noqa: S608 - of this module


def crew_since(session: Session, order_id: UUID) -> datetime | None:
    """Event time, aware UTC; None for an order that nobody was given."""
    since: datetime | None = session.scalar(_OF_ORDER, {"order_id": order_id})
    return since
