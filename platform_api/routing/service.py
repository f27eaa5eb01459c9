"""Planned routes of orders: what is to be asked, and what is kept of the answer. The edge commits.

The engine is asked between two transactions, by a task: no request and no lock ever waits for it.
"""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

import polyline
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.errors import NotFound
from platform_api.orders import repository as orders
from platform_api.orders import service as order_service
from platform_api.orders.models import Order
from platform_api.routing import corridor, repository, rules
from platform_api.routing.models import PlannedRoute
from platform_api.routing.plan import Plan, Source, TruckSize
from platform_api.routing.rules import PLANNED, Question
from platform_api.tracking.route import simplify

# Kept of a way; its lengths are the engine's own.
MAX_PLAN_POINTS = 5_000


def question(session: Session, order_id: UUID) -> Question | None:
    """None when the order needs no plan (any more)."""
    order = repository.find_order(session, order_id)
    if order is None or order.status not in PLANNED:
        return None
    return _question(session, order)


def _question(session: Session, order: Order) -> Question:
    between = [(stop.lon, stop.lat) for stop in repository.stops_of(session, order.id)]
    return Question(
        order_id=order.id,
        stops=((order.pickup_lon, order.pickup_lat), *between, (order.delivery_lon, order.delivery_lat)),
        truck=_truck(session, order.vehicle_id),
        drawn=rules.line_of(order.planned_route),
        vehicle_id=order.vehicle_id,
        engine=get_settings().routing_engine,
    )


def _truck(session: Session, vehicle_id: int | None) -> TruckSize:
    vehicle = None if vehicle_id is None else repository.find_vehicle(session, vehicle_id)
    if vehicle is None:
        return TruckSize()
    return rules.truck_size(
        height_m=vehicle.height_m,
        width_m=vehicle.width_m,
        length_m=vehicle.length_m,
        ptac_kg=vehicle.ptac_kg,
        axle_configuration=vehicle.axle_configuration,
    )


def is_answered(session: Session, asked: Question) -> bool:
    """Whether the plan in hand answers it, and a better one cannot be hoped for."""
    current = repository.current_plan(session, asked.order_id)
    if current is None or current.fingerprint != asked.fingerprint:
        return False
    return current.source != Source.STRAIGHT_LINE or asked.engine == "none"


def keep(session: Session, asked: Question, plan: Plan, now: datetime) -> PlannedRoute | None:
    """The order's plan from now on, with its corridor; None when another question is to be asked meanwhile."""
    order = orders.lock_order(session, asked.order_id)
    if order is None or order.status not in PLANNED:
        return None
    if _question(session, order).fingerprint != asked.fingerprint:
        return None
    current = repository.current_plan(session, order.id)
    if current is not None and current.fingerprint == asked.fingerprint:
        current.checked_at = now
        if plan.source is Source.STRAIGHT_LINE or current.source == plan.source:
            return current
    repository.supersede(session, order.id, now)
    made = PlannedRoute(
        order_id=order.id,
        source=plan.source,
        degraded=plan.degraded,
        line=polyline.encode(list(simplify(plan.points, MAX_PLAN_POINTS)), 6, geojson=True),
        legs=[asdict(leg) for leg in plan.legs],
        distance_m=plan.distance_m,
        duration_s=plan.duration_s,
        fingerprint=asked.fingerprint,
        vehicle_id=asked.vehicle_id,
        made_at=now,
        checked_at=now,
    )
    session.add(made)
    session.flush()
    corridor.end_superseded(session, order.id, now)
    corridor.lay(session, order, made, now)
    return made


def get_plan(session: Session, actor: Actor, order_id: UUID) -> PlannedRoute:
    """For all who may read the order. Raises NotFound `order_not_found`, `plan_not_found`."""
    order_service.get_order(session, actor, order_id)
    plan = repository.current_plan(session, order_id)
    if plan is None:
        raise NotFound("plan_not_found", "No route has been planned for this order yet.")
    return plan
