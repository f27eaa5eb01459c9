"""When an order comes again."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import Conflict, Invalid
from platform_api.repeats.rules import (
    MAX_LATE,
    check_comes,
    check_days,
    check_room,
    is_missed,
    next_occurrence,
)

MONDAY = datetime(2026, 11, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("weekdays", "at", "expected"),
    [
        ({1}, time(9), MONDAY + timedelta(hours=1)),
        ({1}, time(8), MONDAY + timedelta(days=7)),
        ({1}, time(7), MONDAY + timedelta(days=7, hours=-1)),
        ({3, 5}, time(6), MONDAY + timedelta(days=2, hours=-2)),
        ({7}, time(23, 59), MONDAY + timedelta(days=6, hours=15, minutes=59)),
    ],
)
def test_next(weekdays: set[int], at: time, expected: datetime) -> None:
    assert next_occurrence(weekdays, at, after=MONDAY, until=None) == expected


moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
days = st.sets(st.integers(1, 7), min_size=1)


@given(weekdays=days, at=st.times(), after=moments)
def test_none_is_left_out_and_none_comes_twice(weekdays: set[int], at: time, after: datetime) -> None:
    found = next_occurrence(weekdays, at, after=after, until=None)
    assert found is not None
    assert after < found <= after + timedelta(days=7)
    assert found.isoweekday() in weekdays
    assert found.timetz() == at.replace(tzinfo=UTC)
    between = after.date()
    while between < found.date():
        at_that_day = datetime.combine(between, at, UTC)
        assert between.isoweekday() not in weekdays or at_that_day <= after
        between += timedelta(days=1)


@given(weekdays=days, at=st.times(), after=moments, last=st.integers(-10, 10))
def test_never_after_the_end(weekdays: set[int], at: time, after: datetime, last: int) -> None:
    until = after.date() + timedelta(days=last)
    found = next_occurrence(weekdays, at, after=after, until=until)
    free = next_occurrence(weekdays, at, after=after, until=None)
    assert free is not None
    assert found == (free if free.date() <= until else None)


def test_days_and_room() -> None:
    assert check_days([5, 1, 5]) == [1, 5]
    for bad in ([], [0], [8]):
        with pytest.raises(Invalid):
            check_days(bad)
    check_room(1, 2, "x")
    with pytest.raises(Conflict):
        check_room(2, 2, "x")
    with pytest.raises(Invalid):
        check_comes(None)


def test_missed() -> None:
    assert not is_missed(MONDAY, MONDAY + MAX_LATE)
    assert is_missed(MONDAY, MONDAY + MAX_LATE + timedelta(seconds=1))
    assert date(2026, 11, 2).isoweekday() == 1
