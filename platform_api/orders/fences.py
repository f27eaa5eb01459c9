"""The fences of an order: one for each place, for the assigned truck alone, while it is on the order."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from platform_api.geofences import service as geofences
from platform_api.orders import repository
from platform_api.orders.models import Order
from platform_api.orders.rules import FENCE_GRACE


def watch(session: Session, order: Order, now: datetime) -> None:
    """Both ends and every stop, for the vehicle that the order now has, judging from now on."""
    order.pickup_geofence_id = _fence(session, order, order.pickup_name, order.pickup_shape, now)
    order.delivery_geofence_id = _fence(session, order, order.delivery_name, order.delivery_shape, now)
    for stop in repository.stops_of(session, [order.id]).get(order.id, ()):
        stop.geofence_id = _fence(session, order, stop.name, stop.shape, now)


def _fence(session: Session, order: Order, name: str, shape: dict[str, Any], now: datetime) -> int:
    return geofences.create_geofence(
        session,
        owner_id=order.shipper_id,
        name=name,
        shape=shape,
        settings={},
        vehicle_id=order.vehicle_id,
        carrier_id=None,
        valid_from=now,
        now=now,
    ).id


def retire(session: Session, order: Order, now: datetime) -> None:
    """They judge nothing any more; their visits stay as told."""
    repository.retire_fences(session, _ids(session, order), now)


def release(session: Session, order: Order, now: datetime) -> None:
    """Retired, and no longer the order's: another truck gets its own. What it did at the stops is forgotten."""
    retire(session, order, now)
    order.pickup_geofence_id = order.delivery_geofence_id = None
    for stop in repository.stops_of(session, [order.id]).get(order.id, ()):
        stop.geofence_id = stop.arrived_at = stop.departed_at = None


def end(session: Session, order: Order, now: datetime) -> None:
    """They watch the truck leave, and no longer."""
    repository.end_fences(session, _ids(session, order), valid_until=now + FENCE_GRACE, now=now)


def _ids(session: Session, order: Order) -> list[int]:
    stops = repository.stops_of(session, [order.id]).get(order.id, ())
    fences = [order.pickup_geofence_id, order.delivery_geofence_id, *(stop.geofence_id for stop in stops)]
    return [fence for fence in fences if fence is not None]
