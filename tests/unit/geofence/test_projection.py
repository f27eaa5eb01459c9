import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from geofence.projection import (
    EDGE_TOLERANCE_M,
    GEOD,
    edge_step_deg,
    geometry_to_local,
    padded_bounds,
    to_local,
    to_lonlat,
)

from .strategies import DAKAR


def test_the_plane_is_that_of_proj() -> None:
    aeqd = f"+proj=aeqd +lon_0={DAKAR[0]} +lat_0={DAKAR[1]} +ellps=WGS84"
    proj = Transformer.from_crs("OGC:CRS84", aeqd, always_xy=True)
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(-18, -11, 500), rng.uniform(12, 17, 500)
    x_m, y_m, distance_m = to_local(np.full(500, DAKAR[0]), np.full(500, DAKAR[1]), lon, lat)
    expected_x, expected_y = proj.transform(lon, lat)
    np.testing.assert_allclose([x_m, y_m], [expected_x, expected_y], atol=1e-3)
    np.testing.assert_allclose(distance_m, np.hypot(x_m, y_m), rtol=1e-12)


def test_longitude_comes_first_and_east_and_north_are_positive() -> None:
    lon0, lat0 = np.array([DAKAR[0]]), np.array([DAKAR[1]])
    thies = np.array([-16.926]), np.array([14.791])
    x_m, y_m, _ = to_local(lon0, lat0, *thies)
    assert 55_000 < x_m[0] < 57_000  # Thies is 56 km east and 11 km north of Dakar
    assert 10_000 < y_m[0] < 12_000


@settings(deadline=None)
@given(st.floats(-300_000, 300_000), st.floats(-300_000, 300_000))
def test_back_and_forth(x_m: float, y_m: float) -> None:
    lon, lat = to_lonlat(*DAKAR, np.array([x_m]), np.array([y_m]))
    back_x, back_y, _ = to_local(np.array([DAKAR[0]]), np.array([DAKAR[1]]), lon, lat)
    np.testing.assert_allclose([back_x[0], back_y[0]], [x_m, y_m], atol=1e-5)


@settings(deadline=None)
@given(st.floats(-70, 70), st.floats(0.0001, 3), st.floats(-3, 3))
def test_edges_keep_to_their_straight_line_in_lon_lat(lat0: float, d_lon: float, d_lat: float) -> None:
    edge = np.array([(-16.0, lat0), (-16.0 + d_lon, lat0 + d_lat)])
    centre = tuple(edge.mean(axis=0))
    drawn = geometry_to_local(shapely.linestrings(edge), *centre)
    on_it = edge[0] + (edge[1] - edge[0]) * np.linspace(0, 1, 501)[:, None]
    x_m, y_m, _ = to_local(np.full(501, centre[0]), np.full(501, centre[1]), on_it[:, 0], on_it[:, 1])
    assert shapely.distance(shapely.points(x_m, y_m), drawn).max() <= EDGE_TOLERANCE_M * 1.05


def test_at_the_equator_edges_have_a_longest_step() -> None:
    assert edge_step_deg((-16.0, 0.0, -16.0, 0.0)) == 0.5


@settings(deadline=None)
@given(
    st.floats(-170, 170), st.floats(-80, 80), st.floats(0, 215_000), st.lists(st.floats(0, 360), min_size=1)
)
def test_padded_bounds_hold_every_point_within_the_distance(
    lon: float, lat: float, distance_m: float, azimuths: list[float]
) -> None:
    west, south, east, north = padded_bounds((lon, lat, lon, lat), distance_m)
    for azimuth in azimuths:
        x, y, _ = GEOD.fwd(lon, lat, azimuth, distance_m)
        assert west <= x <= east
        assert south <= y <= north
