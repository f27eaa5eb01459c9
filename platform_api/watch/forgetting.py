"""Erasure: what is kept of orders' journeys, without the positions of a driver who asked for it."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from platform_api.alerts.models import Alert
from platform_api.orders.models import Order
from platform_api.watch.models import RouteEvent

_POSITION = ("lat", "lon")
# Trucks that his phones were in.
_TRUCKS = text("""
SELECT DISTINCT a.vehicle_id FROM device_assignments a JOIN phone_owners p ON p.device_id = a.device_id
WHERE p.user_id = :subject
""")


def forget(session: Session, subject_id: UUID, is_his: Callable[[Mapping[str, Any]], bool]) -> int:
    """Rows changed. `is_his`: whether a ping (device_id, time) is of his phone.

    Where a truck stood is taken from the orders he drove whatever device said so: it is where he was.
    """
    trucks = session.scalars(_TRUCKS, {"subject": subject_id}).all()
    his = or_(Order.driver_id == subject_id, Order.vehicle_id.in_(trucks))
    changed = 0
    events = select(RouteEvent, Order.driver_id).join(Order, Order.id == RouteEvent.order_id).where(his)
    for event, driver_id in session.execute(events.with_for_update(of=RouteEvent)):
        left = without(event.evidence, is_his, everywhere=driver_id == subject_id)
        changed += left != event.evidence
        event.evidence = left
    alerts = select(Alert).join(Order, Order.id == Alert.order_id)
    for alert in session.scalars(alerts.where(Order.driver_id == subject_id, Alert.facts.has_key("lat"))):
        changed += alert.facts["lat"] is not None
        alert.facts = alert.facts | dict.fromkeys(_POSITION)
    return changed


def without(
    evidence: Mapping[str, Any], is_his: Callable[[Mapping[str, Any]], bool], *, everywhere: bool
) -> dict[str, Any]:
    """Evidence without the coordinates of his pings; `everywhere`: without those that name no device, too."""
    left = dict(evidence)
    if everywhere and "lat" in left:
        left |= dict.fromkeys(_POSITION)
    farthest = left.get("farthest")
    if farthest is not None and is_his(farthest):
        left["farthest"] = farthest | dict.fromkeys(_POSITION)
    if "pings" in left:
        left["pings"] = [ping | dict.fromkeys(_POSITION) if is_his(ping) else ping for ping in left["pings"]]
    return left
