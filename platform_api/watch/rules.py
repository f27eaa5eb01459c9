"""What of a journey was not planned: time outside the corridor, and stops at no known place. Pure.

Both are computed anew from visits and intervals as they stand each time. So late, repeated, revised and
retracted ones all end in the same events, and `compare` says what to write down to get there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    DEVIATION = "deviation"
    UNPLANNED_STOP = "unplanned_stop"


@dataclass(frozen=True, slots=True)
class Journey:
    """Event times, from leaving the first pickup to reaching the last delivery.

    `until`: its end, or the truck's newest position while it is on the way.
    """

    start: datetime
    until: datetime
    over: bool


def journey(
    *,
    departed_pickup_at: datetime | None,
    arrived_delivery_at: datetime | None,
    delivered_at: datetime | None,
    seen_at: datetime | None,
) -> Journey | None:
    """None before the truck has left the pickup, and while nobody has seen it since."""
    if departed_pickup_at is None:
        return None
    end = arrived_delivery_at or delivered_at
    until = end or seen_at
    if until is None or until <= departed_pickup_at:
        return None
    return Journey(departed_pickup_at, until, over=end is not None)


@dataclass(frozen=True, slots=True)
class Inside:
    """A stay in the corridor or at a place of the order; `exited_at` None = it goes on."""

    visit_id: int
    entered_at: datetime
    exited_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outing:
    """Time outside. `cause`: the visit that ended, by which it is known however its times are revised."""

    cause: str
    started_at: datetime
    until: datetime
    ended: bool

    @property
    def lasted(self) -> timedelta:
        return self.until - self.started_at


def outings(way: Journey, stays: Sequence[Inside]) -> list[Outing]:
    """The parts of the journey that no stay covers, in order."""
    found = []
    outside_since, cause = way.start, "start"
    for stay in sorted(stays, key=lambda stay: (stay.entered_at, stay.visit_id)):
        if stay.exited_at is not None and stay.exited_at <= outside_since:
            continue
        if stay.entered_at >= way.until:
            break
        if stay.entered_at > outside_since:
            found.append(Outing(cause, outside_since, stay.entered_at, ended=True))
        if stay.exited_at is None or stay.exited_at >= way.until:
            return found
        outside_since, cause = stay.exited_at, f"visit/{stay.visit_id}"
    found.append(Outing(cause, outside_since, way.until, ended=way.over))
    return found


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on an outing is worth an alert: so long, or so far from the corridor's border."""

    lasting: timedelta
    distance_m: float

    def are_passed_by(self, outing: Outing, farthest_m: float | None) -> bool:
        far = farthest_m is not None and farthest_m >= self.distance_m
        return far or outing.lasted >= self.lasting


@dataclass(frozen=True, slots=True)
class Standing:
    """A stop as ingest tells it. `known`: at a place of the order, or one that its people have drawn."""

    interval_id: int
    started_at: datetime
    ended_at: datetime | None
    lat: float | None
    lon: float | None
    known: bool


def unplanned(way: Journey, standings: Sequence[Standing], at_least: timedelta) -> list[Standing]:
    """Those of which so much lies within the journey, in order."""
    return sorted(
        (each for each in standings if not each.known and _within(way, each) >= at_least),
        key=lambda each: (each.started_at, each.interval_id),
    )


def _within(way: Journey, standing: Standing) -> timedelta:
    end = way.until if standing.ended_at is None else min(standing.ended_at, way.until)
    return end - max(standing.started_at, way.start)


@dataclass(frozen=True, slots=True)
class Event:
    """One row as it should be. `cause` names it for good."""

    kind: Kind
    cause: str
    started_at: datetime
    ended_at: datetime | None
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """One row as it is."""

    kind: Kind
    cause: str
    started_at: datetime
    ended_at: datetime | None
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`news`: to be told, and told again where the story changed. `growing`: goes on as told, with more evidence."""

    news: tuple[Event, ...]
    growing: tuple[Event, ...]
    withdrawn: tuple[Told, ...]


def compare(told: Sequence[Told], derived: Sequence[Event]) -> Comparison:
    """What leads from the rows there are to the events that are derived."""
    before = {(row.kind, row.cause): row for row in told}
    now = {(event.kind, event.cause) for event in derived}
    news, growing = [], []
    for event in derived:
        row = before.get((event.kind, event.cause))
        same = row is not None and not row.withdrawn
        if row is not None and same and (row.started_at, row.ended_at) == (event.started_at, event.ended_at):
            if event.ended_at is None:
                growing.append(event)
        else:
            news.append(event)
    gone = [row for row in told if not row.withdrawn and (row.kind, row.cause) not in now]
    return Comparison(tuple(news), tuple(growing), tuple(gone))
