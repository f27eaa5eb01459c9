"""When a driver who pauses, and may not drive at night, has driven so far. Pure.

A pause is taken when there is more to drive and no sooner: whoever arrives with the last minute of his
driving time needs none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

NOTHING = timedelta(0)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rest:
    """After so much driving (> 0) a pause; none where `pause` is 0. Night: from, until (UTC, as Dakar); None = any hour."""

    pause: timedelta = NOTHING
    after: timedelta = timedelta(hours=4.5)
    night: tuple[time, time] | None = None


NO_REST = Rest()


@dataclass(frozen=True, slots=True)
class Moment:
    """`driven`: since the last pause."""

    at: datetime
    driven: timedelta = NOTHING


def drive(start: Moment, driving: timedelta, rest: Rest) -> Moment:
    """When so much more has been driven. Drives of two pieces end as one drive of both."""
    at, driven, left = start.at, start.driven, driving
    while left > NOTHING:
        waits = _night_left(at, rest.night)
        if not waits and rest.pause and driven >= rest.after:
            waits = rest.pause
        if waits:
            at += waits
            driven = NOTHING if waits >= rest.pause else driven
            continue
        step = left
        if rest.pause:
            step = min(step, rest.after - driven)
        if rest.night is not None:
            step = min(step, _until(at, rest.night[0]))
        at, driven, left = at + step, driven + step, left - step
    return Moment(at, driven)


def _night_left(at: datetime, night: tuple[time, time] | None) -> timedelta:
    """How long the night still lasts; 0 by day."""
    if night is None:
        return NOTHING
    begins, ends = night
    length = _between(begins, ends)
    since = DAY - _until(at, begins)
    # At the very beginning it is a whole day until the next one.
    since = NOTHING if since == DAY else since
    return length - since if since < length else NOTHING


def _until(at: datetime, clock: time) -> timedelta:
    """From a moment to the next time that a clock shows this; a whole day where it does so now."""
    here = at.astimezone(UTC)
    then = datetime.combine(here.date(), clock, tzinfo=UTC)
    return then - here if then > here else then + DAY - here


def _between(begins: time, ends: time) -> timedelta:
    start = datetime.combine(date.min, begins)
    end = datetime.combine(date.min, ends)
    return end - start if end > start else end + DAY - start


def driven_since_pause(
    trips: Sequence[tuple[datetime, datetime]], at: datetime, pause: timedelta
) -> timedelta:
    """Of trips (start, end) what was driven until `at` since the driver last stood for a pause."""
    driven, stood_from = NOTHING, None
    for start, end in sorted(trips):
        if stood_from is not None and start - stood_from >= pause:
            driven = NOTHING
        begins = start if stood_from is None else max(start, stood_from)
        driven += max(min(end, at) - begins, NOTHING)
        stood_from = end if stood_from is None else max(end, stood_from)
    return NOTHING if stood_from is None or at - stood_from >= pause else driven
