"""Placemarks of a KML file (OGC 07-147r2) as GeoJSON Features. Without network, DTD or entities."""

import re
from collections.abc import Iterable
from typing import Any, cast

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree
from fastkml import Placemark, kml
from fastkml.exceptions import FastKMLError
from fastkml.utils import find_all

from platform_api.errors import Invalid

# What Google Earth wrote before KML was a standard: the same elements under another name.
_OLD_NAMESPACE = re.compile(rb"http://earth\.google\.com/kml/2\.\d")
_NAMESPACE = b"http://www.opengis.net/kml/2.2"


def features_of(content: bytes) -> list[dict[str, Any]]:
    """One Feature a Placemark with a geometry: its name in `properties.name`. Raises Invalid `invalid_kml`."""
    problem = Invalid("invalid_kml", "This is no KML file that can be read.")
    try:
        # The library's own parser would follow entities: whoever hides some is refused before it reads.
        SafeTree.fromstring(content, forbid_dtd=True)
        # Bytes, although its annotation says text: only they may declare their encoding.
        document = kml.KML.from_string(cast(str, _OLD_NAMESPACE.sub(_NAMESPACE, content)))
    except (DefusedXmlException, SafeTree.ParseError, FastKMLError, ValueError) as error:
        raise problem from error
    placemarks: Iterable[Any] = find_all(document, of_type=Placemark)
    features = [_feature(each) for each in placemarks if each.geometry is not None]
    if not features:
        raise Invalid("nothing_to_import", "There is no placemark with a shape in this file.")
    return features


def _feature(placemark: Any) -> dict[str, Any]:
    shape = placemark.geometry.__geo_interface__
    geometry = {"type": shape["type"], "coordinates": shape.get("coordinates", ())}
    return {"type": "Feature", "geometry": geometry, "properties": {"name": placemark.name or ""}}
