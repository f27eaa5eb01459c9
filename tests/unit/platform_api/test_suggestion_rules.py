"""The score of a truck for a load: laws that hold for whatever trucks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from platform_api.languages import Language
from platform_api.suggestions import rules
from platform_api.suggestions.explaining import explain
from platform_api.suggestions.rules import Load, Part, Point, Suggestion, Truck

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
FRESH = timedelta(minutes=30)
DAKAR, THIES, KAOLACK = Point(14.68, -17.43), Point(14.79, -16.93), Point(14.17, -16.08)
LOAD = Load(DAKAR, KAOLACK, weight_kg=20_000, vehicle_type="SEMI_PLATEAU")
TRUCK = Truck(
    1, UUID(int=1), UUID(int=2), "DK-1", "", "Awa", 30_000, "SEMI_PLATEAU", THIES, NOW - timedelta(minutes=3)
)  # fmt: skip

points = st.builds(Point, st.floats(13.0, 16.0), st.floats(-17.5, -14.5))
trucks = st.builds(
    replace,
    st.just(TRUCK),
    vehicle_id=st.integers(1, 1000),
    capacity_kg=st.none() | st.integers(20_000, 40_000),
    vehicle_type=st.sampled_from([None, "SEMI_PLATEAU", "BENNE"]),
    position=points,
    position_time=st.builds(lambda m: NOW - timedelta(minutes=m), st.floats(-5, 30)),
    speed_kmh=st.none() | st.floats(0, 120),
    heading_deg=st.none() | st.floats(0, 360),
    unloads_at=st.none() | points,
    came_from=st.none() | points,
    loads_together=st.integers(0, 50),
    reliability=st.none() | st.floats(0, 1),
)


def suggested(truck: Truck, load: Load = LOAD) -> Suggestion | None:
    found = rules.suggest(load, [truck], NOW, FRESH)
    return found[0] if found else None


def value(truck: Truck, part: Part, load: Load = LOAD) -> float:
    made = suggested(truck, load)
    assert made is not None
    return next(score.value for score in made.scores if score.part is part)


@given(trucks)
def test_a_score_is_the_sum_of_its_parts_between_0_and_100(truck: Truck) -> None:
    made = suggested(truck)
    assume(made is not None)
    assert made is not None
    assert {score.part for score in made.scores} == set(Part)
    assert all(0 <= score.value <= 1 for score in made.scores)
    assert 0 <= made.points <= 100
    assert all(explain(score, language) for score in made.scores for language in Language)


@given(trucks, points, points)
def test_the_nearer_truck_never_scores_less_for_distance(truck: Truck, one: Point, other: Point) -> None:
    near, far = sorted((one, other), key=lambda point: rules.distance_km(point, DAKAR))
    free = replace(truck, unloads_at=None)
    first, second = suggested(replace(free, position=near)), suggested(replace(free, position=far))
    assume(first is not None and second is not None)
    assert value(replace(free, position=near), Part.DISTANCE) >= value(
        replace(free, position=far), Part.DISTANCE
    )


@given(trucks, st.integers(0, 100), st.floats(0, 1))
def test_more_history_and_reliability_never_lower_the_score(truck: Truck, loads: int, kept: float) -> None:
    made = suggested(truck)
    assume(made is not None)
    better = suggested(
        replace(
            truck,
            loads_together=truck.loads_together + loads,
            reliability=max(kept, 0.5 if truck.reliability is None else truck.reliability),
        )
    )
    assert made is not None
    assert better is not None
    assert better.points >= made.points


@given(trucks, st.floats(0, 30), st.floats(0, 30))
def test_the_fresher_position_never_scores_less(truck: Truck, one: float, other: float) -> None:
    free = replace(truck, unloads_at=None)
    assume(suggested(free) is not None)
    young, old = sorted((one, other))
    at = [replace(free, position_time=NOW - timedelta(minutes=age)) for age in (young, old)]
    assert value(at[0], Part.FRESHNESS) >= value(at[1], Part.FRESHNESS)


@given(st.lists(trucks, max_size=20, unique_by=lambda truck: truck.vehicle_id), st.randoms())
def test_the_order_of_candidates_does_not_matter(found: list[Truck], shuffle: object) -> None:
    ranked = rules.suggest(LOAD, found, NOW, FRESH)
    other = list(found)
    shuffle.shuffle(other)  # type: ignore[attr-defined]
    assert rules.suggest(LOAD, other, NOW, FRESH) == ranked
    assert [each.points for each in ranked] == sorted((each.points for each in ranked), reverse=True)
    assert rules.suggest(LOAD, found, NOW, FRESH, limit=3) == ranked[:3]


def test_who_is_left_out() -> None:
    assert suggested(replace(TRUCK, capacity_kg=19_999)) is None
    assert suggested(replace(TRUCK, position=Point(13.0, -12.0))) is None
    assert suggested(replace(TRUCK, position=None)) is None
    soon = replace(LOAD, pickup_closes_at=NOW + timedelta(hours=3))
    busy = replace(TRUCK, position=KAOLACK, unloads_at=DAKAR)
    assert suggested(busy) is not None
    assert suggested(busy, soon) is None
    assert suggested(replace(busy, position=DAKAR), soon) is not None


def test_empty_returns_come_first() -> None:
    near = replace(TRUCK, vehicle_id=2, came_from=KAOLACK)
    assert rules.suggest(LOAD, [TRUCK, near], NOW, FRESH)[0].truck is near
    assert value(near, Part.DIRECTION) == 1.0
    assert value(replace(TRUCK, unloads_at=DAKAR), Part.DIRECTION) == 1.0
    west = replace(TRUCK, speed_kmh=60.0, heading_deg=265.0)
    east = replace(TRUCK, speed_kmh=60.0, heading_deg=85.0)
    assert value(west, Part.DIRECTION) > 0.9
    assert value(east, Part.DIRECTION) < 0.1
    assert value(replace(west, speed_kmh=3.0), Part.DIRECTION) == 0.0


def test_where_a_truck_under_way_unloads_is_told_coarsely() -> None:
    made = suggested(replace(TRUCK, unloads_at=THIES))
    assert made is not None
    assert made.distance_km % rules.COARSE_KM == 0
    assert made.distance_km >= rules.distance_km(THIES, DAKAR)
