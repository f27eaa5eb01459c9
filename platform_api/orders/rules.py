"""Who may move an order, from which state, and what comes of it: pure decisions.

What geofences do to an order is in `progress`; this module is about people. Every function raises a
`platform_api.errors` class with a stable code when the answer is no.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden


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


class Action(StrEnum):
    """`order_history.action`: what was done or seen."""

    # people
    CREATED = "created"
    EDITED = "edited"
    POSTED = "posted"
    BID_PLACED = "bid_placed"
    BID_WITHDRAWN = "bid_withdrawn"
    BID_EXPIRED = "bid_expired"  # by the system
    BID_ACCEPTED = "bid_accepted"
    BID_REVISED = "bid_revised"
    COUNTER_MADE = "counter_made"
    COUNTER_ACCEPTED = "counter_accepted"
    COUNTER_DECLINED = "counter_declined"
    COUNTER_WITHDRAWN = "counter_withdrawn"
    COUNTER_EXPIRED = "counter_expired"  # by the system
    OFFER_MADE = "offer_made"
    OFFER_ACCEPTED = "offer_accepted"
    OFFER_DECLINED = "offer_declined"
    OFFER_WITHDRAWN = "offer_withdrawn"
    OFFER_EXPIRED = "offer_expired"  # by the system
    BROKERAGE_AGREED = "brokerage_agreed"
    CANCELLED = "cancelled"
    CARRIER_WITHDREW = "carrier_withdrew"
    LOADING_CONFIRMED = "loading_confirmed"
    PROOF_OF_DELIVERY = "proof_of_delivery"
    DELIVERY_CONFIRMED = "delivery_confirmed"
    COMPLETED_BY_SILENCE = "completed_by_silence"  # by the system
    DISPUTED = "disputed"
    DISPUTE_CLOSED = "dispute_closed"
    # the crew
    LOAD_ACCEPTED = "load_accepted"
    LOAD_REJECTED = "load_rejected"
    CREW_CHANGED = "crew_changed"
    ARRIVAL_STATED = "arrival_stated"
    RESERVES_MADE = "reserves_made"
    DRIVER_NOTE = "driver_note"
    ACTION_IN_CONFLICT = "action_in_conflict"  # said of an order that went another way meanwhile
    WAYBILL_ISSUED = "waybill_issued"
    WAYBILL_VOIDED = "waybill_voided"
    # geofences
    ARRIVED_PICKUP = "arrived_pickup"
    PICKED_UP = "picked_up"
    DEPARTED_PICKUP = "departed_pickup"
    ARRIVED_DELIVERY = "arrived_delivery"
    DEPARTED_DELIVERY = "departed_delivery"
    ARRIVED_STOP = "arrived_stop"  # evidence: stop, its number
    DEPARTED_STOP = "departed_stop"
    LEFT_PICKUP_EARLY = "left_pickup_early"
    VISIT_RETRACTED = "visit_retracted"  # no visit is left at that place
    VISIT_REVISED = "visit_revised"  # the visit is still there, its times are not what was told
    VISIT_SUPERSEDED = "visit_superseded"  # the visit stands as told, but another one counts


S = OrderStatus

# Every change of status there is, and by what. `docs/flows.md` draws this very dict; a test compares.
TRANSITIONS: Mapping[OrderStatus, Mapping[OrderStatus, str]] = MappingProxyType(
    {
        S.DRAFT: {S.POSTED: "post", S.ASSIGNED: "offer accepted", S.CANCELLED: "cancel"},
        S.POSTED: {S.BIDDING: "first bid", S.ASSIGNED: "offer accepted", S.CANCELLED: "cancel, or expiry"},
        S.BIDDING: {S.ASSIGNED: "bid, counter-offer or offer accepted", S.CANCELLED: "cancel, or expiry"},
        S.ASSIGNED: {
            S.PICKUP_PENDING: "enters pickup",
            S.PICKED_UP: "driver confirms loading",
            S.POSTED: "carrier withdraws",
            S.CANCELLED: "cancel",
        },
        S.PICKUP_PENDING: {
            S.PICKED_UP: "driver confirms loading, or leaves after a real stay",
            S.ASSIGNED: "visit retracted",
            S.POSTED: "carrier withdraws",
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
        S.DISPUTED: {S.RESOLVED: "settled, or withdrawn", S.CANCELLED: "annulled"},
        S.COMPLETED: {},
        S.RESOLVED: {},
        S.CANCELLED: {},
    }
)

OPEN = frozenset({S.POSTED, S.BIDDING})
# A direct offer needs no market.
GIVEABLE = OPEN | {S.DRAFT}
# The vehicle is on this order: it cannot be given another one.
UNDERWAY = frozenset({S.ASSIGNED, S.PICKUP_PENDING, S.PICKED_UP, S.IN_TRANSIT})
CANCELLABLE = frozenset(status for status, to in TRANSITIONS.items() if S.CANCELLED in to) - {S.DISPUTED}

# To a carrier that merely bid, everything after the award is just ASSIGNED.
SHOWN_TO_BIDDERS = frozenset({S.DRAFT, S.POSTED, S.BIDDING, S.CANCELLED})
# What a carrier that merely bid on an order may still read of its history, without evidence or actors.
AWARDS = frozenset({Action.BID_ACCEPTED, Action.COUNTER_ACCEPTED, Action.OFFER_ACCEPTED})
PUBLIC_ACTIONS = AWARDS | {Action.CREATED, Action.POSTED, Action.CANCELLED}
# Between the order's dispatcher and one carrier each.
DEALINGS = frozenset(
    {
        Action.BID_PLACED, Action.BID_REVISED, Action.BID_WITHDRAWN, Action.BID_EXPIRED, Action.COUNTER_MADE,
        Action.COUNTER_DECLINED, Action.COUNTER_WITHDRAWN, Action.COUNTER_EXPIRED, Action.OFFER_MADE,
        Action.OFFER_DECLINED, Action.OFFER_WITHDRAWN, Action.OFFER_EXPIRED,
    }
)  # fmt: skip
# Between a freight broker and his customer.
BROKERAGE = frozenset({Action.BROKERAGE_AGREED})

# The truck is still unloading when the shipper confirms: its fences watch it leave.
FENCE_GRACE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    """What people's decisions look at. Times are event times, aware UTC."""

    id: UUID
    status: OrderStatus
    shipper_id: UUID
    broker_id: UUID | None = None
    carrier_id: UUID | None = None
    driver_id: UUID | None = None
    vehicle_id: int | None = None
    assigned_at: datetime | None = None
    picked_up_at: datetime | None = None
    loading_confirmed_at: datetime | None = None  # by a person, not by leaving the fence
    delivered_at: datetime | None = None
    expires_at: datetime | None = None


def is_open(order: OrderSnapshot, now: datetime) -> bool:
    """Whether it may be given away on the market: from its end on not, whenever the sweep comes round."""
    return order.status in OPEN and (order.expires_at is None or now < order.expires_at)


def state_diagram() -> str:
    """TRANSITIONS as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> DRAFT"]
    for status, targets in TRANSITIONS.items():
        lines += [f"    {status} --> {target}: {label}" for target, label in targets.items()]
        if not targets:
            lines.append(f"    {status} --> [*]")
    return "\n".join(lines)


def may_see_all(actor: Actor) -> bool:
    """Administrators run the market and read everything. Freight brokers do not: anybody may register as one."""
    return actor.is_administrator


def is_party(
    shipper_id: UUID,
    carrier_id: UUID | None,
    driver_id: UUID | None,
    actor: Actor,
    *,
    broker_id: UUID | None = None,
) -> bool:
    """Whether the order's whole story is this actor's business (a losing bidder's it is not)."""
    if may_see_all(actor):
        return True
    own = {
        Role.SHIPPER: shipper_id,
        Role.BROKER: broker_id,
        Role.CARRIER: carrier_id,
        Role.DRIVER: driver_id,
    }
    return own.get(actor.role) == actor.party_id


def may_create(actor: Actor) -> None:
    if actor.role not in (Role.SHIPPER, Role.BROKER) and not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only shippers and freight brokers create orders.")


def owner_only(order: OrderSnapshot, actor: Actor, what: str) -> None:
    """Only who runs the order, and administrators: its freight broker where it has one, else its shipper.

    Raises Forbidden `order_brokered` to the customer of a broker, `not_your_order` to everybody else.
    """
    if actor.is_administrator or actor.party_id == dispatcher_of(order.shipper_id, order.broker_id):
        return
    if actor.party_id == order.shipper_id:
        raise Forbidden("order_brokered", f"The order is in a broker's hands: only he may {what}.")
    raise Forbidden("not_your_order", f"Only the shipper of this order may {what}.")


def customer_side_only(order: OrderSnapshot, actor: Actor, what: str) -> None:
    """Whose goods they are, his freight broker, and administrators. Raises Forbidden `not_your_order`."""
    if actor.party_id not in (order.shipper_id, order.broker_id) and not actor.is_administrator:
        raise Forbidden("not_your_order", f"Only the shipper of this order may {what}.")


def dispatcher_of(shipper_id: UUID, broker_id: UUID | None) -> UUID:
    """Who gives the order away and agrees with carriers."""
    return broker_id or shipper_id


def parties_of(shipper_id: UUID, broker_id: UUID | None, carrier_id: UUID | None) -> list[UUID]:
    """The businesses that an order concerns, each once: whose goods they are, his freight broker, the carrier."""
    return list(dict.fromkeys(party for party in (shipper_id, broker_id, carrier_id) if party is not None))


def post(order: OrderSnapshot, actor: Actor) -> bool:
    """True = post it now; False = it was posted before (a repeated click)."""
    owner_only(order, actor, "post it")
    if order.status in OPEN:
        return False
    if order.status is not S.DRAFT:
        raise Conflict("order_not_draft", f"An order that is {order.status} cannot be posted.")
    return True


def edit(order: OrderSnapshot, actor: Actor) -> None:
    """Raises unless its shipper changes a draft: what others have read does not change under them."""
    owner_only(order, actor, "change it")
    if order.status is not S.DRAFT:
        raise Conflict("order_not_draft", f"An order that is {order.status} cannot be changed.")


def discard(order: OrderSnapshot, actor: Actor, *, discarded_before: bool) -> bool:
    """True = throw the draft away now; False = it was thrown away before."""
    owner_only(order, actor, "throw it away")
    if order.status is S.CANCELLED and discarded_before:
        return False
    if order.status is not S.DRAFT:
        raise Conflict("order_not_draft", f"An order that is {order.status} can only be cancelled.")
    return True


def cancel(order: OrderSnapshot, actor: Actor) -> bool:
    """True = cancel it now; False = it was cancelled before."""
    customer_side_only(order, actor, "cancel it")
    if order.status is S.CANCELLED:
        return False
    if order.status not in CANCELLABLE:
        raise Conflict("order_not_cancellable", f"An order that is {order.status} cannot be cancelled.")
    return True


def confirm_delivery(order: OrderSnapshot, actor: Actor) -> bool:
    """True = complete it now; False = it was completed before."""
    customer_side_only(order, actor, "confirm the delivery")
    if order.status is S.COMPLETED:
        return False
    if order.status is not S.DELIVERED:
        raise Conflict("order_not_delivered", f"An order that is {order.status} cannot be confirmed.")
    return True
