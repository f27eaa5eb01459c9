"""Who may bid and counter, and who wins: pure decisions, under the order's lock.

Every function raises a `platform_api.errors` class with a stable code when the answer is no.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid, NotFound
from platform_api.orders.rules import OrderSnapshot, OrderStatus, is_open, owner_only

# How long a bid may stand: shorter, and its shipper could not read it; longer, and nobody knows the price of fuel.
MIN_VALID = timedelta(minutes=15)
MAX_VALID = timedelta(days=14)
# A counter-offer or a direct offer binds whoever makes it.
MIN_BINDING = timedelta(minutes=5)
MAX_BINDING = timedelta(days=3)


class BidStatus(StrEnum):
    PLACED = "PLACED"
    ACCEPTED = "ACCEPTED"
    LOST = "LOST"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class CounterStatus(StrEnum):
    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"
    LOST = "LOST"


@dataclass(frozen=True, slots=True)
class BidSnapshot:
    id: UUID
    carrier_id: UUID
    vehicle_id: int
    driver_id: UUID | None
    amount_xof: int
    status: BidStatus
    expires_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class CounterSnapshot:
    """What the order's dispatcher would pay instead of a bid's amount."""

    id: UUID
    bid_id: UUID
    amount_xof: int
    status: CounterStatus
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class VehicleSnapshot:
    id: int
    carrier_id: UUID | None
    driver_id: UUID | None
    busy_with: UUID | None = None  # another order UNDERWAY with this vehicle


@dataclass(frozen=True, slots=True)
class Deal:
    """Who carries an order, with what, for how much. `driver_id` None = whoever drives the vehicle."""

    carrier_id: UUID
    vehicle_id: int
    driver_id: UUID | None
    amount_xof: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What of a bid its reader had before his eyes; None = he does not say."""

    amount_xof: int | None = None
    version: int | None = None


def valid_until(
    asked: datetime | None, now: datetime, *, usual: timedelta, least: timedelta, most: timedelta
) -> datetime:
    """Until when something stands: as asked, else `usual` from now. Raises Invalid `valid_until_out_of_range`."""
    if asked is None:
        return now + usual
    if not now + least <= asked <= now + most:
        raise Invalid(
            "valid_until_out_of_range",
            f"valid_until lies {_spoken(least)} to {_spoken(most)} ahead.",
            least=_spoken(least),
            most=_spoken(most),
        )
    return asked


def _spoken(span: timedelta) -> str:
    hours, seconds = divmod(int(span.total_seconds()), 3600)
    return f"{hours} h" if seconds == 0 else f"{seconds // 60} min"


def place_bid(
    order: OrderSnapshot, actor: Actor, vehicle: VehicleSnapshot | None, amount_xof: int, now: datetime
) -> None:
    """Raises unless a carrier offers a vehicle of its own on an open order, with somebody to drive it.

    A vehicle that is busy now may bid: it may be free by the time the bid is accepted.
    """
    if actor.role is not Role.CARRIER:
        raise Forbidden("role_not_allowed", "Only carriers bid.")
    _on_the_market(order, now)
    if amount_xof <= 0:
        raise Invalid("invalid_amount", "A bid is a whole number of XOF above zero.")
    if vehicle is None or vehicle.carrier_id != actor.party_id:
        raise NotFound("vehicle_not_found", "You have no such vehicle.")


def _on_the_market(order: OrderSnapshot, now: datetime) -> None:
    if not is_open(order, now):
        raise Conflict("order_not_open", f"This order, {order.status}, is not on the market, or no longer.")


def revise_bid(order: OrderSnapshot, bid: BidSnapshot, actor: Actor, now: datetime) -> None:
    """Raises unless it is the actor's own bid, still open, on an order that is."""
    if bid.carrier_id != actor.party_id:
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    _still_open(order, bid, now)


def _still_open(order: OrderSnapshot, bid: BidSnapshot, now: datetime) -> None:
    _on_the_market(order, now)
    if bid.status is BidStatus.EXPIRED or (bid.status is BidStatus.PLACED and bid.expires_at <= now):
        raise Conflict("bid_expired", "This bid has expired.")
    if bid.status is not BidStatus.PLACED:
        raise Conflict("bid_not_open", f"A bid that is {bid.status} is not open any more.")


def withdraw_bid(bid: BidSnapshot, actor: Actor) -> bool:
    """True = withdraw it now; False = it was withdrawn before."""
    if bid.carrier_id != actor.party_id:
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    if bid.status is BidStatus.WITHDRAWN:
        return False
    if bid.status is not BidStatus.PLACED:
        raise Conflict("bid_not_open", f"A bid that is {bid.status} cannot be withdrawn.")
    return True


def accept(
    order: OrderSnapshot,
    bids: Sequence[BidSnapshot],
    bid_id: UUID,
    actor: Actor,
    now: datetime,
    seen: Seen = Seen(),
) -> BidSnapshot | None:
    """The bid that wins; None = it won before: the same click again is no error.

    Raises Conflict `bid_changed` when the bid is not what its shipper saw. Who does not say what he saw
    can only have seen a bid's first version.
    """
    owner_only(order, actor, "accept a bid")
    bid = next((bid for bid in bids if bid.id == bid_id), None)
    if bid is None:
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    if bid.status is BidStatus.ACCEPTED and order.status is not OrderStatus.CANCELLED:
        return None
    _still_open(order, bid, now)
    unsaid = seen.version is None and seen.amount_xof is None
    expected = Seen(seen.amount_xof or bid.amount_xof, 1 if unsaid else seen.version or bid.version)
    if expected != Seen(bid.amount_xof, bid.version):
        raise Conflict("bid_changed", "The carrier has revised this bid. Read it again.")
    return bid


def make_counter(
    order: OrderSnapshot, bid: BidSnapshot, actor: Actor, now: datetime, *, amount_xof: int, until: datetime
) -> None:
    """Raises unless the order's dispatcher answers an open bid with another amount, no longer than the bid stands."""
    owner_only(order, actor, "answer a bid")
    _still_open(order, bid, now)
    if amount_xof == bid.amount_xof:
        raise Conflict("counter_same_amount", "That is what the carrier asks: accept the bid.")
    if until > bid.expires_at:
        raise Invalid("counter_outlives_bid", "A counter-offer ends with the bid that it answers, or before.")


def accept_counter(
    order: OrderSnapshot,
    bid: BidSnapshot,
    counter: CounterSnapshot | None,
    actor: Actor,
    now: datetime,
    *,
    amount_xof: int,
) -> CounterSnapshot | None:
    """The counter-offer that is agreed now; None = it was before. `counter`: the bid's latest.

    The carrier's yes is the agreement, as the shipper's offer binds him while it lives. Raises Conflict
    `counter_changed` when the amount is not what the carrier saw.
    """
    if bid.carrier_id != actor.party_id:
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    if counter is None:
        raise NotFound("counter_not_found", "There is no counter-offer on this bid.")
    if counter.status is CounterStatus.ACCEPTED and order.status is not OrderStatus.CANCELLED:
        return None
    _counter_lives(order, counter, now)
    if counter.amount_xof != amount_xof:
        raise Conflict("counter_changed", "The shipper has changed his counter-offer. Read it again.")
    return counter


def _counter_lives(order: OrderSnapshot, counter: CounterSnapshot, now: datetime) -> None:
    _on_the_market(order, now)
    if counter.status is CounterStatus.EXPIRED or (
        counter.status is CounterStatus.OPEN and counter.expires_at <= now
    ):
        raise Conflict("counter_expired", "This counter-offer has expired.")
    if counter.status is not CounterStatus.OPEN:
        raise Conflict("counter_not_open", f"A counter-offer that is {counter.status} is not open any more.")


def decline_counter(bid: BidSnapshot, counter: CounterSnapshot | None, actor: Actor) -> bool:
    """By the carrier. True = decline it now; False = it was declined before."""
    if bid.carrier_id != actor.party_id:
        raise NotFound("bid_not_found", "There is no such bid on this order.")
    return _close_counter(counter, CounterStatus.DECLINED)


def withdraw_counter(order: OrderSnapshot, counter: CounterSnapshot | None, actor: Actor) -> bool:
    """By who made it. True = withdraw it now; False = it was withdrawn before."""
    owner_only(order, actor, "withdraw a counter-offer")
    return _close_counter(counter, CounterStatus.WITHDRAWN)


def _close_counter(counter: CounterSnapshot | None, to: CounterStatus) -> bool:
    if counter is None:
        raise NotFound("counter_not_found", "There is no counter-offer on this bid.")
    if counter.status is to:
        return False
    if counter.status is not CounterStatus.OPEN:
        raise Conflict("counter_not_open", f"A counter-offer that is {counter.status} is not open any more.")
    return True


def assign_vehicle(deal: Deal, vehicle: VehicleSnapshot | None, *, driver_stays: bool) -> UUID:
    """The driver who will drive: the deal's while he still drives for the carrier, else the vehicle's.

    One vehicle carries one order at a time.

    Part loads would need a sequence of stops, which two independent orders do not have: what a
    truck does at one order's fence would be read as progress of the other.
    """
    if vehicle is None or vehicle.carrier_id != deal.carrier_id:
        raise Conflict("vehicle_gone", "The vehicle of this bid is no longer the carrier's.")
    if vehicle.busy_with is not None:
        raise Conflict("vehicle_busy", "The vehicle of this bid is on another order.")
    driver_id = deal.driver_id if driver_stays else vehicle.driver_id
    if driver_id is None:
        raise Conflict("vehicle_without_driver", "The vehicle of this bid has no driver.")
    return driver_id


def may_see_standing(*, open_bidding: bool, dispatches: bool, bids_now: bool) -> None:
    """The amounts of all bids, without names: for who runs the order, and in open bidding for those who bid."""
    if dispatches:
        return
    if not open_bidding:
        raise Forbidden("bids_sealed", "The bids on this order are sealed.")
    if not bids_now:
        raise Forbidden("bid_first", "Only carriers with an open bid see what others ask.")
