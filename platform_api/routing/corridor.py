"""The corridor of an order: a geofence along its plan, which watches the order's truck alone.

Ingest judges it like every other fence; what follows from its visits is in `platform_api.watch`.
"""

from datetime import datetime
from uuid import UUID

import polyline
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.logging import get_logger
from config.settings import get_settings
from platform_api.errors import Invalid
from platform_api.geofences import service as geofences
from platform_api.orders import repository as orders
from platform_api.orders.crew_since import crew_since
from platform_api.orders.models import Order
from platform_api.orders.rules import FENCE_GRACE, UNDERWAY, OrderStatus
from platform_api.routing.models import PlannedRoute
from platform_api.tracking.route import simplify

log = get_logger(__name__)

# Of the line that ingest measures every fix against.
MAX_CORRIDOR_POINTS = 1_000
# A road that merely crosses the corridor is not a return to the planned one.
_SETTINGS = {"segment_crossing": False}


def lay(session: Session, order: Order, plan: PlannedRoute, now: datetime) -> None:
    """Watch the assigned truck along a plan that is good enough; else nothing."""
    if plan.degraded or order.vehicle_id is None or order.status not in UNDERWAY:
        return
    width_m = get_settings().corridor_width_m
    points = simplify(polyline.decode(plan.line, 6, geojson=True), MAX_CORRIDOR_POINTS)
    shape = {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [list(point) for point in points]},
        "properties": {"width_m": width_m},
    }
    try:
        fence = geofences.create_geofence(
            session,
            owner_id=order.shipper_id,
            name=f"{order.reference}: {order.pickup_name} → {order.delivery_name}",
            shape=shape,
            settings=_SETTINGS,
            vehicle_id=order.vehicle_id,
            carrier_id=None,
            valid_from=crew_since(session, order.id),
            now=now,
        )
    except Invalid as error:
        # Pickup and delivery on one spot, or a way around the world: the plan stands, nobody watches it.
        log.warning("no corridor along this plan", order_id=str(order.id), code=error.code)
        return
    plan.geofence_id, plan.width_m = fence.id, width_m


def end_superseded(session: Session, order_id: UUID, now: datetime) -> None:
    """Corridors of plans that are no longer driven judge nothing any more."""
    old = session.scalars(
        select(PlannedRoute).where(
            PlannedRoute.order_id == order_id,
            PlannedRoute.superseded_at.is_not(None),
            PlannedRoute.geofence_id.is_not(None),
            PlannedRoute.ended_at.is_(None),
        )
    ).all()
    for plan in old:
        assert plan.geofence_id is not None
        orders.retire_fences(session, [plan.geofence_id], now)
        plan.ended_at = now


def end_finished(session: Session, now: datetime, limit: int) -> int:
    """Corridors of orders that are over: as long as the order's other fences, so that late positions count."""
    rows = session.execute(
        select(PlannedRoute, Order.status)
        .join(Order, Order.id == PlannedRoute.order_id)
        .where(
            PlannedRoute.geofence_id.is_not(None),
            PlannedRoute.ended_at.is_(None),
            Order.status.not_in([*UNDERWAY, OrderStatus.DELIVERED, OrderStatus.DISPUTED]),
        )
        .order_by(PlannedRoute.id)
        .limit(limit)
        .with_for_update(of=PlannedRoute, skip_locked=True)
    ).all()
    for plan, status in rows:
        assert plan.geofence_id is not None
        if status == OrderStatus.CANCELLED:
            orders.retire_fences(session, [plan.geofence_id], now)
        else:
            orders.end_fences(session, [plan.geofence_id], valid_until=now + FENCE_GRACE, now=now)
        plan.ended_at = now
    return len(rows)
