"""Distances against the geodesic, and what counts as inside."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence.errors import FenceError
from geofence.shapes import Circle, Corridor, Polygon, Shape, ShapeTable, interval_inside, signed_distance_m

from .strategies import DAKAR, GEOD, border_distance_m, circles, corridors, lats, lons, polygons, shapes, star

ROAD_TO_KIDIRA = (
    (-17.44, 14.69),
    (-16.92, 14.79),
    (-16.07, 14.14),
    (-14.80, 13.97),
    (-13.67, 13.77),
    (-12.68, 14.19),
    (-12.21, 14.46),
)
SQUARE = shapely.box(-17.0, 14.0, -16.9, 14.1)


def distance(shape: Shape, lon: float, lat: float) -> float:
    return float(signed_distance_m(shape, np.array([lon]), np.array([lat]))[0])


@settings(deadline=None)
@given(circles(), lons, lats)
def test_circle_is_the_geodesic_less_the_radius(circle: Circle, lon: float, lat: float) -> None:
    expected = GEOD.inv(circle.lon, circle.lat, lon, lat)[2] - circle.radius_m
    assert distance(circle, lon, lat) == pytest.approx(expected, abs=1e-6)


def test_dakar_is_longitude_first() -> None:
    dakar = Circle(*DAKAR, 1_000)
    assert distance(dakar, *DAKAR) == -1_000
    thies = distance(dakar, -16.926, 14.791)
    assert 55_000 < thies < 58_000
    assert distance(dakar, DAKAR[1], DAKAR[0]) > 4_000_000


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([0.005, 0.05, 0.22]), st.data())
def test_polygon_is_the_geodesic_within_two_per_mille(size_deg: float, data: st.DataObject) -> None:
    polygon = data.draw(polygons(size_deg))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    lon0, lat0 = polygon.centre
    lon, lat = lon0 + rng.normal(0, 2 * size_deg, 20), lat0 + rng.normal(0, 2 * size_deg, 20)
    rings = [
        shapely.get_coordinates(ring)
        for part in shapely.get_parts(polygon.geometry)
        for ring in (part.exterior, *part.interiors)
    ]
    expected = border_distance_m(rings, lon, lat, step_m=20.0)
    measured = signed_distance_m(polygon, lon, lat)
    inside = shapely.contains_xy(polygon.geometry, lon, lat)
    assert (inside == (measured < 0)).all()
    assert (np.abs(np.abs(measured) - expected) <= 0.5 + 0.002 * expected).all()


@settings(max_examples=40, deadline=None)
@given(corridors(), st.integers(0, 1000))
def test_corridor_is_the_geodesic_within_two_per_mille(corridor: Corridor, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lon0, lat0 = corridor.centre
    lon, lat = lon0 + rng.normal(0, 0.05, 20), lat0 + rng.normal(0, 0.05, 20)
    to_line = border_distance_m([np.array(corridor.points)], lon, lat, step_m=20.0)
    measured = signed_distance_m(corridor, lon, lat) + corridor.half_m
    assert (np.abs(measured - to_line) <= 0.5 + 0.002 * to_line).all()


@pytest.mark.parametrize(("spread_deg", "share"), [(0.005, 0.001), (0.1, 0.001), (1.0, 0.0015)])
def test_the_long_corridor_stays_within_a_thousandth(spread_deg: float, share: float) -> None:
    road = Corridor(ROAD_TO_KIDIRA, 2_000)
    rng = np.random.default_rng(5)
    points = np.array(ROAD_TO_KIDIRA)
    along = rng.uniform(0, len(points) - 1, 150)
    leg = along.astype(int)
    lon, lat = (
        points[leg]
        + (points[leg + 1] - points[leg]) * (along - leg)[:, None]
        + rng.normal(0, spread_deg, (150, 2))
    ).T
    to_line = border_distance_m([points], lon, lat, step_m=50.0)
    error = np.abs(signed_distance_m(road, lon, lat) + road.half_m - to_line)
    assert (error <= 0.5 + share * to_line).all()


def test_an_edge_along_a_parallel_is_straight_in_lon_lat() -> None:
    wide = Polygon(shapely.box(-17.0, 14.0, -12.0, 16.0))
    # The geodesic between the upper corners runs 4.3 km north of the parallel in the middle.
    assert distance(wide, -14.5, 15.9999) == pytest.approx(-11.06, abs=0.1)
    assert distance(wide, -14.5, 16.0001) == pytest.approx(11.06, abs=0.1)


def test_a_hole_is_outside() -> None:
    ring = Polygon(shapely.Polygon(SQUARE.exterior, [shapely.box(-16.96, 14.04, -16.94, 14.06).exterior]))
    assert distance(ring, -16.95, 14.05) == pytest.approx(1_079, abs=2)  # to the hole's side edge
    assert distance(ring, -16.97, 14.05) == pytest.approx(-1_079, abs=2)


def test_both_parts_of_a_multipolygon_count() -> None:
    both = Polygon(shapely.MultiPolygon([SQUARE, shapely.box(-16.8, 14.0, -16.7, 14.1)]))
    assert distance(both, -16.95, 14.05) < 0
    assert distance(both, -16.75, 14.05) < 0
    assert distance(both, -16.85, 14.05) == pytest.approx(5_398, abs=5)


def test_the_border_itself_is_inside() -> None:
    assert distance(Polygon(SQUARE), -17.0, 14.05) <= 0


def test_ends_of_a_corridor_are_round() -> None:
    corridor = Corridor(((-17.0, 14.0), (-16.9, 14.0)), 1_000)
    lon, lat, _ = GEOD.fwd(-17.0, 14.0, 225, 600)
    assert distance(corridor, lon, lat) == pytest.approx(100, abs=0.2)


def test_a_border_of_thousands_of_corners() -> None:
    rng = np.random.default_rng(2)
    ring = star(-15.0, 14.5, list(rng.uniform(0.4, 0.5, 9_000)))
    big = Polygon(shapely.Polygon(ring))
    lon, lat = rng.uniform(-15.6, -14.4, 40), rng.uniform(13.9, 15.1, 40)
    measured = signed_distance_m(big, lon, lat)
    expected = border_distance_m([ring], lon, lat, step_m=20.0)
    assert ((measured < 0) == shapely.contains_xy(big.geometry, lon, lat)).all()
    assert (np.abs(np.abs(measured) - expected) <= 0.5 + 0.002 * expected).all()


def test_a_table_of_mixed_shapes_measures_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    heavy = Polygon(shapely.Polygon(star(-15.0, 14.5, list(rng.uniform(0.4, 0.5, 1_000)))))
    mixed: list[Shape] = [Circle(*DAKAR, 500), Polygon(SQUARE), heavy, Corridor(ROAD_TO_KIDIRA, 500)]
    row = rng.integers(0, 4, 200)
    lon, lat = rng.uniform(-18, -12, 200), rng.uniform(13, 16, 200)
    together = ShapeTable(mixed).distance_m(row, lon, lat)
    for number, shape in enumerate(mixed):
        mine = row == number
        np.testing.assert_array_equal(together[mine], signed_distance_m(shape, lon[mine], lat[mine]))


def test_no_points_give_no_distances() -> None:
    for shape in (Circle(*DAKAR, 500), Polygon(SQUARE), Corridor(ROAD_TO_KIDIRA, 500)):
        assert signed_distance_m(shape, np.empty(0), np.empty(0)).shape == (0,)


def test_a_point_on_the_other_side_of_the_world_is_far() -> None:
    for shape in (Circle(*DAKAR, 500), Polygon(SQUARE), Corridor(ROAD_TO_KIDIRA, 500)):
        lon, lat = shape.centre
        assert distance(shape, lon + 180, -lat) > 19_000_000


def test_through_a_square() -> None:
    f_in, f_out = interval_inside(Polygon(SQUARE), -17.1, 14.05, -16.8, 14.05) or (math.nan, math.nan)
    assert [f_in, f_out] == pytest.approx([1 / 3, 2 / 3])


def test_through_two_parts_counts_first_and_last() -> None:
    both = Polygon(shapely.MultiPolygon([SQUARE, shapely.box(-16.8, 14.0, -16.7, 14.1)]))
    f_in, f_out = interval_inside(both, -17.1, 14.05, -16.6, 14.05) or (math.nan, math.nan)
    assert [f_in, f_out] == pytest.approx([0.2, 0.8])


@pytest.mark.parametrize(
    "ends",
    [
        (-17.1, 13.9, -16.8, 13.9),  # beside it
        (-17.1, 14.0, -17.1, 14.0),  # no length, outside
        (-17.1, 14.05, -16.99, 14.2),  # clear of the corner, though its box is not
        (-17.1, 14.05, -17.01, 14.05),  # ends before it
        (179.9, 14.05, -179.9, 14.05),  # across the 180th meridian, not around the world
        (math.nan, math.nan, -16.95, 14.05),
    ],
)
def test_segments_that_do_not_pass(ends: tuple[float, float, float, float]) -> None:
    assert interval_inside(Polygon(SQUARE), *ends) is None


def test_a_segment_that_only_touches_a_corner_does_not_pass() -> None:
    corner = Polygon(shapely.box(0, 0, 1, 1))
    assert interval_inside(corner, -1.0, 1.0, 1.0, 3.0) is None
    assert interval_inside(corner, -1.0, 1.0, 1.0, -1.0) is None  # through (0, 0)


@settings(max_examples=100, deadline=None)
@given(shapes, st.floats(0, 2 * math.pi), st.floats(-1.2, 1.2), st.floats(0.01, 0.3))
def test_the_interval_is_where_the_distance_is_negative(
    shape: Shape, turn: float, beside: float, length: float
) -> None:
    lon, lat = shape.centre
    across, along = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))
    west, south, east, north = shape.bounds
    size = math.hypot(east - west, north - south) / 2
    lon, lat = lon + across[0] * beside * size, lat + across[1] * beside * size
    reach = size + length
    ends = (lon - along[0] * reach, lat - along[1] * reach, lon + along[0] * reach, lat + along[1] * reach)
    at = np.linspace(0, 1, 801)
    sampled = signed_distance_m(shape, ends[0] + (ends[2] - ends[0]) * at, ends[1] + (ends[3] - ends[1]) * at)
    found = interval_inside(shape, *ends)
    # How far a drawn circle or corridor is off, see the constants of geofence.shapes.
    drawn_m = 0.06 + (0.0003 if isinstance(shape, Circle) else 0.012) * shape.half_m
    deep = at[sampled < -drawn_m]
    if found is None:
        assert deep.size == 0
        return
    if deep.size:
        assert found[0] <= deep[0]
        assert found[1] >= deep[-1]
    for fraction in found:
        if 0 < fraction < 1:
            place = ends[0] + (ends[2] - ends[0]) * fraction, ends[1] + (ends[3] - ends[1]) * fraction
            assert abs(distance(shape, *place)) <= drawn_m


@pytest.mark.parametrize("shape", [Circle(*DAKAR, 100_000), Corridor(ROAD_TO_KIDIRA, 10_000)])
def test_outlines_are_drawn_on_the_border(shape: Circle | Corridor) -> None:
    assert shapely.is_valid(shape.outline)
    lon, lat = shapely.get_coordinates(shape.outline).T
    assert np.abs(signed_distance_m(shape, lon, lat)).max() < 0.012 * shape.half_m


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: Circle(*DAKAR, 9.9), "radius_out_of_range"),
        (lambda: Circle(*DAKAR, 200_001), "radius_out_of_range"),
        (lambda: Circle(*DAKAR, math.nan), "radius_invalid"),
        (lambda: Circle(math.nan, 14, 100), "coordinate_not_finite"),
        (lambda: Circle(-17, 91, 100), "latitude_out_of_range"),
        (lambda: Circle(181, 14, 100), "longitude_out_of_range"),
        (lambda: Circle(0, 79.9, 50_000), "near_pole"),
        (lambda: Circle(178.9, 0, 50_000), "antimeridian"),
        (lambda: Corridor(((-17, 14),), 100), "line_too_short"),
        (lambda: Corridor(((-17, 14), (-17, 14)), 100), "line_too_short"),
        (lambda: Corridor((), 100), "line_too_short"),
        (lambda: Corridor(((-17, 14), (-16, 95)), 100), "latitude_out_of_range"),
        (lambda: Corridor(ROAD_TO_KIDIRA, 19), "width_out_of_range"),
        (lambda: Corridor(((-17, 14), (10, 14)), 100), "too_large"),
        (lambda: Corridor(((170, 14), (-170, 14)), 100), "antimeridian"),
        (lambda: Corridor(tuple((-17 + n / 1e5, 14) for n in range(10_001)), 100), "too_many_vertices"),
        (lambda: Polygon(shapely.Point(DAKAR)), "unknown_type"),
        (lambda: Polygon(shapely.Polygon()), "empty"),
        (lambda: Polygon(shapely.MultiPolygon([SQUARE, SQUARE])), "self_intersection"),
    ],
)
def test_shapes_out_of_limits_are_refused(make: object, code: str) -> None:
    with pytest.raises(FenceError) as caught:
        make()  # type: ignore[operator]
    assert caught.value.code == code
