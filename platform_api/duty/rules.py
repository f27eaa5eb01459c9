"""When a driver is on duty, by his own word alone, and why his phone is followed now: pure decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.device_clock import check_not_ahead
from platform_api.errors import Conflict, Forbidden, Invalid


class EndedBy(StrEnum):
    DRIVER = "driver"
    # Nobody ended it: it did so by itself.
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open [started_at, ended_at) in event time; still open while `ended_at` is None and `closes_at` is ahead."""

    started_at: datetime
    closes_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """`closes_first`: the last period had outlived its limit and ends there. `again`: he is on duty already."""

    period: Period
    closes_first: bool = False
    again: bool = False


def check_himself(actor: Actor) -> None:
    """Nobody is put on duty by others: his employer least of all."""
    if actor.role is not Role.DRIVER:
        raise Forbidden("role_not_allowed", "Only a driver starts and ends his own duty.")


def start(last: Period | None, *, at: datetime | None, now: datetime, longest: timedelta) -> Start:
    """The period that begins; `last` is his newest one. `at`: he pressed the button without coverage.

    Raises Invalid `time_in_future`, `time_too_long_ago`, Conflict `duty_overlap`.
    """
    if last is not None and last.ended_at is None and now < last.closes_at:
        return Start(last, again=True)
    begin = at or now
    check_not_ahead(begin, now)
    if begin <= now - longest:
        raise Invalid(
            "time_too_long_ago",
            f"A duty lasts at most {longest / timedelta(hours=1):g} hours: it would be over.",
        )
    if last is not None and begin < (last.ended_at or last.closes_at):
        raise Conflict("duty_overlap", "The time lies in your last duty.")
    unfinished = last is not None and last.ended_at is None
    return Start(Period(begin, begin + longest), closes_first=unfinished)


@dataclass(frozen=True, slots=True)
class End:
    at: datetime
    by: EndedBy


def end(last: Period | None, *, now: datetime) -> End:
    """Now, always: a period that ended in the past would make positions wrong that were taken rightly.

    Raises Conflict `not_on_duty`.
    """
    if last is None or last.ended_at is not None:
        raise Conflict("not_on_duty", "You are not on duty.")
    if last.closes_at <= now:
        return End(last.closes_at, EndedBy.LIMIT)
    return End(max(now, last.started_at), EndedBy.DRIVER)


class Why(StrEnum):
    ORDER = "order"
    DUTY = "duty"
    ALWAYS = "always"  # privacy of phones is switched off (setting phone_privacy)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why positions are taken now. `until` None: an order's end is not known beforehand."""

    why: Why
    since: datetime | None
    until: datetime | None = None
    order_id: UUID | None = None

    @property
    def detail(self) -> str:
        if self.why is Why.ALWAYS:
            return "The positions of your phone are always taken on this platform."
        if self.why is Why.ORDER:
            return (
                f"You are on order {self.order_id} since {self.since:%Y-%m-%d %H:%M} UTC,"
                " until it is delivered, completed or cancelled."
            )
        return f"You are on duty since {self.since:%Y-%m-%d %H:%M} UTC, until you end it, {self.until:%H:%M} UTC at the latest."


@dataclass(frozen=True, slots=True)
class OpenOrder:
    id: UUID
    assigned_at: datetime


def reasons(orders: Sequence[OpenOrder], last: Period | None, *, always: bool, now: datetime) -> list[Reason]:
    """All that hold now; none = positions are refused."""
    found = [Reason(Why.ALWAYS, None)] if always else []
    found += [Reason(Why.ORDER, order.assigned_at, order_id=order.id) for order in orders]
    if last is not None and last.ended_at is None and now < last.closes_at:
        found.append(Reason(Why.DUTY, last.started_at, last.closes_at))
    return found
