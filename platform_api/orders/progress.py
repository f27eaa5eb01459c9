"""What a truck's visits to the two fences of an order say about its progress. Pure.

`derive` computes status and times from facts alone: what people confirmed, and the visits as they
stand now. It never looks at the status an order has, nor at the order in which crossings arrive; so
late, repeated, revised and retracted crossings all end in the same place. `diff` says what to write
down to get there.

A visit *counts* when the truck was in the fence (passing through between two fixes is not a stay) and
entered after the assignment. A *real stay* is a closed visit of at least `real_stay`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from platform_api.orders.rules import UNDERWAY, Action, OrderStatus

S = OrderStatus


class Place(StrEnum):
    PICKUP = "pickup"
    DELIVERY = "delivery"
    STOP = "stop"  # in between: `stop_progress`


@dataclass(frozen=True, slots=True)
class Visit:
    """Event times. `inferred`: passed through between two fixes."""

    id: int
    place: Place
    entered_at: datetime
    exited_at: datetime | None = None
    inferred: bool = False
    stop: int | None = None  # its number, when the place is one

    def holds(self, time: datetime) -> bool:
        return self.entered_at <= time and (self.exited_at is None or time <= self.exited_at)

    def lasted(self, at_least: timedelta) -> bool:
        return self.exited_at is not None and self.exited_at - self.entered_at >= at_least


@dataclass(frozen=True, slots=True)
class Facts:
    """What people made certain: the assignment, the loading if confirmed, the proof of delivery."""

    assigned_at: datetime
    loading_confirmed_at: datetime | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Milestone:
    """A time, and the border of a visit that proves it; no visit = a person said so."""

    at: datetime
    visit_id: int | None = None
    kind: Literal["enter", "exit"] | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """`status`: what the order is as long as nobody has delivered or cancelled it."""

    status: OrderStatus
    arrived_pickup: Milestone | None = None
    picked_up: Milestone | None = None
    departed_pickup: Milestone | None = None
    arrived_delivery: Milestone | None = None
    departed_delivery: Milestone | None = None


# Milestone -> the action that tells of it, and the status it brings.
_STEPS: tuple[tuple[str, Action, Place, OrderStatus | None], ...] = (
    ("arrived_pickup", Action.ARRIVED_PICKUP, Place.PICKUP, S.PICKUP_PENDING),
    ("picked_up", Action.PICKED_UP, Place.PICKUP, S.PICKED_UP),
    ("departed_pickup", Action.DEPARTED_PICKUP, Place.PICKUP, S.IN_TRANSIT),
    # An arrival proves the departure, should the pickup fence have missed it.
    ("arrived_delivery", Action.ARRIVED_DELIVERY, Place.DELIVERY, S.IN_TRANSIT),
    ("departed_delivery", Action.DEPARTED_DELIVERY, Place.DELIVERY, None),
)
MILESTONES = tuple(name for name, *_ in _STEPS)
_RANK = {S.ASSIGNED: 0, S.PICKUP_PENDING: 1, S.PICKED_UP: 2, S.IN_TRANSIT: 3}


def derive(facts: Facts, visits: Sequence[Visit], real_stay: timedelta) -> Derived:
    pickups = _counting(facts, visits, Place.PICKUP)
    loading = _loading(pickups, facts.loading_confirmed_at, real_stay)
    departed = Milestone(loading.exited_at, loading.id, "exit") if loading and loading.exited_at else None
    arrived = arrival(pickups, loading, real_stay)
    confirmed_at = facts.loading_confirmed_at
    picked_up = Milestone(confirmed_at) if confirmed_at else departed
    at_delivery = _deliveries(facts, visits, loading, departed)
    unloading = _unloading(at_delivery, facts.delivered_at, real_stay)
    reached = arrival(at_delivery, unloading, real_stay)
    if reached and departed:
        # Overlapping fences: the truck was in both before it left the first.
        reached = Milestone(max(reached.at, departed.at), reached.visit_id, reached.kind)
    gone = Milestone(unloading.exited_at, unloading.id, "exit") if unloading and unloading.exited_at else None
    return Derived(
        _status(arrived, picked_up, departed, reached), arrived, picked_up, departed, reached, gone
    )


def _status(
    arrived: Milestone | None,
    picked_up: Milestone | None,
    departed: Milestone | None,
    reached: Milestone | None,
) -> OrderStatus:
    if picked_up and (departed or reached):
        return S.IN_TRANSIT
    if picked_up:
        return S.PICKED_UP
    return S.PICKUP_PENDING if arrived else S.ASSIGNED


def _counting(facts: Facts, visits: Sequence[Visit], place: Place) -> list[Visit]:
    counting = [
        visit
        for visit in visits
        if visit.place is place and not visit.inferred and visit.entered_at >= facts.assigned_at
    ]
    return sorted(counting, key=lambda visit: (visit.entered_at, visit.id))


def _loading(pickups: Sequence[Visit], confirmed_at: datetime | None, real_stay: timedelta) -> Visit | None:
    """The visit at whose end the truck leaves with the goods.

    Unconfirmed: the first real stay. Confirmed: the visit that holds the confirmation; else the last
    real stay before it (confirmed on the road); else the first visit after it (pings of the loading
    itself are missing), whatever its length.
    """
    real = [visit for visit in pickups if visit.lasted(real_stay)]
    if confirmed_at is None:
        return real[0] if real else None
    holding = next((visit for visit in pickups if visit.holds(confirmed_at)), None)
    before = [visit for visit in real if visit.entered_at <= confirmed_at]
    after = next((visit for visit in pickups if visit.entered_at > confirmed_at), None)
    return holding or (before[-1] if before else after)


def _deliveries(
    facts: Facts, visits: Sequence[Visit], loading: Visit | None, departed: Milestone | None
) -> list[Visit]:
    """Visits to the delivery fence that are not over before the goods can have been on the truck."""
    loaded = loading is not None or facts.loading_confirmed_at is not None
    delivered = facts.delivered_at is not None
    if not delivered and (not loaded or (loading is not None and departed is None)):
        return []
    since = departed.at if departed else facts.loading_confirmed_at or facts.assigned_at
    counting = _counting(facts, visits, Place.DELIVERY)
    return [visit for visit in counting if visit.exited_at is None or visit.exited_at > since]


def _unloading(
    deliveries: Sequence[Visit], delivered_at: datetime | None, real_stay: timedelta
) -> Visit | None:
    """The visit that holds the proof of delivery, or the last one begun before it, or the first.

    Without proof: the first real stay, else the latest visit.
    """
    if not deliveries:
        return None
    if delivered_at is None:
        return next((visit for visit in deliveries if visit.lasted(real_stay)), deliveries[-1])
    before = [visit for visit in deliveries if visit.entered_at <= delivered_at]
    holding = next((visit for visit in before if visit.holds(delivered_at)), None)
    return holding or (before[-1] if before else deliveries[0])


def arrival(visits: Sequence[Visit], work: Visit | None, real_stay: timedelta) -> Milestone | None:
    """Waiting begins with the first real stay or the visit at which the work is done; else the latest.

    A truck that is sent away after an hour and comes back has arrived the first time.
    """
    if not visits:
        return None
    visit = next((v for v in visits if v == work or v.lasted(real_stay)), visits[-1])
    return Milestone(visit.entered_at, visit.id, "enter")


def is_early_departure(visit: Visit, status: OrderStatus, real_stay: timedelta) -> bool:
    """Left the pickup before a real stay, with no word of loading: noted, the status stays."""
    return (
        status is S.PICKUP_PENDING
        and visit.place is Place.PICKUP
        and visit.exited_at is not None
        and not visit.inferred
        and not visit.lasted(real_stay)
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """A time that was told and no longer holds; `new` None = taken back."""

    milestone: str
    old: datetime
    new: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """One history row to write. `proof`: the visit's border that shows it."""

    action: Action
    from_status: OrderStatus
    to_status: OrderStatus
    event_time: datetime
    proof: Milestone | None = None
    corrections: tuple[Correction, ...] = ()
    stop: int | None = None  # the number of the stop it is about


def diff(
    status: OrderStatus,
    told: Mapping[str, datetime | None],
    derived: Derived,
    visits: Sequence[Visit],
) -> list[Change]:
    """The rows that lead from what was told (milestone -> time) to what is derived; [] when it agrees.

    The status moves only while it is UNDERWAY: what people confirmed after that stands, and just
    the times are corrected.
    """
    target = derived.status if status in UNDERWAY else status
    changes = _corrections(status, target, told, derived, visits)
    now_at = changes[-1].to_status if changes else status
    for name, action, _, brings in _STEPS:
        milestone: Milestone | None = getattr(derived, name)
        if milestone is None or told.get(name) is not None:
            continue
        after = brings if brings and _is_before(now_at, brings) and not _is_before(target, brings) else now_at
        changes.append(Change(action, now_at, after, milestone.at, milestone))
        now_at = after
    return changes


def _is_before(a: OrderStatus, b: OrderStatus) -> bool:
    return a in _RANK and b in _RANK and _RANK[a] < _RANK[b]


def _corrections(
    status: OrderStatus,
    target: OrderStatus,
    told: Mapping[str, datetime | None],
    derived: Derived,
    visits: Sequence[Visit],
) -> list[Change]:
    """At most one row per kind of correction; the first of them takes the status back if it must go back."""
    borders = {v.entered_at for v in visits} | {v.exited_at for v in visits}
    places = {v.place for v in visits}
    found: dict[Action, list[tuple[Correction, Milestone | None]]] = {}
    for name, _, place, _ in _STEPS:
        old, milestone = told.get(name), getattr(derived, name)
        new = milestone.at if milestone else None
        if old is None or old == new:
            continue
        if place not in places:
            action = Action.VISIT_RETRACTED
        else:
            action = Action.VISIT_SUPERSEDED if old in borders else Action.VISIT_REVISED
        found.setdefault(action, []).append((Correction(name, old, new), milestone))
    changes = []
    now_at = status
    for action, items in found.items():
        after = target if _is_before(target, now_at) else now_at
        first, proof = items[0]
        corrections = tuple(correction for correction, _ in items)
        changes.append(Change(action, now_at, after, first.new or first.old, proof, corrections))
        now_at = after
    return changes
