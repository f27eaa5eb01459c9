"""What changed between the visits that were told and the visits that the pings now show. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from geofence.crossings import FenceState, Fix, Transition
from ingest.pairing import pair_up
from ingest.state import VehicleState

Change = Literal["created", "revised", "retracted"]


class Visit(msgspec.Struct, frozen=True):
    """A stay of one vehicle in one fence; open while `exited_us` is None."""

    geofence_id: int
    entered_us: int
    exited_us: int | None
    last_inside_us: int
    inferred: bool
    enter_fix: Fix
    exit_fix: Fix | None = None


class StoredVisit(msgspec.Struct, frozen=True):
    """A row of `visits` that was not retracted."""

    id: int
    geofence_id: int
    entered_us: int
    exited_us: int | None
    inferred: bool


class VisitChange(msgspec.Struct, frozen=True):
    """`created`: no `stored`; `retracted`: no `visit`; `revised`: both, and their times differ."""

    change: Change
    stored: StoredVisit | None
    visit: Visit | None


class Told(msgspec.Struct, frozen=True):
    """One row of `crossings`: what people and orders are told about a visit."""

    kind: Literal["enter", "exit"]
    change: Change
    time_us: int  # for a retraction: the time that is taken back
    previous_us: int | None


def visits_of(fences: dict[int, FenceState], transitions: Iterable[tuple[int, Transition]]) -> list[Visit]:
    """Visits open in `fences` at the start, carried on by `transitions` in event time."""
    open_visits = {
        fence_id: Visit(fence_id, s.first.time_us, None, s.last_inside_us, False, s.first)
        for fence_id, s in fences.items()
        if s.entered
    }
    closed: list[Visit] = []
    for fence_id, transition in transitions:
        if transition.kind == "enter":
            open_visits[fence_id] = opened(fence_id, transition)
        else:
            closed.append(ended(open_visits.pop(fence_id, opened(fence_id, transition)), transition))
    return closed + list(open_visits.values())


def opened(fence_id: int, transition: Transition) -> Visit:
    return Visit(
        fence_id,
        transition.entered_us,
        None,
        transition.last_inside_us,
        transition.inferred,
        transition.fix,
    )


def ended(visit: Visit, transition: Transition) -> Visit:
    return msgspec.structs.replace(
        visit,
        exited_us=transition.time_us,
        last_inside_us=transition.last_inside_us,
        inferred=visit.inferred or transition.inferred,
        exit_fix=transition.fix,
    )


def in_scope(
    snapshot: VehicleState | None, known_fences: Iterable[int], first_us: int
) -> Callable[[StoredVisit], bool]:
    """Which stored visits a refold decides anew.

    With a snapshot: those that began after it, and those it holds open or as candidates. Without
    one: those that began at or after the first ping there is (`first_us`); what older pings showed
    before retention removed them stays. Visits of fences that are no longer judged stay as told.
    """
    known = set(known_fences)
    from_us, pending = first_us, {}
    if snapshot is not None and snapshot.last is not None:
        from_us = snapshot.last.time_us + 1
        pending = {fence_id: state.first.time_us for fence_id, state in snapshot.fences.items()}

    def decide(visit: StoredVisit) -> bool:
        if visit.geofence_id not in known:
            return False
        return visit.entered_us >= min(from_us, pending.get(visit.geofence_id, from_us))

    return decide


def scope_from(snapshot: VehicleState | None, first_us: int) -> int:
    """The earliest entry that `in_scope` can accept."""
    if snapshot is None or snapshot.last is None:
        return first_us
    return min([snapshot.last.time_us + 1, *(state.first.time_us for state in snapshot.fences.values())])


def diff(stored: Sequence[StoredVisit], visits: Sequence[Visit]) -> list[VisitChange]:
    """The fewest changes that make `stored` say what `visits` say, fence by fence."""
    changes: list[VisitChange] = []
    for fence_id in sorted({v.geofence_id for v in stored} | {v.geofence_id for v in visits}):
        pairs, gone, fresh = pair_up(
            [v for v in stored if v.geofence_id == fence_id],
            [v for v in visits if v.geofence_id == fence_id],
            lambda v: (v.entered_us, v.exited_us),
            lambda v: (v.entered_us, v.exited_us),
        )
        changes.extend(
            VisitChange("revised", before, after) for before, after in pairs if _differs(before, after)
        )
        changes.extend(VisitChange("retracted", v, None) for v in gone)
        changes.extend(VisitChange("created", None, v) for v in fresh)
    return changes


def told(change: VisitChange) -> list[Told]:
    """The crossings to announce for one change."""
    before, after = change.stored, change.visit
    rows: list[Told] = []
    for kind, old, new in (
        ("enter", before.entered_us if before else None, after.entered_us if after else None),
        ("exit", before.exited_us if before else None, after.exited_us if after else None),
    ):
        if old == new:
            continue
        if new is None:
            assert old is not None
            rows.append(Told(kind, "retracted", old, None))  # type: ignore[arg-type]
        else:
            rows.append(Told(kind, "revised" if old is not None else "created", new, old))  # type: ignore[arg-type]
    return rows


def _differs(before: StoredVisit, after: Visit) -> bool:
    return (before.entered_us, before.exited_us, before.inferred) != (
        after.entered_us,
        after.exited_us,
        after.inferred,
    )
