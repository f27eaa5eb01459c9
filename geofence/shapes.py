"""What a geofence looks like on the ground - circle, polygon or corridor - and how far a point is from its border."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from .projection import Bounds, Floats, geometry_to_local, padded_bounds, to_local, to_lonlat
from .validity import (
    MAX_RADIUS_M,
    MAX_WIDTH_M,
    MIN_RADIUS_M,
    MIN_WIDTH_M,
    check_bounds,
    check_length,
    check_position,
    check_positions,
    check_vertex_count,
    line_points,
    normalised_polygon,
)

Rows = NDArray[np.int64]

# Straight pieces per quarter of a drawn arc. A drawn circle lies inside the true one by at most 0.03 % of its radius, a
# drawn corridor within 1.2 % of its half width of the true one (0.12 % for arcs; GEOS simplifies a line by up to 1 % of
# the distance before it buffers it). Only passes between two fixes use the drawing, distances never do.
_CIRCLE_QUARTER = 32
_CORRIDOR_QUARTER = 16
# From here on a tree of the border's edges finds the nearest one faster than looking at all (measured).
_HEAVY_BORDER_VERTICES = 400

# The three shapes are frozen but not slotted: `cached_property` keeps in `__dict__` what is drawn at first need,
# for most of a hundred thousand fences see no truck between two reloads of the index.


@dataclass(frozen=True)
class Circle:
    """All points within `radius_m` (geodesic) of a centre. Raises FenceError when out of its limits."""

    lon: float
    lat: float
    radius_m: float

    def __post_init__(self) -> None:
        check_position(self.lon, self.lat, "centre")
        check_length("radius", self.radius_m, MIN_RADIUS_M, MAX_RADIUS_M)
        check_bounds(self.bounds)

    @property
    def half_m(self) -> float:
        return self.radius_m

    @property
    def centre(self) -> tuple[float, float]:
        return self.lon, self.lat

    @property
    def bounds(self) -> Bounds:
        return padded_bounds((self.lon, self.lat, self.lon, self.lat), self.radius_m)

    @cached_property
    def outline(self) -> shapely.Geometry:
        """The area as a lon/lat polygon, inscribed, prepared."""
        turn = np.linspace(0, 2 * np.pi, 4 * _CIRCLE_QUARTER, endpoint=False)
        lon, lat = to_lonlat(self.lon, self.lat, self.radius_m * np.cos(turn), self.radius_m * np.sin(turn))
        return _prepared(shapely.polygons(np.column_stack([lon, lat])))


@dataclass(frozen=True)
class Polygon:
    """A shapely Polygon or MultiPolygon in lon/lat; holes are outside, edges are straight in lon/lat (RFC 7946).

    Kept normalised: two dimensions, outer rings anticlockwise. Raises FenceError when it is not a valid area.
    """

    geometry: shapely.Geometry

    def __post_init__(self) -> None:
        object.__setattr__(self, "geometry", normalised_polygon(self.geometry))

    @property
    def half_m(self) -> float:
        return 0.0

    @property
    def centre(self) -> tuple[float, float]:
        return _middle(self.bounds)

    @cached_property
    def bounds(self) -> Bounds:
        west, south, east, north = (float(degrees) for degrees in shapely.bounds(self.geometry))
        return west, south, east, north

    @cached_property
    def outline(self) -> shapely.Geometry:
        return _prepared(self.geometry)

    @cached_property
    def border(self) -> shapely.Geometry:
        """All rings in the local plane of `centre`, metres."""
        return geometry_to_local(shapely.boundary(self.geometry), *self.centre)


@dataclass(frozen=True)
class Corridor:
    """All points within half of `width_m` of a line, e.g. a road. Edges are straight in lon/lat.

    `points` are (lon, lat); a point that repeats the one before it is dropped. Raises FenceError when out of limits.
    """

    points: tuple[tuple[float, float], ...]
    width_m: float

    def __post_init__(self) -> None:
        check_vertex_count(len(self.points))
        check_length("width", self.width_m, MIN_WIDTH_M, MAX_WIDTH_M)
        check_positions(np.array(self.points, dtype=np.float64).reshape(-1, 2), "corridor")
        object.__setattr__(self, "points", line_points(self.points))
        check_bounds(self.bounds)

    @property
    def half_m(self) -> float:
        return self.width_m / 2

    @property
    def centre(self) -> tuple[float, float]:
        return _middle(self.bounds)

    @cached_property
    def bounds(self) -> Bounds:
        lons, lats = zip(*self.points, strict=True)
        return padded_bounds((min(lons), min(lats), max(lons), max(lats)), self.half_m)

    @cached_property
    def border(self) -> shapely.Geometry:
        """The middle line (not the edge) in the local plane of `centre`, metres."""
        return geometry_to_local(shapely.linestrings(np.array(self.points)), *self.centre)

    @cached_property
    def outline(self) -> shapely.Geometry:
        """The area as a lon/lat polygon, prepared."""
        area = shapely.buffer(self.border, self.half_m, quad_segs=_CORRIDOR_QUARTER)
        # Long straight sides of the plane bend in lon/lat: as dense as the middle line is.
        dense = shapely.segmentize(area, max(self._step_m, 1.0))
        lonlat = shapely.transform(
            dense, lambda xy: np.column_stack(to_lonlat(*self.centre, xy[:, 0], xy[:, 1]))
        )
        return _prepared(lonlat if shapely.is_valid(lonlat) else shapely.make_valid(lonlat))

    @property
    def _step_m(self) -> float:
        xy = shapely.get_coordinates(self.border)
        return float(np.hypot(*np.diff(xy, axis=0).T).max())


Shape = Circle | Polygon | Corridor


def _middle(bounds: Bounds) -> tuple[float, float]:
    west, south, east, north = bounds
    return (west + east) / 2, (south + north) / 2


def _prepared(geometry: shapely.Geometry) -> shapely.Geometry:
    shapely.prepare(geometry)
    return geometry


class ShapeTable:
    """Many shapes side by side, so that (point, shape) pairs are measured together. Used from one thread."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self._shapes = tuple(shapes)
        centres = np.array([shape.centre for shape in self._shapes], dtype=np.float64).reshape(-1, 2)
        self._lon0, self._lat0 = centres[:, 0].copy(), centres[:, 1].copy()
        self._half_m = np.array([shape.half_m for shape in self._shapes], dtype=np.float64)
        self._circle = np.array([isinstance(shape, Circle) for shape in self._shapes], dtype=bool)
        self._polygon = np.array([isinstance(shape, Polygon) for shape in self._shapes], dtype=bool)
        self._border = np.full(len(self._shapes), None, dtype=object)
        self._outline = np.full(len(self._shapes), None, dtype=object)
        self._edges: dict[int, shapely.STRtree] = {}

    def distance_m(self, row: Rows, lon: Floats, lat: Floats) -> Floats:
        """Signed distance of each point to the border of the shape in its row: metres, negative inside.

        1-D arrays of one length, finite.
        """
        x_m, y_m, result = to_local(self._lon0[row], self._lat0[row], lon, lat)
        drawn = np.flatnonzero(~self._circle[row])
        if drawn.size:
            result[drawn] = self._border_distance_m(row[drawn], x_m[drawn], y_m[drawn])
        result -= self._half_m[row]
        areas = np.flatnonzero(self._polygon[row])
        if areas.size:
            inside = shapely.intersects_xy(self.outlines(row[areas]), lon[areas], lat[areas])
            result[areas[inside]] *= -1.0
        return result

    def intervals(
        self, row: Rows, lon0: Floats, lat0: Floats, lon1: Floats, lat1: Floats
    ) -> tuple[Floats, Floats]:
        """Fractions of each segment, straight in lon/lat, where it first enters and last leaves its shape.

        NaN where it does not, only touches, has no length, or jumps across the 180th meridian.
        """
        f_in, f_out = np.full(len(row), np.nan), np.full(len(row), np.nan)
        d_lon, d_lat = lon1 - lon0, lat1 - lat0
        with np.errstate(invalid="ignore"):
            usable = np.flatnonzero((np.abs(d_lon) <= 180) & ((d_lon != 0) | (d_lat != 0)))
        if not usable.size:
            return f_in, f_out
        lines = segments(lon0[usable], lat0[usable], lon1[usable], lat1[usable])
        outlines = self.outlines(row[usable])
        hit = shapely.intersects(outlines, lines)
        at = usable[hit]
        inside, which = shapely.get_coordinates(
            shapely.intersection(lines[hit], outlines[hit]), return_index=True
        )
        at = at[which]
        along = (inside[:, 0] - lon0[at]) * d_lon[at] + (inside[:, 1] - lat0[at]) * d_lat[at]
        fraction = np.clip(along / (d_lon[at] ** 2 + d_lat[at] ** 2), 0.0, 1.0)
        np.fmin.at(f_in, at, fraction)
        np.fmax.at(f_out, at, fraction)
        touching = ~(f_out > f_in)
        f_in[touching] = f_out[touching] = np.nan
        return f_in, f_out

    def outlines(self, row: Rows) -> NDArray[np.object_]:
        """The prepared lon/lat polygon of each row, drawn at first need."""
        for missing in np.unique(row[shapely.is_missing(self._outline[row])]):
            self._outline[missing] = self._shapes[missing].outline
        return self._outline[row]

    def _border_distance_m(self, row: Rows, x_m: Floats, y_m: Floats) -> Floats:
        for missing in np.unique(row[shapely.is_missing(self._border[row])]):
            self._draw_border(int(missing))
        points = shapely.points(x_m, y_m)
        if not self._edges:
            return np.asarray(shapely.distance(self._border[row], points), dtype=np.float64)
        heavy = np.isin(row, list(self._edges))
        result = np.full(len(row), np.nan)
        result[~heavy] = shapely.distance(self._border[row[~heavy]], points[~heavy])
        for number in np.unique(row[heavy]):
            at = np.flatnonzero(row == number)
            (which, _), nearest_m = self._edges[int(number)].query_nearest(
                points[at], return_distance=True, all_matches=False
            )
            result[at[which]] = nearest_m
        return result

    def _draw_border(self, number: int) -> None:
        shape = self._shapes[number]
        assert not isinstance(shape, Circle)
        self._border[number] = border = shape.border
        if shapely.get_num_coordinates(border) >= _HEAVY_BORDER_VERTICES:
            rings = [shapely.get_coordinates(ring) for ring in shapely.get_parts(border)]
            edges = np.concatenate([np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings])
            self._edges[number] = shapely.STRtree(shapely.linestrings(edges))


def segments(lon0: Floats, lat0: Floats, lon1: Floats, lat1: Floats) -> NDArray[np.object_]:
    """One two-point line for each row."""
    ends = np.stack([np.column_stack([lon0, lat0]), np.column_stack([lon1, lat1])], axis=1)
    return np.asarray(shapely.linestrings(ends), dtype=object)


def signed_distance_m(shape: Shape, lon: Floats, lat: Floats) -> Floats:
    """Metres from each point to the border, negative inside; 1-D arrays of degrees.

    Error against the WGS 84 geodesic, for points within one shape's size of it: circle none; polygon and corridor
    up to 50 km across 0.2 % + 0.5 m (measured: 0.01 %), a 650 km corridor 0.15 % + 0.5 m (measured: 0.1 %)
    (tests/unit/geofence/test_shapes.py). What limits it is the plane's scale, see `geofence.projection`.
    """
    lon, lat = np.atleast_1d(lon).astype(np.float64), np.atleast_1d(lat).astype(np.float64)
    return ShapeTable([shape]).distance_m(np.zeros(len(lon), dtype=np.int64), lon, lat)


def interval_inside(
    shape: Shape, lon0: float, lat0: float, lon1: float, lat1: float
) -> tuple[float, float] | None:
    """Fractions of the segment (straight in lon/lat) first entering and last leaving; None if it never is inside."""
    ends = (np.array([degrees], dtype=np.float64) for degrees in (lon0, lat0, lon1, lat1))
    f_in, f_out = ShapeTable([shape]).intervals(np.zeros(1, dtype=np.int64), *ends)
    return None if np.isnan(f_in[0]) else (float(f_in[0]), float(f_out[0]))
