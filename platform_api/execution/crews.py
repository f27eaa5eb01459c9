"""Who is on an order: the present crew, and another one put in its place."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from platform_api.actor import Actor
from platform_api.availability import service as availability
from platform_api.bids import repository as bids
from platform_api.errors import Conflict
from platform_api.execution import rules
from platform_api.execution.models import OrderCrew
from platform_api.fleet_documents import service as fleet_documents
from platform_api.orders import fences
from platform_api.orders.following import refresh
from platform_api.orders.models import Order
from platform_api.orders.recording import record
from platform_api.orders.rules import Action
from platform_api.orders.service import locked_order
from platform_api.waybills import service as waybills


def present_crew(session: Session, order: Order) -> OrderCrew:
    """Of an assigned, locked order; the award's own crew gets its row when first asked for."""
    assert order.assigned_at is not None
    last = session.scalar(
        select(OrderCrew)
        .where(OrderCrew.order_id == order.id, OrderCrew.since >= order.assigned_at)
        .order_by(OrderCrew.id.desc())
        .limit(1)
    )
    if last is not None:
        return last
    assert order.vehicle_id is not None
    assert order.driver_id is not None
    crew = OrderCrew(
        order_id=order.id,
        vehicle_id=order.vehicle_id,
        driver_id=order.driver_id,
        since=order.assigned_at,
        pickup_geofence_id=order.pickup_geofence_id,
    )
    session.add(crew)
    session.flush()
    return crew


def crew_id_of(session: Session, order: Order, driver: Actor) -> int:
    """The crew that this driver is, or last was, on this order."""
    if order.driver_id == driver.user_id:
        return present_crew(session, order).id
    last = select(func.max(OrderCrew.id)).where(
        OrderCrew.order_id == order.id, OrderCrew.driver_id == driver.user_id
    )
    crew_id: int | None = session.scalar(last)
    assert crew_id is not None
    return crew_id


def change_crew(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    vehicle_id: int,
    driver_id: UUID | None,
    now: datetime,
) -> Order:
    """Put another truck or driver of the carrier on the order, before the goods are on the truck.

    Another truck gets fences of its own; what the first one did at its fences no longer counts. A
    waybill that names the former crew is voided. Raises as `rules.change_crew`, `rules.take_on`, and
    Conflict of `availability.service.ASSIGNABLE_ERRORS`.
    """
    order, facts = locked_order(session, actor, order_id)
    rules.change_crew(facts, actor)
    assert order.carrier_id is not None
    vehicle = bids.vehicle_snapshot(session, vehicle_id, lock=True, besides=order.id)
    drives = driver_id is not None and bids.drives_for(session, driver_id, order.carrier_id)
    vehicle_id, new_driver_id = rules.take_on(facts, vehicle, driver_id, drives=drives)
    if (vehicle_id, new_driver_id) == (order.vehicle_id, order.driver_id):
        return order
    if not bids.hold_driver(session, new_driver_id):
        raise Conflict("vehicle_without_driver", "This driver cannot be given an order.")
    if vehicle_id == order.vehicle_id:
        # The truck has the load already: that it stands in a workshop is no reason against another driver.
        fleet_documents.check_assignable(session, vehicle_id, new_driver_id, now)
    else:
        availability.check_assignable(session, vehicle_id, new_driver_id, now)
    _take_on(session, order, actor, vehicle_id, new_driver_id, now)
    session.flush()
    refresh(session, order, now)
    return order


def _take_on(
    session: Session, order: Order, actor: Actor, vehicle_id: int, driver_id: UUID, now: datetime
) -> None:
    before = present_crew(session, order)
    if before.pickup_geofence_id is None:
        before.pickup_geofence_id = order.pickup_geofence_id
    crew = OrderCrew(
        order_id=order.id, vehicle_id=vehicle_id, driver_id=driver_id, since=now, put_on_by=actor.user_id
    )
    session.add(crew)
    evidence = {
        "vehicle_id": vehicle_id,
        "driver_id": str(driver_id),
        "vehicle_id_before": before.vehicle_id,
        "driver_id_before": str(before.driver_id),
    }
    order.driver_id = driver_id
    if vehicle_id != order.vehicle_id:
        order.vehicle_id = vehicle_id
        fences.retire(session, order, now)
        fences.watch(session, order, now)
        queue_after_commit(session, "routing.plan", order_id=str(order.id))
    crew.pickup_geofence_id = order.pickup_geofence_id
    waybills.void_of_order(session, order, actor, reason="Véhicule ou conducteur remplacé", now=now)
    record(session, order, Action.CREW_CHANGED, now=now, actor=actor, evidence=evidence)
