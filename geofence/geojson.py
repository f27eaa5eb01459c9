"""GeoJSON in and out (RFC 7946), with an answer in plain words for each way a shape can be wrong.

Accepted: a Feature of Polygon or MultiPolygon; of Point with `properties.radius_m` (circle); of LineString with
`properties.width_m` (corridor, full width); and a Polygon or MultiPolygon without the Feature around it. Other
properties are ignored, altitudes dropped, rings wound the wrong way turned.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import shapely

from .errors import FenceError
from .shapes import Circle, Corridor, Polygon, Shape
from .validity import check_position, check_vertex_count

Position = tuple[float, float]

_TYPES = "a Feature of type Polygon, MultiPolygon, Point with radius_m, or LineString with width_m"
_WGS84_NAMES = {
    "urn:ogc:def:crs:OGC:1.3:CRS84",
    "urn:ogc:def:crs:OGC::CRS84",
    "urn:ogc:def:crs:EPSG::4326",
    "EPSG:4326",
}
_MIN_RING = 4
_MAX_POSITION_NUMBERS = 4  # longitude, latitude, altitude, and a measure that some tools write
_SENEGAL: tuple[float, float, float, float] = (-18.0, 12.0, -11.0, 17.0)
_FAR_DEG = 15.0


def parse_shape(feature: Mapping[str, Any]) -> Shape:
    """The shape of a GeoJSON object that may come from anybody. Raises FenceError."""
    if not isinstance(feature, Mapping):
        raise FenceError("not_an_object", f"expected a GeoJSON object: {_TYPES}")
    _check_crs(feature)
    if feature.get("type") != "Feature":
        return _shape(feature, {})
    geometry, properties = feature.get("geometry"), feature.get("properties")
    if geometry is None:
        raise FenceError("empty", "the Feature has no geometry")
    if not isinstance(geometry, Mapping):
        raise FenceError("not_an_object", "the Feature's geometry is not an object")
    if properties is not None and not isinstance(properties, Mapping):
        raise FenceError("not_an_object", "the Feature's properties are not an object")
    return _shape(geometry, properties or {})


def to_geojson(shape: Shape) -> dict[str, Any]:
    """A Feature such that parse_shape(to_geojson(shape)) == shape."""
    match shape:
        case Circle(lon, lat, radius_m):
            return _feature("Point", [lon, lat], {"radius_m": radius_m})
        case Corridor(points, width_m):
            return _feature("LineString", [list(point) for point in points], {"width_m": width_m})
        case Polygon(geometry):
            parts = [_rings(part) for part in shapely.get_parts(geometry)]
            single = geometry.geom_type == "Polygon"
            return _feature(geometry.geom_type, parts[0] if single else parts, {})


def order_hint(shape: Shape) -> str | None:
    """Words for a person whose shape lies far away but would lie in Senegal with its coordinates swapped.

    Such a shape is legal, so it is accepted as it stands; the hint is to be shown beside it.
    """
    lon, lat = shape.centre
    west, south, east, north = _SENEGAL
    near = west - _FAR_DEG <= lon <= east + _FAR_DEG and south - _FAR_DEG <= lat <= north + _FAR_DEG
    if near or not (west <= lat <= east and south <= lon <= north):
        return None
    return (
        f"The shape lies at longitude {lon:.4f}, latitude {lat:.4f}, far from Senegal; with the two swapped it would "
        "lie in Senegal. GeoJSON order is longitude first."
    )


def _feature(kind: str, coordinates: list[Any], properties: dict[str, float]) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _rings(polygon: shapely.Polygon) -> list[list[list[float]]]:
    rings = [polygon.exterior, *polygon.interiors]
    return [[[float(lon), float(lat)] for lon, lat in shapely.get_coordinates(ring)] for ring in rings]


def _check_crs(feature: Mapping[str, Any]) -> None:
    # RFC 7946 dropped `crs`; files written before it may still name another one, and would land elsewhere.
    crs = feature.get("crs")
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else None
    if crs is not None and name not in _WGS84_NAMES:
        raise FenceError("crs_not_supported", f"coordinates must be WGS 84 degrees, not {name or crs!s:.60}")


def _shape(geometry: Mapping[str, Any], properties: Mapping[str, Any]) -> Shape:
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    match kind:
        case "Polygon":
            return Polygon(_polygon(coordinates, "coordinates"))
        case "MultiPolygon":
            parts = _items(coordinates, "coordinates")
            check_vertex_count(sum(_vertices(part) for part in parts))
            return Polygon(
                shapely.MultiPolygon([_polygon(part, f"coordinates[{n}]") for n, part in enumerate(parts)])
            )
        case "Point":
            lon, lat = _position(coordinates, "coordinates")
            return Circle(lon, lat, _metres(properties, "radius", "Point"))
        case "LineString":
            points = _items(coordinates, "coordinates")
            check_vertex_count(len(points))
            lonlat = tuple(_position(point, f"coordinates[{n}]") for n, point in enumerate(points))
            return Corridor(lonlat, _metres(properties, "width", "LineString"))
        case _:
            raise FenceError("unknown_type", f"type {kind!s:.40} is not supported; expected {_TYPES}")


def _polygon(value: object, where: str) -> shapely.Polygon:
    check_vertex_count(_vertices(value))
    rings = [_ring(ring, f"{where}[{n}]") for n, ring in enumerate(_items(value, where))]
    return shapely.Polygon(rings[0], rings[1:])


def _vertices(polygon: object) -> int:
    """Counted before anything is built, so that a huge body costs little."""
    if not isinstance(polygon, Sequence):
        return 0
    return sum(len(ring) for ring in polygon if isinstance(ring, Sequence))


def _ring(value: object, where: str) -> list[Position]:
    positions = [_position(item, f"{where}[{n}]") for n, item in enumerate(_items(value, where))]
    if len(positions) < _MIN_RING:
        raise FenceError(
            "ring_too_short", f"{where}: {len(positions)} positions; a closed ring has at least 4"
        )
    if positions[0] != positions[-1]:
        raise FenceError("ring_not_closed", f"{where}: the last position must repeat the first")
    return positions


def _items(value: object, where: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise FenceError("coordinates_malformed", f"{where}: expected an array, got {_kind(value)}")
    if not value:
        raise FenceError("empty", f"{where}: the array is empty")
    return value


def _position(value: object, where: str) -> Position:
    numbers = _items(value, where)
    if not 2 <= len(numbers) <= _MAX_POSITION_NUMBERS:
        raise FenceError("coordinates_malformed", f"{where}: a position is [longitude, latitude]")
    if any(isinstance(number, list | tuple) for number in numbers):
        raise FenceError(
            "coordinates_malformed", f"{where}: nested too deeply; a position is [longitude, latitude]"
        )
    lon, lat = (_number(number, where) for number in numbers[:2])
    check_position(lon, lat, where)
    return lon, lat


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FenceError("coordinate_not_number", f"{where}: expected a number, got {_kind(value)}")
    return _as_float(value)


def _metres(properties: Mapping[str, Any], name: str, kind: str) -> float:
    value = properties.get(f"{name}_m")
    if value is None:
        raise FenceError(
            f"{name}_missing",
            f"a {kind} makes a geofence only in a Feature with properties.{name}_m in metres",
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FenceError(f"{name}_invalid", f"properties.{name}_m must be a number, got {_kind(value)}")
    return _as_float(value)


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits is legal JSON
        return math.inf


def _kind(value: object) -> str:
    if value is None:
        return "null"
    words = {str: "a string", bool: "true or false", int: "a number", float: "a number", dict: "an object"}
    return words.get(type(value), "an array" if isinstance(value, list | tuple) else type(value).__name__)
