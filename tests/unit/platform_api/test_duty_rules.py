"""Duty by example, and against every order of presses of the two buttons."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.duty import rules
from platform_api.duty.rules import End, EndedBy, OpenOrder, Period, Why
from platform_api.errors import Conflict, Forbidden, Invalid

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONGEST = 16 * HOUR


def period(start: float, end: float | None = None) -> Period:
    begin = NOW + start * HOUR
    return Period(begin, begin + LONGEST, None if end is None else NOW + end * HOUR)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.DRIVER])
def test_nobody_puts_a_driver_on_duty_but_himself(role: Role) -> None:
    with pytest.raises(Forbidden, match="role_not_allowed"):
        rules.check_himself(Actor(uuid4(), role, is_superuser=True))
    rules.check_himself(Actor(uuid4(), Role.DRIVER))


def test_a_duty_begins_now_or_when_the_button_was_pressed() -> None:
    for at, begin in ((None, NOW), (NOW - 3 * HOUR, NOW - 3 * HOUR), (NOW + HOUR / 60, NOW + HOUR / 60)):
        started = rules.start(period(-20, -10), at=at, now=NOW, longest=LONGEST)
        assert started == rules.Start(Period(begin, begin + LONGEST))


def test_pressing_start_twice_is_one_duty() -> None:
    open_now = period(-1)
    assert rules.start(open_now, at=None, now=NOW, longest=LONGEST) == rules.Start(open_now, again=True)


def test_a_forgotten_duty_is_over_when_the_next_begins() -> None:
    started = rules.start(period(-17), at=None, now=NOW, longest=LONGEST)
    assert (started.closes_first, started.period.started_at) == (True, NOW)


@pytest.mark.parametrize(
    ("last", "at", "error", "code"),
    [
        (None, NOW + HOUR, Invalid, "time_in_future"),
        (None, NOW - LONGEST, Invalid, "time_too_long_ago"),
        (period(-8, -2), NOW - 3 * HOUR, Conflict, "duty_overlap"),
        (period(-17), NOW - 2 * HOUR, Conflict, "duty_overlap"),
    ],
)
def test_when_a_duty_cannot_begin(
    last: Period | None, at: datetime, error: type[Exception], code: str
) -> None:
    with pytest.raises(error, match=code):
        rules.start(last, at=at, now=NOW, longest=LONGEST)


def test_a_duty_ends_now_or_ended_by_itself() -> None:
    assert rules.end(period(-1), now=NOW) == End(NOW, EndedBy.DRIVER)
    assert rules.end(period(-20), now=NOW) == End(NOW - 4 * HOUR, EndedBy.LIMIT)
    # Started by a clock that runs ahead of ours.
    assert rules.end(period(0.05), now=NOW) == End(NOW + 0.05 * HOUR, EndedBy.DRIVER)
    for last in (None, period(-2, -1)):
        with pytest.raises(Conflict, match="not_on_duty"):
            rules.end(last, now=NOW)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(-20, 1)), max_size=12))
def test_whatever_is_pressed_periods_never_overlap_and_none_outlives_its_limit(
    presses: list[tuple[bool, int, int]],
) -> None:
    now, periods = NOW, list[Period]()
    for starts, hours, offset in presses:
        now += hours * HOUR
        last = periods[-1] if periods else None
        try:
            if starts:
                started = rules.start(last, at=now + offset * HOUR / 2, now=now, longest=LONGEST)
                if started.closes_first and last is not None:
                    periods[-1] = Period(last.started_at, last.closes_at, last.closes_at)
                if not started.again:
                    periods.append(started.period)
            elif last is not None:
                periods[-1] = Period(last.started_at, last.closes_at, rules.end(last, now=now).at)
        except (Conflict, Invalid):
            pass
    for one, two in itertools.pairwise(periods):
        assert one.ended_at is not None
        assert one.started_at <= one.ended_at <= two.started_at
    for each in periods:
        assert each.closes_at == each.started_at + LONGEST
        assert each.ended_at is None or each.started_at <= each.ended_at <= each.closes_at


def test_the_driver_is_told_why_his_phone_is_followed() -> None:
    order = OpenOrder(uuid4(), NOW - HOUR)
    found = rules.reasons([order], period(-2), always=False, now=NOW)
    assert [(r.why, r.since, r.until, r.order_id) for r in found] == [
        (Why.ORDER, NOW - HOUR, None, order.id),
        (Why.DUTY, NOW - 2 * HOUR, NOW + 14 * HOUR, None),
    ]
    assert str(order.id) in found[0].detail
    assert "2026-03-01 11:00" in found[0].detail
    assert "02:00" in found[1].detail
    for last in (None, period(-2, -1), period(-17)):
        assert rules.reasons([], last, always=False, now=NOW) == []
    (always,) = rules.reasons([], None, always=True, now=NOW)
    assert (always.why, always.since) == (Why.ALWAYS, None)
    assert "always" in always.detail
