"""Orders that come again: when the next one is due. Pure. Times of Dakar, which are UTC all year."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

from platform_api.errors import Conflict, Invalid

MAX_TEMPLATES = 200  # of one party
MAX_SCHEDULES = 100
MAX_LEAD_DAYS = 30
# After an outage: what is later than this would be a surprise, and is left out.
MAX_LATE = timedelta(hours=24)


def next_occurrence(
    weekdays: Collection[int], at_time: time, *, after: datetime, until: date | None
) -> datetime | None:
    """The first time after `after` on one of these days (ISO: 1 = Monday); None when `until` is over before."""
    for days in range(8):
        day = after.date() + timedelta(days=days)
        if until is not None and day > until:
            return None
        at = datetime.combine(day, at_time, UTC)
        if day.isoweekday() in weekdays and at > after:
            return at
    return None


def check_days(weekdays: Collection[int]) -> list[int]:
    """Each once, in the order of the week. Raises Invalid `schedule_days`."""
    days = sorted(set(weekdays))
    if not days or not set(days) <= set(range(1, 8)):
        raise Invalid("schedule_days", "A schedule has one to seven days of the week, 1 = Monday.")
    return days


def check_comes(next_at: datetime | None) -> datetime:
    """Raises Invalid `schedule_never` for one that would never come."""
    if next_at is None:
        raise Invalid("schedule_never", "No day of this schedule comes before its end.")
    return next_at


def check_room(kept: int, most: int, what: str) -> None:
    """Raises Conflict `too_many_repeats`."""
    if kept >= most:
        raise Conflict("too_many_repeats", f"At most {most} {what} are kept.", most=most)


def is_missed(due_at: datetime, now: datetime) -> bool:
    return now - due_at > MAX_LATE
