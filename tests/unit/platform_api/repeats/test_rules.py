"""When an order comes again."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import Conflict, Invalid
from platform_api.repeats.rules import (
    MAX_LATE,
    Terms,
    check_comes,
    check_room,
    check_terms,
    is_missed,
    next_occurrence,
)


def terms(weekdays: set[int], at: time, until: date | None = None) -> Terms:
    return Terms(tuple(sorted(weekdays)), at, 0, False, until)


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
    assert next_occurrence(terms(weekdays, at), after=MONDAY) == expected


moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
days = st.sets(st.integers(1, 7), min_size=1)


@given(weekdays=days, at=st.times(), after=moments)
def test_none_is_left_out_and_none_comes_twice(weekdays: set[int], at: time, after: datetime) -> None:
    found = next_occurrence(terms(weekdays, at), after=after)
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
    found = next_occurrence(terms(weekdays, at, until), after=after)
    free = next_occurrence(terms(weekdays, at), after=after)
    assert free is not None
    assert found == (free if free.date() <= until else None)


@given(weekdays=days, at=st.times(), after=moments, done=st.sets(st.integers(0, 20)))
def test_days_that_had_their_order_do_not_come_again(
    weekdays: set[int], at: time, after: datetime, done: set[int]
) -> None:
    dates = {after.date() + timedelta(days=each) for each in done}
    found = next_occurrence(terms(weekdays, at), after=after, done=dates)
    assert found is not None
    every = after
    while (each := next_occurrence(terms(weekdays, at), after=every)) != found:
        assert each is not None
        assert each.date() in dates
        every = each
    assert found.date() not in dates


def test_days_and_room() -> None:
    week = terms({1}, time(8))
    assert check_terms(replace(week, weekdays=(5, 1, 5))).weekdays == (1, 5)
    for bad in ((), (0,), (8,)):
        with pytest.raises(Invalid):
            check_terms(replace(week, weekdays=bad))
    check_room(1, 2, "x")
    with pytest.raises(Conflict):
        check_room(2, 2, "x")
    with pytest.raises(Invalid):
        check_comes(None)


def test_missed() -> None:
    assert not is_missed(MONDAY, MONDAY + MAX_LATE)
    assert is_missed(MONDAY, MONDAY + MAX_LATE + timedelta(seconds=1))
    assert date(2026, 11, 2).isoweekday() == 1
