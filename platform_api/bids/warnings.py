"""What a bidder and who runs the order are told about the truck and driver of a bid. Nothing is refused for it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.availability import service as availability
from platform_api.bids.models import Bid
from platform_api.bids.rules import BidStatus
from platform_api.fleet.models import Vehicle
from platform_api.fleet_documents import licences
from platform_api.limits import rules as limits
from platform_api.limits import service as law
from platform_api.limits.rules import Warning
from platform_api.orders.models import Order
from platform_api.vehicle_types.models import VehicleType

UNAVAILABLE = Warning(
    "vehicle_unavailable_at_pickup",
    "Le véhicule est indisponible pendant tout ou partie de la plage d'enlèvement.",
    "The vehicle cannot be had during the pickup window, or a part of it.",
    None,
    None,
)


def of_bids(
    session: Session, order: Order, bids: Sequence[Bid], *, now: datetime
) -> Mapping[UUID, list[Warning]]:
    """By bid, for those that are open; as many queries for one as for many. By the law of the day of the pickup."""
    open_bids = [bid for bid in bids if bid.status == BidStatus.PLACED]
    if not open_bids:
        return {}
    ids = {bid.vehicle_id for bid in open_bids}
    found = session.execute(
        select(Vehicle, VehicleType.refrigerated)
        .outerjoin(VehicleType, VehicleType.code == Vehicle.type_code)
        .where(Vehicle.id.in_(ids))
    ).all()
    vehicles = {vehicle.id: (vehicle, bool(refrigerated)) for vehicle, refrigerated in found}
    window = pickup_window(order)
    blocked = set() if window is None else availability.blocked_in(session, dict.fromkeys(ids, window))
    drivers = {bid.id: bid.driver_id or vehicles[bid.vehicle_id][0].driver_id for bid in open_bids}
    classes = licences.classes_of(session, [one for one in drivers.values() if one is not None])
    in_force = law.law_on(session, (window[0] if window else now).date())
    warnings: dict[UUID, list[Warning]] = {}
    for bid in open_bids:
        vehicle, refrigerated = vehicles[bid.vehicle_id]
        driver_id = drivers[bid.id]
        truck = law.truck_of(vehicle, refrigerated=refrigerated)
        warnings[bid.id] = [
            *([UNAVAILABLE] if vehicle.id in blocked else []),
            *limits.warnings(truck, order.weight_kg, in_force),
            *(licences.warnings_of(classes.get(driver_id), vehicle) if driver_id is not None else []),
        ]
    return warnings


def pickup_window(order: Order) -> tuple[datetime, datetime] | None:
    """[first, last] moment; of a window with one end that moment alone; None = nobody has said when."""
    first = order.pickup_opens_at or order.pickup_closes_at
    last = order.pickup_closes_at or order.pickup_opens_at
    return None if first is None or last is None else (first, last)
