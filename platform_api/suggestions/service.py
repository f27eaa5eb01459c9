"""Suggested trucks for an order, in a constant number of queries."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.bids.warnings import pickup_window
from platform_api.errors import Conflict
from platform_api.kyc import service as kyc
from platform_api.orders.rules import GIVEABLE, OrderStatus, dispatcher_of, owner_only
from platform_api.orders.service import get_order, snapshot
from platform_api.reliability import service as reliability
from platform_api.suggestions import repository, rules
from platform_api.suggestions.rules import Load, Point, Suggestion
from platform_api.tracking.rules import bounding_box


def suggest_trucks(
    session: Session, actor: Actor, order_id: UUID, *, limit: int, now: datetime
) -> list[Suggestion]:
    """For who runs the order, while nobody has it. Raises Conflict `order_not_open` later."""
    order = get_order(session, actor, order_id)
    owner_only(snapshot(session, order), actor, "look for trucks")
    if OrderStatus(order.status) not in GIVEABLE:
        raise Conflict("order_not_open", f"An order that is {order.status} needs no truck.")
    fresh = timedelta(minutes=get_settings().driver_fresh_minutes)
    load = Load(
        pickup=Point(order.pickup_lat, order.pickup_lon),
        delivery=Point(order.delivery_lat, order.delivery_lon),
        weight_kg=order.weight_kg,
        vehicle_type=order.vehicle_type,
        pickup_closes_at=order.pickup_closes_at,
    )
    box = bounding_box(order.pickup_lat, order.pickup_lon, rules.RADIUS_KM)
    wanted = repository.Wanted(
        order.id,
        load.pickup,
        load.weight_kg,
        box,
        now - fresh,
        had=pickup_window(order) or (now, now),
        now=now,
        papers_needed=get_settings().fleet_documents_required,
    )
    rows = repository.candidates(session, wanted)
    dealing = kyc.who_may_deal(session, {row.carrier_id for row in rows}, now)
    rows = [row for row in rows if row.carrier_id in dealing]
    carriers = sorted({row.carrier_id for row in rows})
    homes = repository.came_from(session, [row.vehicle_id for row in rows])
    dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
    together = repository.loads_together(session, dispatcher, carriers)
    kept = {
        carrier_id: found.score / 100
        for carrier_id, found in reliability.of_carriers(session, carriers).items()
        if found.score is not None
    }
    trucks = [repository.truck_of(row, homes, together, kept) for row in rows]
    return rules.suggest(load, trucks, now, fresh, limit)
