"""Following the truck: crossings that ingest told of move the order they concern.

The order's status and times are computed anew from all visits each time (`progress.derive`), so it
does not matter which crossing is handled first, or twice, or never because a later one was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.logging import get_logger
from config.settings import get_settings
from platform_api.orders import repository, visits
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.progress import (
    MILESTONES,
    Change,
    Derived,
    Facts,
    Place,
    Visit,
    derive,
    diff,
    is_early_departure,
)
from platform_api.orders.recording import record
from platform_api.orders.rules import Action, OrderStatus
from platform_api.orders.stop_progress import StopTimes, derive_stops, diff_stops
from platform_api.watch import repository as watch

log = get_logger(__name__)

# Younger crossings are on their way through the queue; the sweep leaves them to it.
SWEEP_AFTER = timedelta(seconds=15)
SWEEP_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of a crossing; `repeated` = it had been handled before."""

    order_id: UUID | None = None
    actions: tuple[Action, ...] = ()
    repeated: bool = False
    # of the crossing, for whoever has rules about geofences; None when it was handled before
    visit_id: int | None = None


def handle_crossing(session: Session, crossing_id: int, now: datetime) -> Handled:
    """Bring the order of this crossing's fence up to date. Idempotent; two at once wait for each other."""
    crossing = visits.find_crossing(session, crossing_id)
    if crossing is None or crossing.handled_at is not None:
        return Handled(repeated=True)
    order_id = visits.order_of_fence(session, crossing.geofence_id)
    if order_id is None:
        _mark_way(session, crossing, now)
    order = None if order_id is None else repository.lock_order(session, order_id)
    # Only now, behind the order's lock, is it certain that nobody else is handling it.
    if not visits.mark_handled(session, crossing_id, now):
        return Handled(order_id, repeated=True)
    if order is None or order.vehicle_id != crossing.vehicle_id:
        return Handled(visit_id=crossing.visit_id)
    actions = tuple(refresh(session, order, now, crossing))
    return Handled(order.id, actions, visit_id=crossing.visit_id)


def _mark_way(session: Session, crossing: visits.Crossing, now: datetime) -> None:
    """A corridor moves no order; what its truck does there is for `platform_api.watch` to look at."""
    order_id = watch.order_of_corridor(session, crossing.geofence_id)
    if order_id is not None:
        watch.mark_due(session, order_id, now)
        queue_after_commit(session, "watch.judge", order_id=str(order_id))


def sweep_crossings(session: Session, *, after: int = 0) -> Sequence[int]:
    """Ids of crossings told long enough ago and not handled, at most SWEEP_LIMIT, from above `after`."""
    return visits.unhandled_crossings(session, age=SWEEP_AFTER, after=after, limit=SWEEP_LIMIT)


def refresh(
    session: Session, order: Order, now: datetime, crossing: visits.Crossing | None = None
) -> list[Action]:
    """Make the locked order say what its visits and confirmations say; the actions written, in order."""
    if order.vehicle_id is None or order.assigned_at is None or order.status == OrderStatus.CANCELLED:
        return []
    real_stay = timedelta(seconds=get_settings().real_stay_s)
    stops = repository.stops_of(session, [order.id]).get(order.id, [])
    seen = visits.visits_of(session, order, stops)
    known = [each.visit for each in seen.values() if each.visit.place is not Place.STOP]
    facts = _facts(session, order)
    derived = derive(facts, known, real_stay)
    changes = diff(OrderStatus(order.status), _told(order), derived, known)
    status = changes[-1].to_status if changes else OrderStatus(order.status)
    changes += _follow_stops(status, facts, derived, stops, [each.visit for each in seen.values()])
    writer = _Writer(session, order, now, seen, crossing)
    for change in changes:
        writer.write(change)
    _apply_times(order, derived)
    actions = [change.action for change in changes]
    early = seen.get(crossing.visit_id) if crossing and crossing.kind == "exit" else None
    if early and is_early_departure(early.visit, OrderStatus(order.status), real_stay):
        assert early.visit.exited_at is not None
        writer.note(Action.LEFT_PICKUP_EARLY, early.visit.exited_at, early.evidence("exit"))
        actions.append(Action.LEFT_PICKUP_EARLY)
    return actions


def _follow_stops(
    status: OrderStatus, facts: Facts, derived: Derived, stops: Sequence[OrderStop], known: Sequence[Visit]
) -> list[Change]:
    """What is to be written of the stops; their times are put in place."""
    real_stay = timedelta(seconds=get_settings().real_stay_s)
    at_stops = {stop.sequence: [v for v in known if v.stop == stop.sequence] for stop in stops}
    told = {stop.sequence: StopTimes(stop.arrived_at, stop.departed_at) for stop in stops}
    progress = derive_stops(facts, derived, at_stops, real_stay)
    for stop in stops:
        arrived, departed = progress[stop.sequence].arrived, progress[stop.sequence].departed
        stop.arrived_at = arrived.at if arrived else None
        stop.departed_at = departed.at if departed else None
    return diff_stops(status, told, progress, at_stops)


def _facts(session: Session, order: Order) -> Facts:
    assert order.assigned_at is not None
    return Facts(order.assigned_at, repository.loading_confirmed_at(session, order.id), order.delivered_at)


def _told(order: Order) -> dict[str, datetime | None]:
    return {name: getattr(order, f"{name}_at") for name in MILESTONES}


def _apply_times(order: Order, derived: Derived) -> None:
    for name in MILESTONES:
        milestone = getattr(derived, name)
        setattr(order, f"{name}_at", milestone.at if milestone else None)


class _Writer:
    """Turns changes into history rows with their evidence, each crossing named once per action."""

    def __init__(
        self,
        session: Session,
        order: Order,
        now: datetime,
        seen: Mapping[int, visits.Seen],
        crossing: visits.Crossing | None,
    ) -> None:
        self._session, self._order, self._now = session, order, now
        self._seen, self._crossing = seen, crossing
        self._named = repository.named_crossings(session, order.id)

    def write(self, change: Change) -> None:
        evidence = self._proof(change)
        if change.stop is not None:
            evidence["stop"] = change.stop
        if change.corrections:
            evidence["corrections"] = {
                correction.milestone: {
                    "old": correction.old.isoformat(),
                    "new": correction.new.isoformat() if correction.new else None,
                }
                for correction in change.corrections
            }
        self._record(change.action, change.event_time, evidence, change.to_status)

    def note(self, action: Action, event_time: datetime, evidence: dict[str, Any]) -> None:
        self._record(action, event_time, evidence, None)

    def _proof(self, change: Change) -> dict[str, Any]:
        proof = change.proof
        if proof is not None and proof.visit_id is not None and proof.kind is not None:
            return self._seen[proof.visit_id].evidence(proof.kind)
        if self._crossing is None:
            return {}
        crossing = self._crossing
        return {
            "geofence_id": crossing.geofence_id,
            "visit_id": crossing.visit_id,
            "crossing_id": crossing.id,
        }

    def _record(
        self, action: Action, event_time: datetime, evidence: dict[str, Any], to_status: OrderStatus | None
    ) -> None:
        record(
            self._session,
            self._order,
            action,
            now=self._now,
            to_status=to_status,
            event_time=event_time,
            crossing_id=self._name_crossing(action, evidence),
            by_geofence=True,
            evidence=evidence,
        )

    def _name_crossing(self, action: Action, evidence: dict[str, Any]) -> int | None:
        """The crossing that proves it, else the one being handled; none if both were named for this action.

        One crossing proves an action twice when it was taken back in between and became true again.
        """
        handled = self._crossing.id if self._crossing else None
        for crossing_id in (evidence.get("crossing_id"), handled):
            if crossing_id is not None and (crossing_id, action) not in self._named:
                self._named.add((crossing_id, action))
                return int(crossing_id)
        return None
