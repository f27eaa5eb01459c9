import json
import math
from typing import Any

import pytest
import shapely
from hypothesis import given, settings

from geofence.errors import CODES, FenceError
from geofence.geojson import order_hint, parse_shape, to_geojson
from geofence.shapes import Circle, Corridor, Polygon, Shape

from .strategies import DAKAR, shapes

RING = [[-17.0, 14.0], [-16.9, 14.0], [-16.9, 14.1], [-17.0, 14.1], [-17.0, 14.0]]
HOLE = [[-16.96, 14.04], [-16.96, 14.06], [-16.94, 14.06], [-16.94, 14.04], [-16.96, 14.04]]


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }


@settings(deadline=None)
@given(shapes)
def test_what_is_written_reads_back_the_same_through_json(shape: Shape) -> None:
    assert parse_shape(json.loads(json.dumps(to_geojson(shape)))) == shape


def test_circle() -> None:
    assert parse_shape(feature("Point", list(DAKAR), radius_m=300, name="port")) == Circle(*DAKAR, 300.0)


def test_corridor() -> None:
    corridor = parse_shape(feature("LineString", [[-17, 14], [-17, 14], [-16, 14.5, 30.0]], width_m=400))
    assert corridor == Corridor(((-17.0, 14.0), (-16.0, 14.5)), 400.0)


def test_polygon_with_hole_as_feature_and_bare() -> None:
    bare = {"type": "Polygon", "coordinates": [RING, HOLE]}
    polygon = parse_shape(bare)
    assert isinstance(polygon, Polygon)
    assert polygon == parse_shape({"type": "Feature", "properties": None, "geometry": bare})
    assert len(polygon.geometry.interiors) == 1


def test_multipolygon() -> None:
    other = [[lon + 1, lat] for lon, lat in RING]
    polygon = parse_shape(feature("MultiPolygon", [[RING, HOLE], [other]]))
    assert isinstance(polygon, Polygon)
    assert shapely.get_num_geometries(polygon.geometry) == 2


def test_rings_wound_the_wrong_way_are_turned() -> None:
    turned = parse_shape(feature("Polygon", [RING[::-1], HOLE[::-1]]))
    assert isinstance(turned, Polygon)
    assert shapely.is_ccw(turned.geometry.exterior)
    assert not shapely.is_ccw(turned.geometry.interiors[0])
    straight = parse_shape(feature("Polygon", [RING, HOLE]))
    assert isinstance(straight, Polygon)
    assert shapely.equals(turned.geometry, straight.geometry)


def test_altitudes_are_dropped() -> None:
    assert parse_shape(feature("Polygon", [[[*position, 12.5] for position in RING]])) == parse_shape(
        feature("Polygon", [RING])
    )
    assert parse_shape(feature("Point", [*DAKAR, 20], radius_m=50)) == Circle(*DAKAR, 50.0)


def test_the_old_wgs84_crs_member_is_accepted() -> None:
    shape = feature("Point", list(DAKAR), radius_m=50)
    shape["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    assert parse_shape(shape) == Circle(*DAKAR, 50.0)


def test_swapped_coordinates_are_kept_as_given_but_hinted_at() -> None:
    swapped = parse_shape(feature("Point", [14.69, -17.44], radius_m=300))
    assert swapped == Circle(14.69, -17.44, 300.0)
    assert "longitude first" in (order_hint(swapped) or "")
    assert order_hint(Circle(*DAKAR, 300)) is None
    assert order_hint(Circle(2.35, 48.85, 300)) is None  # Paris, in either order far away


BOWTIE = [[-17.0, 14.0], [-16.9, 14.1], [-16.9, 14.0], [-17.0, 14.1], [-17.0, 14.0]]
LINE = [[-17.0, 14.0], [-16.9, 14.1], [-16.8, 14.2], [-17.0, 14.0]]
FAR_HOLE = [[lon + 1, lat] for lon, lat in HOLE]
MANY = [[-17 + math.cos(n / 2000), 14 + math.sin(n / 2000)] for n in range(10_002)]


@pytest.mark.parametrize(
    ("given_shape", "code", "word"),
    [
        (None, "not_an_object", "GeoJSON"),
        ([RING], "not_an_object", "GeoJSON"),
        ("Polygon", "not_an_object", "GeoJSON"),
        ({"type": "Feature", "geometry": [1], "properties": {}}, "not_an_object", "geometry"),
        (
            {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [RING]}, "properties": 3},
            "not_an_object",
            "properties",
        ),
        ({}, "unknown_type", "None"),
        ({"type": "FeatureCollection", "features": []}, "unknown_type", "FeatureCollection"),
        (feature("MultiPoint", [list(DAKAR)]), "unknown_type", "MultiPoint"),
        ({"type": ["Polygon"], "coordinates": [RING]}, "unknown_type", "Polygon"),
        ({"type": "Feature", "geometry": None, "properties": {}}, "empty", "geometry"),
        (feature("Polygon", []), "empty", "coordinates"),
        (feature("Polygon", [[]]), "empty", "coordinates[0]"),
        (feature("MultiPolygon", []), "empty", "coordinates"),
        (feature("MultiPolygon", [[]]), "empty", "coordinates[0]"),
        (feature("LineString", [], width_m=50), "empty", "coordinates"),
        (feature("Polygon", None), "coordinates_malformed", "null"),
        ({"type": "Polygon"}, "coordinates_malformed", "null"),
        (feature("Polygon", "x"), "coordinates_malformed", "a string"),
        (feature("Polygon", RING), "coordinates_malformed", "array"),
        (feature("Polygon", [[RING]]), "coordinates_malformed", "[longitude, latitude]"),
        (feature("Polygon", [[[-17.0]] * 4]), "coordinates_malformed", "coordinates[0][0]"),
        (feature("Point", [1, 2, 3, 4, 5], radius_m=50), "coordinates_malformed", "[longitude, latitude]"),
        (feature("Polygon", [{"0": 1}]), "coordinates_malformed", "object"),
        (feature("Point", ["-17.4", 14.7], radius_m=50), "coordinate_not_number", "a string"),
        (feature("Point", [True, 14.7], radius_m=50), "coordinate_not_number", "true or false"),
        (feature("Point", [None, 14.7], radius_m=50), "coordinate_not_number", "null"),
        (feature("Point", [math.nan, 14.7], radius_m=50), "coordinate_not_finite", "finite"),
        (feature("Point", [10**400, 14.7], radius_m=50), "coordinate_not_finite", "finite"),
        (feature("Polygon", [[*RING[:2], [-16.9, math.inf], *RING[2:]]]), "coordinate_not_finite", "[0][2]"),
        (feature("Point", [14.7, -97.4], radius_m=50), "latitude_out_of_range", "longitude first"),
        (feature("Point", [-197.4, 14.7], radius_m=50), "longitude_out_of_range", "longitude first"),
        (feature("Point", [0, 89], radius_m=50), "near_pole", "80"),
        (feature("Polygon", [RING[:-1]]), "ring_not_closed", "coordinates[0]"),
        (feature("Polygon", [RING, HOLE[:-1]]), "ring_not_closed", "coordinates[1]"),
        (feature("Polygon", [[RING[0], RING[1], RING[0]]]), "ring_too_short", "3 positions"),
        (feature("Polygon", [BOWTIE]), "self_intersection", "near [-16.95, 14.05]"),
        (feature("MultiPolygon", [[RING], [RING]]), "self_intersection", "overlap"),
        (feature("Polygon", [RING, FAR_HOLE]), "invalid_polygon", "hole lies outside"),
        (feature("MultiPolygon", [[RING], [HOLE]]), "invalid_polygon", "inside another"),
        (feature("Polygon", [LINE]), "zero_area", "one line"),
        (feature("Polygon", [[RING[0]] * 4]), "zero_area", "one place"),
        (
            feature("MultiPolygon", [[RING], [[[-15, 14], [-15, 14.000001], [-15.000001, 14], [-15, 14]]]]),
            "zero_area",
            "part",
        ),
        (feature("Polygon", [MANY]), "too_many_vertices", "10,002"),
        (feature("MultiPolygon", [[MANY[:6000]], [MANY[:6000]]]), "too_many_vertices", "12,000"),
        (feature("LineString", MANY, width_m=50), "too_many_vertices", "10,002"),
        (feature("LineString", [list(DAKAR)], width_m=50), "line_too_short", "two"),
        (feature("Point", list(DAKAR)), "radius_missing", "radius_m"),
        ({"type": "Point", "coordinates": list(DAKAR)}, "radius_missing", "Feature"),
        (feature("Point", list(DAKAR), radius_m="300"), "radius_invalid", "a string"),
        (feature("Point", list(DAKAR), radius_m=True), "radius_invalid", "true or false"),
        (feature("Point", list(DAKAR), radius_m=math.inf), "radius_invalid", "finite"),
        (feature("Point", list(DAKAR), radius_m=0), "radius_out_of_range", "10"),
        (feature("Point", list(DAKAR), radius_m=-5), "radius_out_of_range", "-5"),
        (feature("Point", list(DAKAR), radius_m=1e6), "radius_out_of_range", "200000"),
        (feature("LineString", RING), "width_missing", "width_m"),
        (feature("LineString", RING, width_m=[]), "width_invalid", "an array"),
        (feature("LineString", RING, width_m=10), "width_out_of_range", "20"),
        (feature("LineString", [[-17, 14], [20, 14]], width_m=50), "too_large", "2,000 km"),
        (
            feature("Polygon", [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]),
            "antimeridian",
            "180",
        ),
        ({**feature("Polygon", [RING]), "crs": {"properties": {"name": "EPSG:32628"}}}, "crs_not_supported", "32628"),
    ],
)  # fmt: skip
def test_a_bad_shape_is_refused_in_plain_words(given_shape: Any, code: str, word: str) -> None:
    with pytest.raises(FenceError) as caught:
        parse_shape(given_shape)
    assert (caught.value.code, word in caught.value.detail) == (code, True), caught.value
    assert caught.value.code in CODES
    assert str(caught.value) == f"{caught.value.code}: {caught.value.detail}"


def test_a_touching_ring_is_a_self_intersection() -> None:
    eight = [[0, 0], [1, 1], [2, 0], [2, 2], [1, 1], [0, 2], [0, 0]]
    with pytest.raises(FenceError) as caught:
        parse_shape(feature("Polygon", [eight]))
    assert caught.value.code == "self_intersection"
