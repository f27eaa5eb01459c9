"""Estimated arrivals by example and by law."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from platform_api.eta import rules
from platform_api.eta.rules import Line, Observed, Way
from platform_api.routing.plan import Assumed, Leg, Point, length_m

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ASSUMED = Assumed(speed_kmh=50, detour=1.3)
NOTHING = Observed(0, 0)
# East along a parallel, then back west a little north of it: a way that passes by itself.
OUT: list[Point] = [(-17.0 + n / 20, 14.0) for n in range(21)]
BACK: list[Point] = [(-16.0 - n / 20, 14.001) for n in range(21)]

ways = st.lists(st.tuples(st.floats(-17.4, -12), st.floats(12.5, 16)), min_size=2, max_size=12).filter(
    lambda points: length_m(points) > 1000
)
some_legs = st.lists(st.builds(Leg, st.floats(1_000, 500_000), st.floats(60, 40_000)), min_size=1, max_size=5)
lefts = st.builds(
    Way, st.floats(0, 1e6), st.floats(0, 1e5), st.floats(0, 2e4), st.integers(0, 5), st.booleans()
)
drives = st.builds(Observed, st.floats(0, 1e5), st.floats(0, 7200))


def test_halts_are_left_out_of_what_was_driven() -> None:
    points: list[Point] = [(-17.0, 14.0), (-16.99, 14.0), (-16.99, 14.0), (-16.98, 14.0)]
    seen = rules.observed([0, 60, 3660, 3720], points)
    assert seen.moving_s == 120
    assert seen.distance_m == pytest.approx(length_m([points[0], points[-1]]), rel=1e-6)
    assert rules.observed([0], points[:1]) == NOTHING
    assert rules.observed([5, 5], points[:2]) == NOTHING, "no time, no speed"


def test_a_truck_is_found_on_its_line() -> None:
    line = Line(OUT)
    along, beside = line.match((-16.5, 14.005))
    assert along == pytest.approx(line.length_m / 2, rel=0.001)
    assert beside == pytest.approx(553, rel=0.02)
    assert line.match((-18.0, 14.0))[0] == 0
    assert line.match((-15.0, 14.0))[0] == pytest.approx(line.length_m)


def test_where_the_line_passes_twice_the_pass_that_is_still_to_come_counts() -> None:
    line = Line(OUT + BACK)
    quarter = line.length_m / 4
    assert line.match((-16.5, 14.0005))[0] == pytest.approx(quarter, rel=0.01)
    assert line.match((-16.5, 14.0005), since_m=2 * quarter)[0] == pytest.approx(3 * quarter, rel=0.01)


@given(ways, st.floats(0, 1), st.floats(0, 1))
def test_a_match_is_on_the_line_and_not_behind(points: list[Point], share: float, since: float) -> None:
    line = Line(points)
    at = points[int(share * (len(points) - 1))]
    along, beside = line.match(at, since * line.length_m)
    assert since * line.length_m - 1e-6 <= along <= line.length_m + 1e-6
    assert beside >= 0
    assert line.match(at)[1] == pytest.approx(0, abs=1)


@given(ways, some_legs, st.floats(0, 1), st.floats(0, 1), st.floats(0, 50_000))
def test_less_is_left_the_farther_one_is(
    points: list[Point], legs: list[Leg], first: float, second: float, beside: float
) -> None:
    line = Line(points)
    near, far = sorted((first * line.length_m, second * line.length_m))
    m_near, s_near = rules.along_plan(line, legs, near, beside, ASSUMED)
    m_far, s_far = rules.along_plan(line, legs, far, beside, ASSUMED)
    assert m_near >= m_far - 1e-3
    assert s_near >= s_far - 1e-3
    whole_m, whole_s = rules.along_plan(line, legs, 0, 0, ASSUMED)
    assert whole_m == pytest.approx(sum(leg.distance_m for leg in legs))
    assert whole_s == pytest.approx(sum(leg.duration_s for leg in legs))
    assert rules.along_plan(line, legs, line.length_m, 0, ASSUMED) == pytest.approx((0, 0), abs=1e-3)


@given(ways, some_legs)
def test_the_legs_begin_in_order_on_the_line(points: list[Point], legs: list[Leg]) -> None:
    line = Line(points)
    starts = [rules.leg_start_m(line, legs, n) for n in range(len(legs) + 1)]
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[-1] == pytest.approx(line.length_m)


@example(Way(1.0, 5e-324, 0.0, 0, planned=True), Observed(1.0, 600.0))
@given(lefts, drives)
def test_the_bounds_hold_the_estimate_and_nobody_arrives_before_he_was_seen(way: Way, seen: Observed) -> None:
    found = rules.estimate(way, seen, position_time=NOON, assumed=ASSUMED)
    assert NOON - timedelta(milliseconds=1) <= found.low_at <= found.eta_at <= found.high_at
    assert found.speed_kmh >= 0


@given(lefts, drives, st.floats(0, 1e4), st.floats(0, 1e4))
def test_more_to_do_is_later(way: Way, seen: Observed, driving_s: float, stays_s: float) -> None:
    more = Way(way.remaining_m, way.driving_s + driving_s, way.stays_s + stays_s, way.stops_left, way.planned)
    before = rules.estimate(way, NOTHING, position_time=NOON, assumed=ASSUMED)
    after = rules.estimate(more, NOTHING, position_time=NOON, assumed=ASSUMED)
    assert after.eta_at >= before.eta_at


@given(st.floats(1_000, 1e6), st.floats(600, 1e5), st.floats(60, 7200), st.floats(1, 30), st.floats(0, 10))
def test_who_drives_slower_is_expected_later(
    remaining_m: float, driving_s: float, moving_s: float, speed_ms: float, faster_ms: float
) -> None:
    way = Way(remaining_m, driving_s, 0, 0, planned=True)
    slow = rules.estimate(way, Observed(speed_ms * moving_s, moving_s), position_time=NOON, assumed=ASSUMED)
    fast = rules.estimate(
        way, Observed((speed_ms + faster_ms) * moving_s, moving_s), position_time=NOON, assumed=ASSUMED
    )
    assert fast.eta_at <= slow.eta_at


@given(st.integers(0, 100), st.integers(0, 100))
def test_driving_as_planned_the_estimate_stays(first: int, second: int) -> None:
    """On time from one place to another, arrival is expected at one and the same moment."""
    line, legs = Line(OUT), [Leg(120_000, 7200)]

    def eta(percent: int) -> datetime:
        left_m, left_s = rules.along_plan(line, legs, percent / 100 * line.length_m, 0, ASSUMED)
        seen = Observed(120_000 / 2, 3600) if percent else NOTHING
        moment = NOON + timedelta(seconds=7200 * percent / 100)
        way = Way(left_m, left_s, 0, 0, planned=True)
        return rules.estimate(way, seen, position_time=moment, assumed=ASSUMED).eta_at

    assert abs(eta(first) - eta(second)) < timedelta(seconds=1)


def test_an_hour_of_driving_counts_for_half() -> None:
    planned = 20.0
    assert rules.pace(NOTHING, planned) == 1
    assert rules.pace(Observed(10 * 3600, 3600), planned) == pytest.approx(0.75)
    assert rules.pace(Observed(10 * 360, 360), planned) == pytest.approx(0.975)
    assert rules.pace(Observed(3600, 3600), planned) == pytest.approx(0.7), "never below 0.4 of the plan"


def test_a_stay_gets_shorter_while_it_lasts() -> None:
    assert rules.stay_left_s(3600, None, NOON) == 3600
    assert rules.stay_left_s(3600, NOON - timedelta(minutes=20), NOON) == 2400
    assert rules.stay_left_s(3600, NOON - timedelta(hours=3), NOON) == 0
    assert rules.stay_left_s(3600, NOON + timedelta(minutes=1), NOON) == 3600


@given(st.lists(st.integers(-60, 120), min_size=1, max_size=40))
def test_lateness_does_not_flicker(minutes: list[int]) -> None:
    alert, clear = timedelta(minutes=30), timedelta(minutes=10)
    late = False
    for late_by in minutes:
        now = rules.is_late(late, timedelta(minutes=late_by), alert=alert, clear=clear)
        if now and not late:
            assert late_by > 30
        if late and not now:
            assert late_by <= 10
        late = now
