"""Geofences from a file of somebody else's: GeoJSON (RFC 7946), KML or KMZ, all of it or nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from geofence.errors import FenceError
from geofence.geojson import order_hint, parse_shape, to_geojson
from platform_api.actor import Actor
from platform_api.errors import Invalid
from platform_api.fields import MAX_NAME_CHARS
from platform_api.geofences import kml, kmz, service
from platform_api.geofences.models import Geofence

MAX_FEATURES = 1_000


@dataclass(frozen=True, slots=True)
class Defaults:
    """For shapes that the file gives no size: of points and of lines."""

    radius_m: float | None = None
    width_m: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One feature of the file; `code` None = it can be a geofence. `shape` as it would be stored."""

    number: int
    name: str
    shape: Mapping[str, Any] | None
    code: str | None = None
    detail: str | None = None
    hint: str | None = None


def read(content: bytes, defaults: Defaults) -> list[Found]:
    """What is in the file, in its order.

    Raises Invalid `invalid_geojson`, `invalid_kml`, `invalid_kmz`, `kmz_too_large`, `nothing_to_import`,
    `too_many_features`.
    """
    features = _features_of(content)
    if len(features) > MAX_FEATURES:
        raise Invalid("too_many_features", f"At most {MAX_FEATURES} shapes at a time.", limit=MAX_FEATURES)
    return [_judge(number, feature, defaults) for number, feature in enumerate(features, start=1)]


def _features_of(content: bytes) -> Sequence[Any]:
    if kmz.looks_like_zip(content):
        return kml.features_of(kmz.kml_of(content))
    return kml.features_of(content) if kml.looks_like_xml(content) else _features_of_json(content)


def _features_of_json(content: bytes) -> Sequence[Any]:
    problem = Invalid("invalid_geojson", "This is neither GeoJSON nor KML nor KMZ.")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise problem from error
    if not isinstance(document, dict):
        raise problem
    features = document.get("features") if document.get("type") == "FeatureCollection" else [document]
    if not isinstance(features, list):
        raise problem
    if not features:
        raise Invalid("nothing_to_import", "There is no shape in this file.")
    # Before RFC 7946 it was the collection that named another system of coordinates, for all of its features.
    crs = document.get("crs")
    return features if crs is None else [_with_crs(feature, crs) for feature in features]


def _with_crs(feature: Any, crs: Any) -> Any:
    return {"crs": crs, **feature} if isinstance(feature, Mapping) else feature


def _judge(number: int, feature: Any, defaults: Defaults) -> Found:
    name = _name_of(feature, number)
    try:
        shape = parse_shape(_with_size(feature, defaults))
    except FenceError as error:
        return Found(number, name, None, error.code, error.detail)
    return Found(number, name, to_geojson(shape), hint=order_hint(shape))


def _name_of(feature: Any, number: int) -> str:
    properties = feature.get("properties") if isinstance(feature, Mapping) else None
    given = properties.get("name") if isinstance(properties, Mapping) else None
    text = str(given) if isinstance(given, str | int | float) else ""
    printable = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return printable[:MAX_NAME_CHARS] or f"Zone {number}"


def _with_size(feature: Any, defaults: Defaults) -> Any:
    """The feature with the default size where it has none of its own."""
    if not isinstance(feature, Mapping) or not isinstance(feature.get("geometry"), Mapping):
        return feature
    sizes = {"Point": ("radius_m", defaults.radius_m), "LineString": ("width_m", defaults.width_m)}
    name, size = sizes.get(str(feature["geometry"].get("type")), ("", None))
    properties = feature.get("properties")
    given = properties if isinstance(properties, Mapping) else {}
    if size is None or name in given:
        return feature
    return {**feature, "properties": {**given, name: size}}


def import_all(
    session: Session,
    actor: Actor,
    found: Sequence[Found],
    *,
    group_id: int | None,
    vehicle_id: int | None,
    now: datetime,
) -> list[Geofence]:
    """Draw them all. Raises Invalid `import_has_errors` when one of them is none."""
    bad = [each for each in found if each.code is not None]
    if bad:
        raise Invalid(
            "import_has_errors",
            f"{len(bad)} of {len(found)} shapes cannot be geofences; the first: {bad[0].name}: {bad[0].detail}",
            bad=len(bad),
            all=len(found),
        )
    return [
        service.draw_geofence(
            session,
            actor,
            name=each.name,
            shape=each.shape or {},
            settings={},
            vehicle_id=vehicle_id,
            valid_from=None,
            valid_until=None,
            now=now,
            group_id=group_id,
        )
        for each in found
    ]
