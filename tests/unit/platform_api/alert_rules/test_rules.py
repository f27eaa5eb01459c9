"""What rules make of stays and intervals: schedules, dwell, late data."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.alert_rules import rules
from platform_api.alert_rules.event_names import event_names
from platform_api.alert_rules.rules import Lasting, Period, Rule, Stay, Trigger, Wanted
from platform_api.errors import Invalid
from telemetry.kinds import KINDS

# A Friday.
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SINCE = NOON - timedelta(days=30)
HOUR = timedelta(hours=1)
ALL_DAYS = frozenset(range(1, 8))


def at(hour: int, minute: int = 0, *, day: int = 27) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "start", "end", "moment", "expected"),
    [
        ({5}, time(8), time(18), at(8), True),
        ({5}, time(8), time(18), at(18), False),
        ({4}, time(8), time(18), at(12), False),
        # Over midnight: Friday's night reaches into Saturday, and Saturday's own has not begun.
        ({5}, time(22), time(6), at(23), True),
        ({5}, time(22), time(6), at(5, day=28), True),
        ({5}, time(22), time(6), at(6, day=28), False),
        ({5}, time(22), time(6), at(5), False),
        ({4}, time(22), time(6), at(5), True),
        # Sunday's night into Monday
        ({7}, time(22), time(6), at(2, day=30), True),
        # A whole day
        ({5}, time(0), time(0), at(0), True),
        ({5}, time(0), time(0), at(23, 59), True),
        ({5}, time(0), time(0), at(0, day=28), False),
    ],
)
def test_periods(days: set[int], start: time, end: time, moment: datetime, expected: bool) -> None:
    assert Period(frozenset(days), start, end).holds(moment) is expected


@given(st.integers(0, 366 * 24 * 60), st.times(), st.times())
def test_a_period_of_every_day_and_the_rest_of_the_day_make_all_of_it(
    minutes: int, start: time, end: time
) -> None:
    if start == end:
        return
    utc = NOON + timedelta(minutes=minutes)
    here, rest = Period(ALL_DAYS, start, end), Period(ALL_DAYS, end, start)
    assert here.holds(utc) != rest.holds(utc)


def test_an_empty_schedule_is_always() -> None:
    assert rules.in_schedule((), NOON)


def rule(trigger: Trigger, **more: object) -> Rule:
    return Rule(trigger, SINCE, **more)  # type: ignore[arg-type]


def test_entering_and_leaving() -> None:
    here, gone = Stay(NOON, None), Stay(NOON, NOON + HOUR)
    assert rules.judge_stay(rule(Trigger.ENTER), here, NOON) == Wanted(NOON)
    assert rules.judge_stay(rule(Trigger.EXIT), here, NOON) is None
    assert rules.judge_stay(rule(Trigger.EXIT), gone, NOON) == Wanted(NOON + HOUR)


def test_a_long_stay_is_told_when_it_has_become_long_and_ends_with_it() -> None:
    long = rule(Trigger.DWELL, dwell=HOUR)
    here, gone = Stay(NOON, None), Stay(NOON, NOON + 2 * HOUR)
    assert rules.judge_stay(long, here, NOON + HOUR - timedelta(seconds=1)) is None
    assert rules.judge_stay(long, here, NOON + HOUR) == Wanted(NOON + HOUR)
    assert rules.judge_stay(long, gone, NOON + 9 * HOUR) == Wanted(NOON + HOUR, NOON + 2 * HOUR)
    assert rules.judge_stay(long, Stay(NOON, NOON + HOUR / 2), NOON + 9 * HOUR) is None


def test_what_did_not_happen_is_not_told_whatever_the_rule() -> None:
    gone = Stay(NOON, NOON + HOUR, retracted=True)
    for trigger, more in ((Trigger.ENTER, {}), (Trigger.EXIT, {}), (Trigger.DWELL, {"dwell": HOUR})):
        assert rules.judge_stay(rule(trigger, **more), gone, NOON + 9 * HOUR) is None


def test_a_new_rule_does_not_dig_up_the_past() -> None:
    new = Rule(Trigger.ENTER, NOON)
    assert rules.judge_stay(new, Stay(NOON - timedelta(seconds=1), None), NOON) is None
    assert (
        rules.judge_interval(
            Rule(Trigger.INTERVAL, NOON, kinds=frozenset({"tow"})), Lasting("tow", NOON - HOUR, None)
        )
        is None
    )


def test_the_schedule_is_about_when_it_happened() -> None:
    night = (Period(ALL_DAYS, time(22), time(6)),)
    assert rules.judge_stay(rule(Trigger.EXIT, schedule=night), Stay(NOON, at(23)), at(23)) == Wanted(at(23))
    assert rules.judge_stay(rule(Trigger.ENTER, schedule=night), Stay(NOON, at(23)), at(23)) is None


def test_intervals_of_the_kinds_that_were_named() -> None:
    about = rule(Trigger.INTERVAL, kinds=frozenset({"tow", "speeding"}))
    assert rules.judge_interval(about, Lasting("tow", NOON, NOON + HOUR)) == Wanted(NOON, NOON + HOUR)
    assert rules.judge_interval(about, Lasting("trip", NOON, None)) is None
    assert rules.judge_interval(about, Lasting("tow", NOON, None, retracted=True)) is None


@pytest.mark.parametrize(
    ("trigger", "given", "code"),
    [
        (Trigger.DWELL, {"dwell_minutes": None}, "invalid_alert_rule"),
        (Trigger.ENTER, {"dwell_minutes": 5}, "invalid_alert_rule"),
        (Trigger.ENTER, {"kinds": ["tow"]}, "invalid_alert_rule"),
        (Trigger.INTERVAL, {"kinds": []}, "unknown_alert_kinds"),
        (Trigger.INTERVAL, {"kinds": ["tow", "dance"]}, "unknown_alert_kinds"),
        (Trigger.INTERVAL, {"kinds": ["tow"], "about_geofence": True}, "invalid_alert_rule"),
    ],
)
def test_what_does_not_belong_together(trigger: Trigger, given: dict[str, object], code: str) -> None:
    form = {"dwell_minutes": None, "kinds": [], "known": ["tow"], "about_geofence": False} | given
    with pytest.raises(Invalid) as refused:
        rules.check_form(trigger, **form)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_texts_are_for_what_just_happened() -> None:
    assert rules.is_worth_a_text(NOON, NOON + rules.TEXT_WITHIN)
    assert not rules.is_worth_a_text(NOON, NOON + rules.TEXT_WITHIN + timedelta(seconds=1))


def test_every_kind_of_interval_has_a_name_in_both_languages() -> None:
    assert event_names().keys() == KINDS.keys()
    assert all(names["fr"] and names["en"] for names in event_names().values())
