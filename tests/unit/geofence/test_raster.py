"""The coarse picture never hides a box from a way."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geofence.raster import CELL_DEG, MAX_CELLS, Raster

degrees = st.floats(-170, 170, allow_nan=False)
near = st.floats(-0.05, 0.05, allow_nan=False)


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    count = draw(st.integers(1, 6))
    west, south = draw(degrees), draw(st.floats(-80, 79))
    made = []
    for _ in range(count):
        w, s = west + draw(near), south + draw(near)
        made.append((w, s, w + abs(draw(near)), s + abs(draw(near))))
    if draw(st.booleans()):
        made.append((draw(degrees), 10.0, 175.0, 10.5))
    return np.array(made)


@settings(max_examples=300, deadline=None)
@given(boxes(), st.lists(st.tuples(near, near, near, near), min_size=1, max_size=20))
def test_a_way_that_meets_a_box_may_matter(found: np.ndarray, ways: list[tuple[float, ...]]) -> None:
    raster = Raster(found)
    lon0, lat0, step_lon, step_lat = np.array(ways).T
    lon0, lat0 = lon0 + found[0, 0], lat0 + found[0, 1]
    lon, lat = lon0 + step_lon, lat0 + step_lat
    may = raster.may_matter(lon0, lat0, lon, lat)
    tree = shapely.STRtree(shapely.box(*found.T))
    lines = shapely.linestrings(
        np.stack([np.column_stack([lon0, lat0]), np.column_stack([lon, lat])], axis=1)
    )
    meets = np.zeros(len(ways), bool)
    meets[tree.query(lines)[0]] = True
    assert not (meets & ~may).any()


def test_far_from_every_box_nothing_matters() -> None:
    raster = Raster(np.array([[-17.5, 14.6, -17.4, 14.7]]))
    away = np.array([-17.3, -16.0, 100.0]), np.array([14.65, 14.65, -60.0])
    assert raster.may_matter(*away, *away).tolist() == [False, False, False]


def test_a_long_way_is_left_to_the_tree() -> None:
    raster = Raster(np.array([[-17.5, 14.6, -17.4, 14.7], [-16.5, 15.6, -16.4, 15.7]]))
    lon0, lat = np.array([-17.0]), np.array([15.0])
    for cells, may in ((0, False), (3, True)):
        assert raster.may_matter(lon0, lat, lon0 + cells * CELL_DEG, lat).tolist() == [may]


@pytest.mark.parametrize("span", [(360.0, 160.0), (360.0, 1e-6), (1e-6, 160.0)])
def test_memory_is_bounded(span: tuple[float, float]) -> None:
    width, height = span
    raster = Raster(np.array([[-180.0, -80.0, -180.0 + width, -80.0 + height]]))
    assert raster._taken.size < 2 * MAX_CELLS
