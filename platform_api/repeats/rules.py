"""Orders that come again: when the next one is due. Pure. Times of Dakar, which are UTC all year."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from platform_api.errors import Conflict, Invalid
from platform_api.orders.content import MAX_AHEAD

MAX_TEMPLATES = 200  # of one party
MAX_SCHEDULES = 100
MAX_LEAD_DAYS = 30
# After an outage: what is later than this would be a surprise, and is left out.
MAX_LATE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a schedule says. `weekdays`: ISO, 1 = Monday; `at_time` of Dakar; `until` None = without end."""

    weekdays: tuple[int, ...]
    at_time: time
    lead_days: int
    posts: bool
    until: date | None


def check_terms(terms: Terms) -> Terms:
    """Each day once, in the order of the week. Raises Invalid `schedule_days`."""
    days = tuple(sorted(set(terms.weekdays)))
    if not days or not set(days) <= set(range(1, 8)):
        raise Invalid("schedule_days", "A schedule has one to seven days of the week, 1 = Monday.")
    return replace(terms, weekdays=days)


def next_occurrence(terms: Terms, *, after: datetime, done: Collection[date] = ()) -> datetime | None:
    """The first time after `after` on one of its days; None when `until` is over before.

    `done`: days that have had their order. A schedule whose hour was changed does not promise them again.
    """
    for days in range(8 + 7 * len(done)):
        day = after.date() + timedelta(days=days)
        if terms.until is not None and day > terms.until:
            return None
        at = datetime.combine(day, terms.at_time, UTC)
        if day.isoweekday() in terms.weekdays and at > after and day not in done:
            return at
    return None


def check_comes(next_at: datetime | None) -> datetime:
    """Raises Invalid `schedule_never` for one that would never come."""
    if next_at is None:
        raise Invalid("schedule_never", "No day of this schedule comes before its end.")
    return next_at


def check_room(kept: int, most: int, what: str) -> None:
    """Raises Conflict `too_many_repeats`."""
    if kept >= most:
        raise Conflict("too_many_repeats", f"At most {most} {what} are kept.", most=most)


def check_pickup_date(day: date, now: datetime) -> None:
    """Raises Invalid `window_too_far`: no order is for then, and its times could not be told."""
    if day > (now + MAX_AHEAD).date():
        raise Invalid("window_too_far", "An order is at most a year ahead.")


def is_missed(due_at: datetime, now: datetime) -> bool:
    return now - due_at > MAX_LATE
