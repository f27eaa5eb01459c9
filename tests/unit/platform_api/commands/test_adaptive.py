"""How often a device should report: the table, the hysteresis, and no flapping."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.commands.adaptive import (
    AFTER_FAILURE,
    BY_PERSON,
    LENGTHEN_AFTER,
    NEAR,
    ON_THE_WAY,
    SHORTEN_AFTER,
    WITHOUT_ORDER,
    Situation,
    Told,
    change_s,
    wanted_s,
)
from platform_api.commands.rules import INTERVAL_S

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("motion", "place_m", "seconds"),
    [
        ("moving", -50.0, 10),
        ("moving", 5_000.0, 10),
        ("moving", 5_000.1, 60),
        ("stopped", 100.0, 30),
        ("stopped", 90_000.0, 120),
        ("parked", -10.0, 90),
        ("parked", 90_000.0, 900),
        ("moving", None, 120),
        ("stopped", None, 300),
        ("parked", None, 900),
        (None, 100.0, None),
        (None, None, None),
        ("flying", None, None),
    ],
)
def test_the_table(motion: str | None, place_m: float | None, seconds: int | None) -> None:
    assert wanted_s(Situation(motion, place_m), None) == seconds


def test_it_is_near_until_it_is_farther_away() -> None:
    leaving = Situation("moving", 5_500.0)
    assert wanted_s(leaving, NEAR["moving"]) == NEAR["moving"]
    assert wanted_s(leaving, ON_THE_WAY["moving"]) == ON_THE_WAY["moving"]
    assert wanted_s(Situation("moving", 6_001.0), NEAR["moving"]) == ON_THE_WAY["moving"]


def test_near_is_told_from_the_interval_alone() -> None:
    assert not set(NEAR.values()) & {*ON_THE_WAY.values(), *WITHOUT_ORDER.values()}
    low, high = INTERVAL_S
    assert all(low <= s <= high for table in (NEAR, ON_THE_WAY, WITHOUT_ORDER) for s in table.values())


def told(seconds: int, ago: timedelta, *, by_person: bool = False, taken: bool = True) -> Told:
    return Told(seconds, NOW - ago, by_person, taken)


ROAD, HERE = Situation("moving", 90_000.0), Situation("moving", 100.0)


@pytest.mark.parametrize(
    ("situation", "last", "seconds"),
    [
        (ROAD, None, 60),
        (ROAD, told(60, timedelta(days=9)), None),
        (HERE, told(60, SHORTEN_AFTER), 10),
        (HERE, told(60, SHORTEN_AFTER - SECOND), None),
        (ROAD, told(10, LENGTHEN_AFTER), 60),
        (ROAD, told(10, LENGTHEN_AFTER - SECOND), None),
        (ROAD, told(10, BY_PERSON, by_person=True), 60),
        (ROAD, told(10, BY_PERSON - SECOND, by_person=True), None),
        (ROAD, told(60, BY_PERSON, by_person=True), None),
        (ROAD, told(60, AFTER_FAILURE, taken=False), 60),
        (ROAD, told(60, AFTER_FAILURE - SECOND, taken=False), None),
        (Situation(None, None), None, None),
    ],
)
def test_changes(situation: Situation, last: Told | None, seconds: int | None) -> None:
    assert change_s(situation, last, NOW) == seconds


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["moving", "stopped", "parked"]),
            st.none() | st.floats(4_000, 7_000),
        ),
        min_size=40,
        max_size=120,
    )
)
def test_whatever_happens_a_device_is_not_told_something_else_all_the_time(
    looks: list[tuple[str, float | None]],
) -> None:
    """One look every 30 s. To be shortened again an interval has to be lengthened, and that takes five minutes."""
    last: Told | None = None
    lengthened: list[datetime] = []
    for number, (motion, place_m) in enumerate(looks):
        now = NOW + number * 30 * SECOND
        seconds = change_s(Situation(motion, place_m), last, now)
        if seconds is not None:
            if last is not None and seconds > last.seconds:
                lengthened.append(now)
            last = Told(seconds, now, by_person=False, taken=True)
    for earlier, later in pairwise(lengthened):
        assert later - earlier >= LENGTHEN_AFTER
