import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geofence.cover import MAX_BOXES, reach_boxes
from geofence.projection import Floats
from geofence.shapes import Corridor, Shape, signed_distance_m

from .strategies import shapes
from .test_shapes import ROAD_TO_KIDIRA


def held(boxes: Floats, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    west, south, east, north = boxes.T[:, :, None]
    inside = (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
    return np.asarray(inside.any(axis=0))


@settings(deadline=None)
@given(shapes, st.sampled_from([0.0, 10.0, 250.0, 15_000.0]), st.integers(0, 1000))
def test_every_point_within_reach_is_in_a_box(shape: Shape, reach_m: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes = reach_boxes(shape, reach_m)
    west, south, east, north = shape.bounds
    pad = 0.01 + reach_m / 80_000
    lon, lat = rng.uniform(west - pad, east + pad, 500), rng.uniform(south - pad, north + pad, 500)
    near = signed_distance_m(shape, lon, lat) <= reach_m
    assert held(boxes, lon[near], lat[near]).all()
    assert 1 <= len(boxes) <= MAX_BOXES


@pytest.mark.parametrize("width_m", [20, 200, 20_000])
def test_a_road_across_the_country_is_covered_closely(width_m: float) -> None:
    road = Corridor(ROAD_TO_KIDIRA, width_m)
    boxes = reach_boxes(road, 250.0)
    rng = np.random.default_rng(4)
    west, south, east, north = road.bounds
    lon, lat = rng.uniform(west, east, 20_000), rng.uniform(south, north, 20_000)
    distance_m = signed_distance_m(road, lon, lat)
    found = held(boxes, lon, lat)
    assert found[distance_m <= 250.0].all()
    # A fix well away from the road costs nothing: one bounding box would hold every one of these.
    assert found[distance_m > 6_000 + 2 * width_m].mean() < 0.01
    assert 10 < len(boxes) <= MAX_BOXES
