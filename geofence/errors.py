"""The one error of this package: a shape or setting that people gave and that cannot be used."""

# Every code a FenceError may carry. Stable: the API shows them and clients compare them.
CODES = {
    "not_an_object": "the shape is not a JSON object",
    "unknown_type": "the GeoJSON type is not one of those that make a geofence",
    "coordinates_malformed": "coordinates are missing or nested in the wrong way",
    "coordinate_not_number": "a coordinate is not a number",
    "coordinate_not_finite": "a coordinate is NaN or infinite",
    "longitude_out_of_range": "longitude outside -180..180",
    "latitude_out_of_range": "latitude outside -90..90",
    "near_pole": "the shape reaches beyond 80 degrees north or south",
    "antimeridian": "the shape crosses, or comes within one degree of, the 180th meridian",
    "crs_not_supported": "the coordinates are not WGS 84 longitude and latitude",
    "empty": "the shape has no points",
    "ring_too_short": "a ring has fewer than four positions",
    "ring_not_closed": "the first and the last position of a ring differ",
    "self_intersection": "the border crosses or touches itself",
    "invalid_polygon": "rings overlap, are nested wrongly, or a hole lies outside",
    "zero_area": "the polygon has no area",
    "line_too_short": "a corridor needs two different points",
    "too_many_vertices": "more vertices than the limit",
    "too_large": "the shape is wider than the limit",
    "radius_missing": "a Point without properties.radius_m",
    "radius_invalid": "radius_m is not a finite number",
    "radius_out_of_range": "radius_m outside its limits",
    "width_missing": "a LineString without properties.width_m",
    "width_invalid": "width_m is not a finite number",
    "width_out_of_range": "width_m outside its limits",
    "setting_unknown": "no setting has this name",
    "setting_wrong_type": "a setting has a value of the wrong type",
    "setting_out_of_range": "a setting is outside its limits",
}


class FenceError(ValueError):
    """`code` is one of CODES; `detail` says in plain words what is wrong, and where."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
