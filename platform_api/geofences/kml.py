"""Placemarks of a KML file (OGC 07-147r2) as GeoJSON Features. Without network, DTD or entities."""

import codecs
import math
from collections.abc import Iterable
from typing import Any, cast
from xml.etree.ElementTree import Element, tostring

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree
from fastkml import Placemark, kml
from fastkml.exceptions import FastKMLError
from fastkml.utils import find_all

from platform_api.errors import Invalid

_NAMESPACE = "{http://www.opengis.net/kml/2.2}"
# What Google Earth wrote before KML was a standard: the same elements under another name. Some tools write none.
_OLD_NAMESPACE = "{http://earth.google.com/kml/2."
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def looks_like_xml(content: bytes) -> bool:
    """Whether the first character is `<`, whatever mark of its encoding a Windows editor put before it."""
    if content.startswith(_UTF16):
        return b"<" in content[2:4]
    return content.removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"<"


def features_of(content: bytes) -> list[dict[str, Any]]:
    """One Feature a Placemark with a geometry: its name in `properties.name`. Raises Invalid `invalid_kml`.

    A geometry that cannot be read is null: which one it is can then be told, and none is left out in silence.
    """
    problem = Invalid("invalid_kml", "This is no KML file that can be read.")
    try:
        # The library's own parser would follow entities: whoever hides some is refused before it reads.
        root = SafeTree.fromstring(content, forbid_dtd=True)
        _make_plain(root)
        document = kml.KML.from_string(tostring(root, encoding="unicode"))
    # SyntaxError: of either parser, for nesting that is too deep as well; LookupError: an encoding that nobody knows.
    except (DefusedXmlException, SyntaxError, FastKMLError, ValueError, LookupError, RecursionError) as error:
        raise problem from error
    placemarks: Iterable[Any] = find_all(document, of_type=Placemark)
    features = [_feature(each) for each in placemarks if each.kml_geometry is not None]
    if not features:
        raise Invalid("nothing_to_import", "There is no placemark with a shape in this file.")
    return features


def _make_plain(root: Element) -> None:
    """One namespace, and no altitudes: the library drops a shape of which only some positions have one."""
    for element in root.iter():
        tag = cast(object, element.tag)  # of a comment it is a function
        if not isinstance(tag, str):
            continue
        if tag.startswith(_OLD_NAMESPACE) or not tag.startswith("{"):
            element.tag = _NAMESPACE + tag.rpartition("}")[2]
        if element.tag == f"{_NAMESPACE}coordinates":
            element.text = _flat(element.text or "")


def _flat(coordinates: str) -> str:
    """`lon,lat[,alt] ...` as `lon,lat ...`. Raises ValueError for what the library would leave out, closing the gap."""
    positions = ",".join(part.strip() for part in coordinates.split(",")).split()
    return " ".join(map(_position, positions))


def _position(text: str) -> str:
    numbers = text.split(",")
    if len(numbers) not in (2, 3) or any(math.isnan(float(number)) for number in numbers):
        raise ValueError(f"no position: {text:.40}")
    return ",".join(numbers[:2])


def _feature(placemark: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": _geometry(placemark.geometry),
        "properties": {"name": placemark.name or ""},
    }


def _geometry(shape: Any) -> dict[str, Any] | None:
    if shape is None or shape.is_empty:
        return None
    plain = shape.__geo_interface__
    return {"type": plain["type"], "coordinates": plain.get("coordinates", ())}
