"""A step of the time of day is doubted for an hour, then believed; drift and simulated speed are no steps."""

import pytest

from ingest.own_clock import DOUBT_FOR_S, STEP_US, OwnClock

US = 1_000_000
NOON_US = 1_795_000_000 * US
HOURS_2 = 7200 * US


def test_a_clock_that_is_left_alone_is_never_doubted() -> None:
    clock = OwnClock(NOON_US, 50.0)
    assert [clock.doubt_us(NOON_US + s * US, 50.0 + s) for s in (0, 1, 5000, 500_000)] == [0, 0, 0, 0]


@pytest.mark.parametrize("step_us", [HOURS_2, -HOURS_2])
def test_a_step_is_doubted_by_its_size_and_after_an_hour_believed(step_us: int) -> None:
    clock = OwnClock(NOON_US, 0.0)
    assert clock.doubt_us(NOON_US + US + step_us, 1.0) == -step_us
    almost, over = 1 + int(DOUBT_FOR_S), 2 + int(DOUBT_FOR_S)
    assert clock.doubt_us(NOON_US + almost * US + step_us, almost) == -step_us
    assert clock.doubt_us(NOON_US + over * US + step_us, over) == 0
    assert clock.doubt_us(NOON_US + (over + 1) * US + step_us, over + 1) == 0
    # Back again: that is a step from what is believed now.
    assert clock.doubt_us(NOON_US + (over + 2) * US, over + 2) == step_us


def test_a_step_taken_back_leaves_no_doubt_and_the_hour_begins_anew() -> None:
    clock = OwnClock(NOON_US, 0.0)
    assert clock.doubt_us(NOON_US + HOURS_2, 0.0) == -HOURS_2
    assert clock.doubt_us(NOON_US + 3000 * US, 3000.0) == 0
    assert clock.doubt_us(NOON_US + 4000 * US + HOURS_2, 4000.0) == -HOURS_2


def test_what_time_servers_correct_is_no_step() -> None:
    clock = OwnClock(NOON_US, 0.0)
    assert clock.doubt_us(NOON_US + STEP_US - 1, 0.0) == 0
    assert clock.doubt_us(NOON_US + STEP_US, 0.0) == -STEP_US


def test_a_simulated_clock_that_runs_fast_is_no_step() -> None:
    clock = OwnClock(NOON_US, 10.0, speed=60.0)
    assert clock.doubt_us(NOON_US + 600 * US, 20.0) == 0
