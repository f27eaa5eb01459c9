"""Random shapes near Dakar and in Senegal, and an independent measure of distance: the geodesic to many border points."""

import math

import numpy as np
import shapely
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod

from geofence.shapes import Circle, Corridor, Polygon

GEOD = Geod(ellps="WGS84")
DAKAR = (-17.4441, 14.6937)

lons = st.floats(-17.5, -11.4)
lats = st.floats(12.3, 16.7)


def star(lon: float, lat: float, radii: list[float]) -> NDArray[np.float64]:
    """A simple closed ring around a centre, radii in degrees at even angles."""
    turn = np.linspace(0, 2 * math.pi, len(radii), endpoint=False)
    ring = np.column_stack([lon + np.array(radii) * np.cos(turn), lat + np.array(radii) * np.sin(turn)])
    return np.vstack([ring, ring[:1]])


@st.composite
def polygons(draw: st.DrawFn, size_deg: float = 0.02) -> Polygon:
    lon, lat = draw(lons), draw(lats)
    radii = draw(st.lists(st.floats(size_deg / 4, size_deg), min_size=5, max_size=12))
    outer = star(lon, lat, radii)
    if draw(st.booleans()):
        return Polygon(shapely.Polygon(outer))
    hole = star(lon, lat, [size_deg / 10] * 6)
    with_hole = shapely.Polygon(outer, [hole])
    if draw(st.booleans()):
        return Polygon(with_hole)
    return Polygon(shapely.MultiPolygon([with_hole, shapely.Polygon(star(lon + 3 * size_deg, lat, radii))]))


@st.composite
def circles(draw: st.DrawFn) -> Circle:
    return Circle(draw(lons), draw(lats), draw(st.floats(10, 5_000)))


@st.composite
def corridors(draw: st.DrawFn) -> Corridor:
    lon, lat = draw(lons), draw(lats)
    steps = draw(st.lists(st.tuples(st.floats(0.001, 0.02), st.floats(-0.02, 0.02)), min_size=1, max_size=8))
    moved = np.cumsum([(lon, lat), *steps], axis=0)
    return Corridor(tuple((float(x), float(y)) for x, y in moved), draw(st.floats(20, 2_000)))


shapes = st.one_of(circles(), polygons(), corridors())


def border_distance_m(
    lines: list[NDArray[np.float64]], lon: NDArray[np.float64], lat: NDArray[np.float64], step_m: float
) -> NDArray[np.float64]:
    """Geodesic distance to edges straight in lon/lat: the nearest of points every `step_m`, then every 1 % of that."""
    edges = np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines])
    counts = [max(math.ceil(GEOD.inv(*start, *end)[2] / step_m), 1) for start, end in edges]
    edge = np.repeat(np.arange(len(edges)), [count + 1 for count in counts])
    at = np.concatenate([np.linspace(0, 1, count + 1) for count in counts])
    half_step = np.repeat([1 / count for count in counts], [count + 1 for count in counts])
    border = edges[edge, 0] + (edges[edge, 1] - edges[edge, 0]) * at[:, None]
    result = np.empty(len(lon))
    keep = min(12, len(border))
    for number, (x, y) in enumerate(zip(lon, lat, strict=True)):
        squared = ((border[:, 0] - x) * math.cos(math.radians(y))) ** 2 + (border[:, 1] - y) ** 2
        near = np.argpartition(squared, keep - 1)[:keep]
        fine = np.clip(at[near, None] + half_step[near, None] * np.linspace(-1, 1, 201), 0, 1)[..., None]
        points = (
            edges[edge[near], None, 0] + (edges[edge[near], None, 1] - edges[edge[near], None, 0]) * fine
        ).reshape(-1, 2)
        result[number] = GEOD.inv(
            np.full(len(points), x), np.full(len(points), y), points[:, 0], points[:, 1]
        )[2].min()
    return result
