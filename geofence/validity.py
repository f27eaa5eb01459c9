"""Which shapes are accepted: the limits, each with its name and reason, and the checks that hold them."""

import math
import re
from itertools import pairwise

import numpy as np
import shapely

from .errors import FenceError
from .projection import GEOD, MAX_M_PER_DEG, Bounds, Floats

# Below this a GPS fix cannot tell inside from outside.
MIN_RADIUS_M = 10.0
MIN_WIDTH_M = 2 * MIN_RADIUS_M
MIN_AREA_M2 = 1.0
# Wider than any region a freight customer watches (an outer alert ring is some 50 km).
MAX_RADIUS_M = 200_000.0
MAX_WIDTH_M = 100_000.0
# Diagonal of the bounding box. Keeps the plane's scale error below 0.5 %; Dakar to Bamako is 1,250 km.
MAX_EXTENT_M = 2_000_000.0
_SURELY_SMALL_DEG = MAX_EXTENT_M / MAX_M_PER_DEG
# A country's border at 100 m is some 10,000 points; more slows every distance and says nothing more.
MAX_VERTICES = 10_000
# Degrees of longitude shrink without bound towards the poles, and lon/lat boxes break at the 180th meridian.
MAX_ABS_LATITUDE_DEG = 80.0
MAX_ABS_LONGITUDE_DEG = 179.0

_ORDER_HINT = "GeoJSON order is longitude first: Dakar is [-17.44, 14.69]"
_REASON = re.compile(r"^(?P<what>.*?)\[(?P<lon>\S+) (?P<lat>\S+)\]$")
_WORDS = {
    "Self-intersection": ("self_intersection", "the border crosses itself, or two parts overlap,"),
    "Ring Self-intersection": ("self_intersection", "a ring touches itself"),
    "Hole lies outside shell": ("invalid_polygon", "a hole lies outside the outer ring"),
    "Holes are nested": ("invalid_polygon", "one hole lies inside another"),
    "Nested shells": ("invalid_polygon", "one part lies inside another"),
    "Interior is disconnected": ("invalid_polygon", "holes cut the inside into separate pieces"),
    "Duplicate Rings": ("invalid_polygon", "two rings are the same"),
    "Too few points in geometry component": ("zero_area", "a ring has fewer than three different points"),
}


def check_position(lon: float, lat: float, where: str) -> None:
    """`where` names the position for people. Raises FenceError."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise FenceError("coordinate_not_finite", f"{where}: longitude and latitude must be finite numbers")
    if not -90 <= lat <= 90:
        raise FenceError(
            "latitude_out_of_range", f"{where}: latitude {lat:g} is outside -90..90. {_ORDER_HINT}"
        )
    if not -180 <= lon <= 180:
        raise FenceError(
            "longitude_out_of_range", f"{where}: longitude {lon:g} is outside -180..180. {_ORDER_HINT}"
        )


def check_positions(lonlat: Floats, where: str) -> None:
    """`lonlat` has shape (n, 2). Raises FenceError for the first bad position."""
    good = (np.abs(lonlat) <= (180.0, 90.0)).all(axis=1)  # false for NaN
    if not good.all():
        first = int(np.argmin(good))
        check_position(float(lonlat[first, 0]), float(lonlat[first, 1]), f"{where}, position {first}")


def check_bounds(bounds: Bounds) -> None:
    """Whether a whole shape, radius and width counted in, lies where geofences are supported."""
    west, south, east, north = bounds
    if max(abs(south), abs(north)) > MAX_ABS_LATITUDE_DEG:
        raise FenceError(
            "near_pole", f"shapes beyond {MAX_ABS_LATITUDE_DEG:g} degrees of latitude are not supported"
        )
    if max(abs(west), abs(east)) > MAX_ABS_LONGITUDE_DEG:
        raise FenceError(
            "antimeridian",
            f"shapes beyond longitude {MAX_ABS_LONGITUDE_DEG:g} or across 180 are not supported",
        )
    if east - west > 180:
        raise FenceError("antimeridian", "the shape spans more than 180 degrees of longitude, or crosses 180")
    if (east - west) + (north - south) < _SURELY_SMALL_DEG:
        return
    _, _, diagonal_m = GEOD.inv(west, south, east, north)
    if diagonal_m > MAX_EXTENT_M:
        raise FenceError(
            "too_large",
            f"the shape is {diagonal_m / 1000:,.0f} km across; at most {MAX_EXTENT_M / 1000:,.0f} km",
        )


def check_vertex_count(count: int) -> None:
    if count > MAX_VERTICES:
        raise FenceError("too_many_vertices", f"{count:,} vertices; at most {MAX_VERTICES:,}")


def check_length(name: str, value_m: float, lowest_m: float, highest_m: float) -> None:
    """`name` is radius or width. Raises FenceError `<name>_invalid` or `<name>_out_of_range`."""
    if not math.isfinite(value_m):
        raise FenceError(f"{name}_invalid", f"{name}_m must be a finite number of metres")
    if not lowest_m <= value_m <= highest_m:
        raise FenceError(
            f"{name}_out_of_range",
            f"{name}_m is {value_m:g}; it must be from {lowest_m:g} to {highest_m:g} metres",
        )


def normalised_polygon(geometry: shapely.Geometry) -> shapely.Geometry:
    """A Polygon or MultiPolygon in two dimensions, outer rings anticlockwise (RFC 7946), without repeated points.

    Raises FenceError for everything that is not an area on the map.
    """
    if geometry.geom_type not in ("Polygon", "MultiPolygon"):
        raise FenceError("unknown_type", f"a {geometry.geom_type} is not an area")
    check_vertex_count(int(shapely.get_num_coordinates(geometry)))
    flat = shapely.force_2d(geometry)
    if any(part.is_empty for part in shapely.get_parts(flat)) or flat.is_empty:
        raise FenceError("empty", "the polygon, or a part of it, has no points")
    check_positions(shapely.get_coordinates(flat), "polygon")
    bounds: Bounds = tuple(float(degrees) for degrees in shapely.bounds(flat))  # type: ignore[assignment]
    check_bounds(bounds)
    _check_simple(flat)
    return shapely.orient_polygons(shapely.remove_repeated_points(flat))


def _check_simple(geometry: shapely.Geometry) -> None:
    # Points in one line make an "invalid" polygon too; say what it is rather than where it touches itself.
    if _area_m2(shapely.convex_hull(geometry)) < MIN_AREA_M2:
        raise FenceError("zero_area", "all points lie on one line, or in one place")
    if not shapely.is_valid(geometry):
        raise _invalid(str(shapely.is_valid_reason(geometry)))
    if any(_area_m2(part) < MIN_AREA_M2 for part in shapely.get_parts(geometry)):
        raise FenceError(
            "zero_area", f"the polygon, or a part of it, is smaller than {MIN_AREA_M2:g} square metre"
        )


def _area_m2(geometry: shapely.Geometry) -> float:
    _, south, _, north = shapely.bounds(geometry)
    return float(geometry.area) * MAX_M_PER_DEG**2 * math.cos(math.radians((south + north) / 2))


def _invalid(reason: str) -> FenceError:
    found = _REASON.match(reason)
    what, place = (found["what"], f" near [{found['lon']}, {found['lat']}]") if found else (reason, "")
    code, words = _WORDS.get(what, ("invalid_polygon", what.lower()))
    return FenceError(code, f"{words}{place}")


def line_points(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Without points that repeat the one before. Raises FenceError when no line is left."""
    kept = points[:1] + tuple(point for before, point in pairwise(points) if point != before)
    if len(kept) < 2:
        raise FenceError("line_too_short", "a corridor needs at least two different points")
    return kept
