"""Straight lines and drawn ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.routing import plan as planning
from platform_api.routing.plan import Assumed, Point, Source

DAKAR: Point = (-17.428, 14.676)
KAOLACK: Point = (-16.0757, 14.1652)
ASSUMED = Assumed(speed_kmh=50, detour=1.3)

points = st.tuples(st.floats(-17.5, -11.5), st.floats(12.3, 16.6))


def test_a_straight_line_knows_dakar_from_kaolack() -> None:
    """156 km on a great circle; with the axes swapped it would be 159 km, and lie in the Indian Ocean."""
    plan = planning.straight_line((DAKAR, KAOLACK), ASSUMED)
    assert plan.distance_m == pytest.approx(156_500 * 1.3, rel=0.01)
    assert plan.duration_s == pytest.approx(plan.distance_m / 50 * 3.6)
    assert (plan.source, plan.degraded) == (Source.STRAIGHT_LINE, True)


@given(st.lists(points, min_size=2, max_size=6), st.floats(10, 100), st.floats(1, 3))
def test_a_straight_line_has_a_leg_between_any_two_stops(
    stops: list[Point], speed: float, detour: float
) -> None:
    plan = planning.straight_line(stops, Assumed(speed, detour))
    assert len(plan.legs) == len(stops) - 1
    assert plan.distance_m == pytest.approx(planning.length_m(stops) * detour, abs=0.01)
    assert all(leg.distance_m >= 0 and leg.duration_s >= 0 for leg in plan.legs)


@given(st.lists(points, min_size=2, max_size=12), st.lists(points, max_size=3))
def test_the_legs_of_a_drawn_way_are_all_of_it(line: list[Point], between: list[Point]) -> None:
    plan = planning.drawn_line(line, [line[0], *between, line[-1]], ASSUMED)
    assert len(plan.legs) == len(between) + 1
    assert all(leg.distance_m >= 0 for leg in plan.legs)
    assert plan.distance_m == pytest.approx(planning.length_m(line), abs=0.01)


def test_a_drawn_way_is_cut_at_its_stops() -> None:
    line: list[Point] = [(-17.0, 14.0), (-16.9, 14.0), (-16.8, 14.0), (-16.7, 14.0)]
    plan = planning.drawn_line(line, [line[0], (-16.801, 14.001), line[-1]], ASSUMED)
    assert plan.legs[0].distance_m == pytest.approx(2 * plan.legs[1].distance_m, rel=0.001)
    assert not plan.degraded


def test_a_sketch_is_no_way() -> None:
    assert planning.drawn_line([DAKAR, KAOLACK], [DAKAR, KAOLACK], ASSUMED).degraded


def test_a_way_leads_from_the_first_stop_to_the_last() -> None:
    near = (DAKAR[0] + 0.01, DAKAR[1])
    assert planning.leads_through([near, KAOLACK], [DAKAR, KAOLACK])
    assert not planning.leads_through([KAOLACK, DAKAR], [DAKAR, KAOLACK])
    assert not planning.leads_through([near], [DAKAR, KAOLACK])
