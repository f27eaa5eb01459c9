"""How long a truck waited, what that costs, and who may say what about it: pure decisions.

The rules are those that carriers know: waiting is free for some time after the appointment, then paid
by the started hour up to a cap, and claimed within a day with proof of arrival and departure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.orders.rules import OrderStatus

HOUR = timedelta(hours=1)
# Once bids may have been made with them in mind, they stay.
CHANGEABLE = frozenset({OrderStatus.DRAFT, OrderStatus.POSTED})


class ClaimStatus(StrEnum):
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    CONTESTED = "contested"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Terms:
    """`rate_xof` for each started hour, `cap_hours` of them at most, at each place."""

    free_minutes: int
    rate_xof: int
    cap_hours: int
    claim_hours: int


@dataclass(frozen=True, slots=True)
class Stay:
    """A visit; `exited_at` None = nobody has seen the truck leave. `vehicle_id`: of the truck, where it matters."""

    visit_id: int
    entered_at: datetime
    exited_at: datetime | None
    vehicle_id: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """An order's call at one place. `arrived_at`, `departed_at` are the order's own milestones there.

    `opens_at`: the beginning of the agreed window. `handed_over_at`: when the goods changed hands.
    `known_at`: when the departure was told. `called_off_at`: when the order was cancelled; nothing is
    followed after it, so the truck's departure will never be known.
    """

    place: str
    opens_at: datetime | None
    arrived_at: datetime | None
    departed_at: datetime | None
    handed_over_at: datetime | None
    known_at: datetime | None
    stays: tuple[Stay, ...]
    called_off_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """What of a visit was waited."""

    visit_id: int
    vehicle_id: int | None
    waited: timedelta


@dataclass(frozen=True, slots=True)
class Waiting:
    """`clock_from`: the appointment, or the arrival if that was later. `running`: the truck has not left yet."""

    clock_from: datetime
    clock_to: datetime
    running: bool
    spans: tuple[Span, ...]

    @property
    def waited(self) -> timedelta:
        return sum((span.waited for span in self.spans), timedelta(0))

    @property
    def visit_ids(self) -> tuple[int, ...]:
        return tuple(span.visit_id for span in self.spans)

    @property
    def by_truck(self) -> dict[int, tuple[Span, ...]]:
        """By vehicle, in the order in which they came; together they are all of it."""
        found: dict[int, tuple[Span, ...]] = {}
        for span in self.spans:
            if span.vehicle_id is not None:
                found[span.vehicle_id] = (*found.get(span.vehicle_id, ()), span)
        return found


def waiting(call: Call, now: datetime) -> Waiting | None:
    """How long the truck was at the place after its appointment; None before its arrival.

    Until it left; until then, till the goods changed hands, the order was called off, or now. Time away in between is not waited,
    and no moment is waited twice, by whatever trucks.
    """
    if call.arrived_at is None:
        return None
    clock_from = max(call.arrived_at, call.opens_at) if call.opens_at else call.arrived_at
    ended = call.departed_at or call.handed_over_at or call.called_off_at
    end = ended or now
    clock_to = max(end, clock_from)
    spans, counted_to = [], clock_from
    for stay in sorted(call.stays, key=lambda stay: (stay.entered_at, stay.visit_id)):
        until = clock_to if stay.exited_at is None else min(stay.exited_at, clock_to)
        spent = until - max(stay.entered_at, counted_to)
        if spent > timedelta(0):
            spans.append(Span(stay.visit_id, stay.vehicle_id, spent))
            counted_to = until
    return Waiting(clock_from, clock_to, ended is None, tuple(spans))


@dataclass(frozen=True, slots=True)
class Stint:
    """A truck that was on the order until another took its place, and the fence that watched it at the pickup."""

    vehicle_id: int
    geofence_id: int
    since: datetime
    until: datetime


def during(stint: Stint, stays: Sequence[Stay]) -> tuple[Stay, ...]:
    """Of the truck's visits what lies in its time on the order; no fence sees it leave after that."""
    return tuple(
        Stay(
            stay.visit_id, stay.entered_at, min(stay.exited_at or stint.until, stint.until), stint.vehicle_id
        )
        for stay in stays
        if stint.since <= stay.entered_at < stint.until
    )


def arrived_first(
    arrived_at: datetime | None, former: Sequence[Stay], real_stay: timedelta
) -> datetime | None:
    """When the order's first truck arrived, as if all its trucks were one. `arrived_at`: the present one's.

    As one truck arrives (`orders.progress.arrival`): with its first real stay, else with its latest visit.
    """
    by_time = sorted(former, key=lambda stay: (stay.entered_at, stay.visit_id))
    real = [
        stay
        for stay in by_time
        if stay.exited_at is not None and stay.exited_at - stay.entered_at >= real_stay
    ]
    if real:
        return real[0].entered_at if arrived_at is None else min(arrived_at, real[0].entered_at)
    if arrived_at is None and by_time:
        return by_time[-1].entered_at
    return arrived_at


@dataclass(frozen=True, slots=True)
class Bill:
    """`billed_hours`: started hours after the free time, at most the cap."""

    billed_hours: int
    amount_xof: int


def bill(terms: Terms, waited: timedelta) -> Bill:
    beyond = waited - timedelta(minutes=terms.free_minutes)
    hours = min(max(math.ceil(beyond / HOUR), 0), terms.cap_hours)
    return Bill(hours, hours * terms.rate_xof)


def claim_until(terms: Terms, call: Call, seen: Waiting) -> datetime | None:
    """Until when it can be claimed; None while the truck waits.

    A departure that was told late can be claimed late: nobody could know of it.
    """
    if seen.running:
        return None
    ended = seen.clock_to if call.known_at is None else max(seen.clock_to, call.known_at)
    return ended + terms.claim_hours * HOUR


def claim(
    actor: Actor, carrier_id: UUID | None, terms: Terms, call: Call, seen: Waiting | None, now: datetime
) -> Bill:
    """What may be claimed now. Raises Forbidden, Conflict."""
    if actor.role is not Role.CARRIER or actor.party_id != carrier_id:
        raise Forbidden("not_your_load", "Only the carrier of this order claims detention.")
    if seen is None or seen.running:
        raise Conflict(
            "detention_running", "It can be claimed once the truck has left or the goods changed hands."
        )
    due = bill(terms, seen.waited)
    if due.amount_xof <= 0:
        raise Conflict("detention_not_due", "The truck did not wait longer than the free time.")
    until = claim_until(terms, call, seen)
    if until is not None and now > until:
        raise Conflict(
            "detention_too_late",
            f"It could be claimed for {terms.claim_hours} hours.",
            hours=terms.claim_hours,
        )
    return due


@dataclass(frozen=True, slots=True)
class ClaimSnapshot:
    status: ClaimStatus
    shipper_id: UUID
    amount_xof: int


def answer(claim: ClaimSnapshot, actor: Actor, wanted: ClaimStatus) -> bool:
    """The shipper, or his freight broker, accepts or contests. True = do it now; False = he has said so before."""
    if actor.party_id != claim.shipper_id:
        raise Forbidden("not_your_order", "Only who is asked to pay answers a claim.")
    if claim.status is wanted:
        return False
    # Who has contested may give in.
    gives_in = claim.status is ClaimStatus.CONTESTED and wanted is ClaimStatus.ACCEPTED
    if claim.status is not ClaimStatus.CLAIMED and not gives_in:
        raise Conflict(
            "claim_answered", f"A claim that is {claim.status} cannot be {wanted}.", status=claim.status
        )
    return True


def settle(claim: ClaimSnapshot, actor: Actor, amount_xof: int) -> bool:
    """An administrator decides what is paid of a contested claim. True = do it now."""
    if not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only for: administrator.")
    if claim.status is ClaimStatus.SETTLED:
        return False
    if claim.status is not ClaimStatus.CONTESTED:
        raise Conflict(
            "claim_not_contested",
            f"A claim that is {claim.status} is not for us to decide.",
            status=claim.status,
        )
    if amount_xof > claim.amount_xof:
        raise Invalid("settlement_too_high", "No more than what was claimed can be awarded.")
    return True


def may_set_terms(actor: Actor) -> None:
    if actor.role not in (Role.SHIPPER, Role.BROKER):
        raise Forbidden("role_not_allowed", "Only shippers and freight brokers offer terms of detention.")


def may_set_order_terms(actor: Actor, dispatcher_id: UUID, status: OrderStatus) -> None:
    if actor.party_id != dispatcher_id:
        raise Forbidden("not_your_order", "Only who gives this order to a carrier sets its terms.")
    if status not in CHANGEABLE:
        raise Conflict("terms_fixed", "The terms are fixed once there is a bid.")


def is_revised(claimed_s: int, claimed_hours: int, now_waited: timedelta, now_hours: int) -> bool:
    """Whether later positions tell another story than the claim, by a minute or an hour's pay."""
    return claimed_hours != now_hours or abs(now_waited.total_seconds() - claimed_s) >= 60


def visits_of(arrived_at: datetime, departed_at: datetime | None, stays: Sequence[Stay]) -> tuple[Stay, ...]:
    """Of all stays at the fence those of the order's call: not over at its arrival, begun before its departure."""
    return tuple(
        stay
        for stay in stays
        if (stay.exited_at is None or stay.exited_at > arrived_at)
        and (departed_at is None or stay.entered_at <= departed_at)
    )
