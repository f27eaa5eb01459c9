"""Who may bid, and who wins: pure decisions, under the order's lock.

Every function raises a `platform_api.errors` class with a stable code when the answer is no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid, NotFound
from platform_api.orders.rules import OPEN, OrderSnapshot, OrderStatus, owner_only


class BidStatus(StrEnum):
    PLACED = "PLACED"
    ACCEPTED = "ACCEPTED"
    LOST = "LOST"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class BidSnapshot:
    id: UUID
    carrier_id: UUID
    vehicle_id: int
    driver_id: UUID | None
    amount_xof: int
    status: BidStatus
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class VehicleSnapshot:
    id: int
    carrier_id: UUID | None
    driver_id: UUID | None
    busy_with: UUID | None = None  # another order UNDERWAY with this vehicle


def place_bid(order: OrderSnapshot, actor: Actor, vehicle: VehicleSnapshot | None, amount_xof: int) -> None:
    """Raises unless a carrier offers a vehicle of its own on an open order, with somebody to drive it.

    A vehicle that is busy now may bid: it may be free by the time the bid is accepted.
    """
    if actor.role is not Role.CARRIER:
        raise Forbidden("role_not_allowed", "Only carriers bid.")
    if order.status not in OPEN:
        raise Conflict("order_not_open", f"An order that is {order.status} takes no bids.")
    if amount_xof <= 0:
        raise Invalid("invalid_amount", "A bid is a whole number of XOF above zero.")
    if vehicle is None or vehicle.carrier_id != actor.party_id:
        raise NotFound("vehicle_not_found", "You have no such vehicle.")


def withdraw_bid(bid: BidSnapshot, actor: Actor) -> bool:
    """True = withdraw it now; False = it was withdrawn before."""
    if bid.carrier_id != actor.party_id:
        raise NotFound("bid_not_found", "You have no such bid on this order.")
    if bid.status is BidStatus.WITHDRAWN:
        return False
    if bid.status is not BidStatus.PLACED:
        raise Conflict("bid_not_open", f"A bid that is {bid.status} cannot be withdrawn.")
    return True


@dataclass(frozen=True, slots=True)
class Award:
    """What accepting a bid brings about. `repeated`: it had been accepted before, nothing is to be done."""

    winner: BidSnapshot
    losers: tuple[UUID, ...]
    repeated: bool = False


def accept(
    order: OrderSnapshot, bids: Sequence[BidSnapshot], bid_id: UUID, actor: Actor, now: datetime
) -> Award:
    """Who wins and who loses. The same bid accepted again by its shipper is no error."""
    owner_only(order, actor, "accept a bid")
    bid = next((bid for bid in bids if bid.id == bid_id), None)
    if bid is None:
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    if bid.status is BidStatus.ACCEPTED and order.status is not OrderStatus.CANCELLED:
        return Award(bid, (), repeated=True)
    if order.status not in OPEN:
        raise Conflict("order_not_open", f"This order is {order.status}: no bid can be accepted any more.")
    if bid.status is BidStatus.PLACED and now < bid.expires_at:
        losers = tuple(b.id for b in bids if b.status is BidStatus.PLACED and b.id != bid_id)
        return Award(bid, losers)
    if bid.status in (BidStatus.PLACED, BidStatus.EXPIRED):
        raise Conflict("bid_expired", "This bid has expired.")
    raise Conflict("bid_not_open", f"A bid that is {bid.status} cannot be accepted.")


def assign_vehicle(winner: BidSnapshot, vehicle: VehicleSnapshot | None, *, driver_stays: bool) -> UUID:
    """The driver who will drive: the bid's while he still drives for the carrier, else the vehicle's.

    One vehicle carries one order at a time.

    Part loads would need a sequence of stops, which two independent orders do not have: what a
    truck does at one order's fence would be read as progress of the other.
    """
    if vehicle is None or vehicle.carrier_id != winner.carrier_id:
        raise Conflict("vehicle_gone", "The vehicle of this bid is no longer the carrier's.")
    if vehicle.busy_with is not None:
        raise Conflict("vehicle_busy", "The vehicle of this bid is on another order.")
    driver_id = winner.driver_id if driver_stays else vehicle.driver_id
    if driver_id is None:
        raise Conflict("vehicle_without_driver", "The vehicle of this bid has no driver.")
    return driver_id
