"""Who may move an order, from which state, and what comes of it: pure decisions.

What geofences do to an order is in `progress`; this module is about people. Every function raises a
`platform_api.errors` class with a stable code when the answer is no.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid, NotFound


class OrderStatus(StrEnum):
    DRAFT = "DRAFT"
    POSTED = "POSTED"
    BIDDING = "BIDDING"
    ASSIGNED = "ASSIGNED"
    PICKUP_PENDING = "PICKUP_PENDING"
    PICKED_UP = "PICKED_UP"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    COMPLETED = "COMPLETED"
    DISPUTED = "DISPUTED"
    RESOLVED = "RESOLVED"
    CANCELLED = "CANCELLED"


class BidStatus(StrEnum):
    PLACED = "PLACED"
    ACCEPTED = "ACCEPTED"
    LOST = "LOST"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class Action(StrEnum):
    """`order_history.action`: what was done or seen."""

    # people
    CREATED = "created"
    POSTED = "posted"
    BID_PLACED = "bid_placed"
    BID_WITHDRAWN = "bid_withdrawn"
    BID_EXPIRED = "bid_expired"  # by the system
    BID_ACCEPTED = "bid_accepted"
    CANCELLED = "cancelled"
    LOADING_CONFIRMED = "loading_confirmed"
    PROOF_OF_DELIVERY = "proof_of_delivery"
    DELIVERY_CONFIRMED = "delivery_confirmed"
    COMPLETED_BY_SILENCE = "completed_by_silence"  # by the system
    # geofences
    ARRIVED_PICKUP = "arrived_pickup"
    PICKED_UP = "picked_up"
    DEPARTED_PICKUP = "departed_pickup"
    ARRIVED_DELIVERY = "arrived_delivery"
    DEPARTED_DELIVERY = "departed_delivery"
    LEFT_PICKUP_EARLY = "left_pickup_early"
    VISIT_RETRACTED = "visit_retracted"  # no visit is left at that place
    VISIT_REVISED = "visit_revised"  # the visit is still there, its times are not what was told
    VISIT_SUPERSEDED = "visit_superseded"  # the visit stands as told, but another one counts


S = OrderStatus

# Every change of status there is, and by what. `docs/flows.md` draws this very dict; a test compares.
TRANSITIONS: Mapping[OrderStatus, Mapping[OrderStatus, str]] = MappingProxyType(
    {
        S.DRAFT: {S.POSTED: "post", S.CANCELLED: "cancel"},
        S.POSTED: {S.BIDDING: "first bid", S.CANCELLED: "cancel"},
        S.BIDDING: {S.ASSIGNED: "accept bid", S.CANCELLED: "cancel"},
        S.ASSIGNED: {
            S.PICKUP_PENDING: "enters pickup",
            S.PICKED_UP: "driver confirms loading",
            S.CANCELLED: "cancel",
        },
        S.PICKUP_PENDING: {
            S.PICKED_UP: "driver confirms loading, or leaves after a real stay",
            S.ASSIGNED: "visit retracted",
            S.CANCELLED: "cancel",
        },
        S.PICKED_UP: {S.IN_TRANSIT: "leaves pickup", S.DELIVERED: "proof of delivery"},
        S.IN_TRANSIT: {
            S.DELIVERED: "proof of delivery",
            S.PICKED_UP: "departure retracted",
            S.PICKUP_PENDING: "stay revised to a short one",
            S.ASSIGNED: "visit retracted, loading not confirmed",
        },
        S.DELIVERED: {S.COMPLETED: "confirmation, or silence", S.DISPUTED: "dispute"},
        S.DISPUTED: {S.RESOLVED: "settled", S.CANCELLED: "annulled"},
        S.COMPLETED: {},
        S.RESOLVED: {},
        S.CANCELLED: {},
    }
)

OPEN = frozenset({S.POSTED, S.BIDDING})
# The vehicle is on this order: it cannot be given another one.
UNDERWAY = frozenset({S.ASSIGNED, S.PICKUP_PENDING, S.PICKED_UP, S.IN_TRANSIT})
CANCELLABLE = frozenset(status for status, to in TRANSITIONS.items() if S.CANCELLED in to) - {S.DISPUTED}

# To a carrier that merely bid, everything after the award is just ASSIGNED.
SHOWN_TO_BIDDERS = frozenset({S.DRAFT, S.POSTED, S.BIDDING, S.CANCELLED})
# What a carrier that merely bid on an order may still read of its history, without evidence or actors.
PUBLIC_ACTIONS = frozenset({Action.CREATED, Action.POSTED, Action.BID_ACCEPTED, Action.CANCELLED})

# The truck is still unloading when the shipper confirms: its fences watch it leave.
FENCE_GRACE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """What people's decisions look at. Times are event times, aware UTC."""

    id: UUID
    status: OrderStatus
    shipper_id: UUID
    carrier_id: UUID | None = None
    driver_id: UUID | None = None
    vehicle_id: int | None = None
    assigned_at: datetime | None = None
    picked_up_at: datetime | None = None
    loading_confirmed_at: datetime | None = None  # by a person, not by leaving the fence
    delivered_at: datetime | None = None


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


def state_diagram() -> str:
    """TRANSITIONS as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> DRAFT"]
    for status, targets in TRANSITIONS.items():
        lines += [f"    {status} --> {target}: {label}" for target, label in targets.items()]
        if not targets:
            lines.append(f"    {status} --> [*]")
    return "\n".join(lines)


def may_see_all(actor: Actor) -> bool:
    """Those who run the market; they read everything, and act only where a rule says so."""
    return actor.is_administrator or actor.role is Role.BROKER


def is_party(shipper_id: UUID, carrier_id: UUID | None, driver_id: UUID | None, actor: Actor) -> bool:
    """Whether the order's whole story is this actor's business (a losing bidder's it is not)."""
    if may_see_all(actor):
        return True
    own = {Role.SHIPPER: shipper_id, Role.CARRIER: carrier_id, Role.DRIVER: driver_id}
    return own.get(actor.role) == actor.party_id


def may_create(actor: Actor) -> None:
    if actor.role not in (Role.SHIPPER, Role.BROKER) and not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only shippers and freight brokers create orders.")


def _owner_only(order: OrderSnapshot, actor: Actor, what: str) -> None:
    if actor.party_id != order.shipper_id and not actor.is_administrator:
        raise Forbidden("not_your_order", f"Only the shipper of this order may {what}.")


def post(order: OrderSnapshot, actor: Actor) -> bool:
    """True = post it now; False = it was posted before (a repeated click)."""
    _owner_only(order, actor, "post it")
    if order.status in OPEN:
        return False
    if order.status is not S.DRAFT:
        raise Conflict("order_not_draft", f"An order that is {order.status} cannot be posted.")
    return True


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
    _owner_only(order, actor, "accept a bid")
    bid = next((bid for bid in bids if bid.id == bid_id), None)
    if bid is None:
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    if bid.status is BidStatus.ACCEPTED and order.status is not S.CANCELLED:
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


def cancel(order: OrderSnapshot, actor: Actor) -> bool:
    """True = cancel it now; False = it was cancelled before."""
    _owner_only(order, actor, "cancel it")
    if order.status is S.CANCELLED:
        return False
    if order.status not in CANCELLABLE:
        raise Conflict("order_not_cancellable", f"An order that is {order.status} cannot be cancelled.")
    return True


def confirm_delivery(order: OrderSnapshot, actor: Actor) -> bool:
    """True = complete it now; False = it was completed before."""
    _owner_only(order, actor, "confirm the delivery")
    if order.status is S.COMPLETED:
        return False
    if order.status is not S.DELIVERED:
        raise Conflict("order_not_delivered", f"An order that is {order.status} cannot be confirmed.")
    return True
