"""Boxes that cover where a shape may matter, for the index to preselect by: many small ones where one would be mostly air."""

import math

import numpy as np
import shapely

from .projection import EARTH_RADIUS_M, Floats, padded_bounds
from .shapes import Circle, Corridor, Shape

# A road from Dakar to Kidira fills 1 % of its bounding box; cut until the boxes are at most so many times the shape.
MAX_AIR = 3.0
MAX_BOXES = 512
# Smaller boxes are left alone: splitting them costs more memory than it saves distances.
SINGLE_BOX_M2 = 25e6

_M_PER_DEG = math.radians(1) * EARTH_RADIUS_M
_M_PER_DEG_LAT_MIN = 110_574.0
# The zone's corners are drawn inside the true arcs (cos(pi / 16) = 0.981), and GEOS may cut another 1 %.
_ZONE_PAD = 1.05
_ZONE_QUARTER = 4


def reach_boxes(shape: Shape, reach_m: float) -> Floats:
    """Shape (k, 4), k >= 1: west, south, east, north in degrees. Together they hold every point within reach_m of it."""
    whole = np.array([padded_bounds(shape.bounds, reach_m)])
    if isinstance(shape, Circle) or _area_m2(*whole[0]) <= SINGLE_BOX_M2:
        return whole
    squeeze = math.cos(math.radians(max(abs(whole[0, 1]), abs(whole[0, 3]))))
    zone = _zone(shape, reach_m, squeeze)
    return _split(whole, zone, squeeze)


def _zone(shape: Shape, reach_m: float, squeeze: float) -> shapely.Geometry:
    """The shape grown by reach_m, in degrees with longitudes squeezed so that both axes are alike.

    Squeezed by the cosine of the farthest latitude: a degree is then at least as long as drawn, so the zone is
    rather too large than too small.
    """
    line = shapely.linestrings(np.array(shape.points)) if isinstance(shape, Corridor) else shape.outline
    width_m = (reach_m + shape.half_m) * _ZONE_PAD
    squeezed = shapely.transform(line, lambda lonlat: lonlat * (squeeze, 1.0))
    zone = shapely.buffer(squeezed, width_m / _M_PER_DEG_LAT_MIN, quad_segs=_ZONE_QUARTER)
    shapely.prepare(zone)
    return zone


def _split(boxes: Floats, zone: shapely.Geometry, squeeze: float) -> Floats:
    """Quarter the boxes, dropping quarters clear of the zone, until little air or too many boxes are left."""
    scale = np.array([squeeze, 1.0, squeeze, 1.0])
    target = zone.area * MAX_AIR
    while len(boxes) * 4 <= MAX_BOXES * 2:
        drawn = boxes * scale
        if ((drawn[:, 2] - drawn[:, 0]) * (drawn[:, 3] - drawn[:, 1])).sum() <= target:
            break
        quarters = _quarters(boxes)
        quarters = quarters[shapely.intersects(zone, shapely.box(*(quarters * scale).T))]
        if len(quarters) > MAX_BOXES:
            break
        boxes = quarters
    return boxes


def _quarters(boxes: Floats) -> Floats:
    west, south, east, north = boxes.T
    x, y = (west + east) / 2, (south + north) / 2
    corners = [(west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north)]
    return np.concatenate([np.column_stack(corner) for corner in corners])


def _area_m2(west: float, south: float, east: float, north: float) -> float:
    return (east - west) * (north - south) * math.cos(math.radians((south + north) / 2)) * _M_PER_DEG**2
