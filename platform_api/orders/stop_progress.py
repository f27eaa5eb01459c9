"""What a truck's visits say of the stops between the first pickup and the last delivery. Pure.

As in `progress`: computed anew from all visits each time, so late, repeated, revised and retracted
crossings end in the same place. Stops move no status: a driver may take them in another order than was
planned, or leave one out, and each is judged by the visits to its own fence alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from platform_api.orders.progress import (
    Change,
    Correction,
    Derived,
    Facts,
    Milestone,
    Visit,
    arrival,
)
from platform_api.orders.rules import Action, OrderStatus

_STEPS = (("arrived", Action.ARRIVED_STOP), ("departed", Action.DEPARTED_STOP))


@dataclass(frozen=True, slots=True)
class StopProgress:
    arrived: Milestone | None = None
    departed: Milestone | None = None


@dataclass(frozen=True, slots=True)
class StopTimes:
    """What was told of a stop; event times."""

    arrived: datetime | None = None
    departed: datetime | None = None


def derive_stops(
    facts: Facts, derived: Derived, visits: Mapping[int, Sequence[Visit]], real_stay: timedelta
) -> dict[int, StopProgress]:
    """By the stop's number. `visits`: those to each stop's fence; `derived`: the order's own progress.

    A visit counts between loading and delivery. The work is done at the first real stay, else at the
    latest visit.
    """
    found = {}
    for number, at_stop in visits.items():
        counting = _counting(facts, derived, at_stop)
        if not counting:
            found[number] = StopProgress()
            continue
        work = next((visit for visit in counting if visit.lasted(real_stay)), counting[-1])
        departed = Milestone(work.exited_at, work.id, "exit") if work.exited_at else None
        found[number] = StopProgress(arrival(counting, work, real_stay), departed)
    return found


def _counting(facts: Facts, derived: Derived, visits: Sequence[Visit]) -> list[Visit]:
    if derived.picked_up is None and facts.delivered_at is None:
        return []
    departed = derived.departed_pickup
    since = departed.at if departed else facts.loading_confirmed_at or facts.assigned_at
    counting = [
        visit
        for visit in visits
        if not visit.inferred
        and visit.entered_at >= facts.assigned_at
        and (visit.exited_at is None or visit.exited_at > since)
        and (facts.delivered_at is None or visit.entered_at <= facts.delivered_at)
    ]
    return sorted(counting, key=lambda visit: (visit.entered_at, visit.id))


def diff_stops(
    status: OrderStatus,
    told: Mapping[int, StopTimes],
    derived: Mapping[int, StopProgress],
    visits: Mapping[int, Sequence[Visit]],
) -> list[Change]:
    """The rows that lead from what was told to what is derived; [] when it agrees. No status moves."""
    changes: list[Change] = []
    for number in sorted(derived):
        before, after = told.get(number, StopTimes()), derived[number]
        changes += _corrections(status, number, before, after, visits.get(number, ()))
        for name, action in _STEPS:
            milestone: Milestone | None = getattr(after, name)
            if milestone is not None and getattr(before, name) is None:
                changes.append(Change(action, status, status, milestone.at, milestone, stop=number))
    return changes


def _corrections(
    status: OrderStatus, number: int, before: StopTimes, after: StopProgress, visits: Sequence[Visit]
) -> list[Change]:
    borders = {visit.entered_at for visit in visits} | {visit.exited_at for visit in visits}
    found: dict[Action, list[tuple[Correction, Milestone | None]]] = {}
    for name, _ in _STEPS:
        old, milestone = getattr(before, name), getattr(after, name)
        new = milestone.at if milestone else None
        if old is None or old == new:
            continue
        if not visits:
            action = Action.VISIT_RETRACTED
        else:
            action = Action.VISIT_SUPERSEDED if old in borders else Action.VISIT_REVISED
        found.setdefault(action, []).append((Correction(f"{name}_stop", old, new), milestone))
    changes = []
    for action, items in found.items():
        first, proof = items[0]
        corrections = tuple(correction for correction, _ in items)
        changes.append(
            Change(action, status, status, first.new or first.old, proof, corrections, stop=number)
        )
    return changes
