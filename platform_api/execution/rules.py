"""What the crew confirms on the road: loading and delivery. Pure.

Every function raises a `platform_api.errors` class with a stable code when the answer is no.
"""

from datetime import datetime
from uuid import UUID

from platform_api.actor import Actor
from platform_api.bids.rules import VehicleSnapshot
from platform_api.device_clock import check_not_ahead
from platform_api.errors import Conflict, Forbidden, Invalid, NotFound
from platform_api.orders.rules import UNDERWAY, OrderSnapshot, OrderStatus

S = OrderStatus

# Proof of delivery taken this near the fence still counts as taken at it, beside the fix's accuracy.
POD_MARGIN_M = 100.0


def crew_only(order: OrderSnapshot, actor: Actor, what: str) -> None:
    if actor.is_administrator:
        return
    if actor.party_id not in (order.driver_id, order.carrier_id):
        raise Forbidden("not_your_load", f"Only the driver or the carrier of this order may {what}.")


def dated(order: OrderSnapshot, at: datetime | None, now: datetime) -> datetime:
    """When a person says it happened: offline phones tell it late, and never long ahead."""
    time = at or now
    check_not_ahead(time, now)
    if order.assigned_at is not None and time < order.assigned_at:
        raise Invalid("time_before_assignment", "The time lies before the order was assigned.")
    return time


def status_once_loaded(status: OrderStatus) -> OrderStatus:
    """What the crew's confirmation makes of it; a truck seen leaving stays IN_TRANSIT."""
    return S.PICKED_UP if status in (S.ASSIGNED, S.PICKUP_PENDING) else status


def confirm_loading(
    order: OrderSnapshot, actor: Actor, now: datetime, *, at: datetime | None = None
) -> datetime | None:
    """When the goods were loaded, by the word of the crew; None = confirmed before.

    Allowed before the arrival is known, as its pings may be late, and after the departure was seen,
    as the phone may have been offline.
    """
    crew_only(order, actor, "confirm loading")
    if order.loading_confirmed_at is not None:
        return None
    if order.status not in UNDERWAY:
        raise Conflict(
            "order_not_underway", f"Loading cannot be confirmed while the order is {order.status}."
        )
    return dated(order, at, now)


def proof_of_delivery(
    order: OrderSnapshot, actor: Actor, now: datetime, *, at: datetime | None = None
) -> datetime | None:
    """When it was delivered, by the word of the crew; None = delivered before.

    What speaks against the proof is flagged (`reckoning.proof_flags`) and never refuses it; a time
    before the loading is a slip, which whoever is online can mend at once.
    """
    crew_only(order, actor, "deliver it")
    if order.delivered_at is not None:
        return None
    if order.status not in (S.PICKED_UP, S.IN_TRANSIT):
        raise Conflict("order_not_picked_up", f"An order that is {order.status} cannot be delivered.")
    time = dated(order, at, now)
    if order.loading_confirmed_at is not None and time < order.loading_confirmed_at:
        raise Invalid("time_before_loading", "The time lies before the goods were loaded.")
    return time


def change_crew(order: OrderSnapshot, actor: Actor) -> None:
    """Raises unless the carrier may still put another truck or driver of his on it."""
    if actor.party_id != order.carrier_id and not actor.is_administrator:
        raise Forbidden("not_your_load", "Only the carrier of this order may put another crew on it.")
    if order.status not in (S.ASSIGNED, S.PICKUP_PENDING):
        raise Conflict("crew_fixed", f"The crew of an order that is {order.status} stays.")


def take_on(
    order: OrderSnapshot, vehicle: VehicleSnapshot | None, driver_id: UUID | None, *, drives: bool
) -> tuple[int, UUID]:
    """The vehicle and driver that the order gets; `drives`: the named driver is the carrier's.

    Raises NotFound `vehicle_not_found`, `driver_not_found`, Conflict `vehicle_busy`, `vehicle_without_driver`.
    """
    if vehicle is None or vehicle.carrier_id != order.carrier_id:
        raise NotFound("vehicle_not_found", "You have no such vehicle.")
    if vehicle.busy_with is not None:
        raise Conflict("vehicle_busy", "The vehicle is on another order.")
    if driver_id is not None and not drives:
        raise NotFound("driver_not_found", "You have no such driver.")
    chosen = driver_id or vehicle.driver_id
    if chosen is None:
        raise Conflict("vehicle_without_driver", "The vehicle has no driver; name one.")
    return vehicle.id, chosen
