"""Pauses and nights of drivers, by example and by law."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from config.settings import Settings
from platform_api.eta import rules
from platform_api.eta.resting import NO_REST, Moment, Rest, drive, driven_since_pause
from platform_api.eta.rules import Observed, Way
from platform_api.routing.plan import Assumed

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PAUSES = Rest(pause=45 * MINUTE, after=4.5 * HOUR)
NIGHTS = Rest(pause=45 * MINUTE, after=4.5 * HOUR, night=(time(22), time(5)))

rests = st.builds(
    Rest,
    st.integers(0, 120).map(lambda minutes: minutes * MINUTE),
    st.integers(30, 600).map(lambda minutes: minutes * MINUTE),
    st.one_of(
        st.none(),
        st.tuples(st.integers(0, 23), st.integers(2, 20)).map(
            lambda night: (time(night[0]), time((night[0] + night[1]) % 24))
        ),
    ),
)
drivings = st.timedeltas(timedelta(0), timedelta(days=4))
starts = st.builds(
    Moment,
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(0), 12 * HOUR),
)


def after(driving_h: float, rest: Rest, driven_h: float = 0, start: datetime = NOON) -> float:
    """Hours until so much is driven."""
    return (drive(Moment(start, driven_h * HOUR), driving_h * HOUR, rest).at - start) / HOUR


def test_a_pause_after_four_hours_and_a_half() -> None:
    assert after(4.4, PAUSES) == pytest.approx(4.4)
    assert after(4.5, PAUSES) == 4.5, "he is there and needs none"
    assert after(5, PAUSES) == 5.75
    assert after(9, PAUSES) == 9.75
    assert after(10, PAUSES) == 11.5
    assert after(1, PAUSES, driven_h=4) == 1.75
    assert after(1, PAUSES, driven_h=6) == 1.75, "he ought to have paused"
    assert after(0, PAUSES, driven_h=6) == 0
    assert after(100, NO_REST) == 100


def test_nobody_drives_at_night() -> None:
    assert after(4, NIGHTS, start=NOON + 8 * HOUR) == 2 + 7 + 2
    assert after(1, NIGHTS, start=NOON + 12 * HOUR) == 5 + 1, "he was asked at midnight"
    assert after(1, NIGHTS, start=NOON + 10 * HOUR) == 7 + 1, "as the night begins"
    assert after(1, NIGHTS, start=NOON + 17 * HOUR) == 1, "as it ends"
    assert after(4, NIGHTS, driven_h=3, start=NOON + 9 * HOUR) == 1 + 7 + 3, "the night was a pause"
    by_day = Rest(night=(time(12), time(15)))
    assert after(1, by_day, start=NOON) == 4


@given(starts, drivings, rests)
def test_it_takes_no_less_than_the_driving(start: Moment, driving: timedelta, rest: Rest) -> None:
    found = drive(start, driving, rest)
    assert found.at - start.at >= driving
    assert drive(start, driving, NO_REST).at == start.at + driving
    if rest.night is None and not rest.pause:
        assert found.at == start.at + driving


@given(starts, drivings, drivings, rests)
def test_two_drives_end_as_one_of_both(start: Moment, one: timedelta, two: timedelta, rest: Rest) -> None:
    assert drive(drive(start, one, rest), two, rest) == drive(start, one + two, rest)


@given(starts, drivings, drivings, rests)
def test_more_driving_is_never_sooner(start: Moment, one: timedelta, more: timedelta, rest: Rest) -> None:
    assert drive(start, one + more, rest).at >= drive(start, one, rest).at + more


@given(starts, drivings, st.integers(30, 600))
def test_pauses_are_as_many_as_the_rule_says(start: Moment, driving: timedelta, after_minutes: int) -> None:
    rest = Rest(45 * MINUTE, after_minutes * MINUTE)
    waited = drive(start, driving, rest).at - start.at - driving
    fresh = max(rest.after - start.driven, timedelta(0))
    beyond = driving - fresh
    expected = 0 if beyond <= timedelta(0) else -(-beyond // rest.after)
    assert waited == expected * rest.pause


@given(starts, drivings, rests)
def test_no_minute_is_driven_in_the_night(start: Moment, driving: timedelta, rest: Rest) -> None:
    """Whoever is under way has the last minute of it by day."""
    found = drive(start, driving, rest)
    if rest.night is None or driving == timedelta(0):
        return
    begins, ends = rest.night
    last = (found.at - timedelta(microseconds=1)).time()
    in_night = begins <= last < ends if begins < ends else last >= begins or last < ends
    assert not in_night


def test_trips_say_what_was_driven_since_the_last_pause() -> None:
    def trip(start: float, end: float) -> tuple[datetime, datetime]:
        return NOON + start * HOUR, NOON + end * HOUR

    def driven(*trips: tuple[datetime, datetime], at: float) -> float:
        return driven_since_pause(trips, NOON + at * HOUR, 45 * MINUTE) / HOUR

    assert driven(at=3) == 0
    assert driven(trip(0, 2), at=2) == 2
    assert driven(trip(0, 2), trip(2.5, 4), at=4) == 3.5, "half an hour is no pause"
    assert driven(trip(0, 2), trip(2.75, 4), at=4) == 1.25
    assert driven(trip(0, 2), at=2.5) == 2
    assert driven(trip(0, 2), at=3) == 0, "he has stood for one by now"
    assert driven(trip(0, 2), trip(1, 3), at=3) == 3, "none is counted twice"
    assert driven(trip(2, 4), trip(0, 1.5), at=3) == 2.5, "in any order, and no further than now"


@given(st.floats(0, 2e5), st.floats(0, 2e4), rests, st.timedeltas(timedelta(0), 6 * HOUR))
def test_bounds_lie_around_the_estimate(
    driving_s: float, stays_s: float, rest: Rest, driven: timedelta
) -> None:
    way = Way(driving_s * 15, driving_s, stays_s, 1, planned=True)
    found = rules.estimate(
        way, Observed(0, 0), position_time=NOON, assumed=Assumed(50, 1.3), rest=rest, driven=driven
    )
    assert found.low_at <= found.eta_at <= found.high_at
    plain = rules.estimate(way, Observed(0, 0), position_time=NOON, assumed=Assumed(50, 1.3))
    assert found.eta_at >= plain.eta_at


@pytest.mark.parametrize(
    "night", [("22:00", None), (None, "05:00"), ("05:00", "05:00"), ("05:00", "04:00"), ("22:00Z", "05:00Z")]
)
def test_a_night_without_end_is_refused(
    night: tuple[str | None, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(("MESS_ETA_NIGHT_FROM", "MESS_ETA_NIGHT_UNTIL"), night, strict=True):
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match="MESS_ETA_NIGHT"):
        Settings()


def test_a_night_over_midnight_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESS_ETA_NIGHT_FROM", "22:00")
    monkeypatch.setenv("MESS_ETA_NIGHT_UNTIL", "05:00")
    assert Settings().eta_night_until == time(5)
