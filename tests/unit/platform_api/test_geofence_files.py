"""What files of geofences hold: read whole or refused in plain words, never half and never with a crash."""

import io
import json
import zipfile
import zlib

import pytest

from platform_api.errors import Invalid
from platform_api.geofences import kmz
from platform_api.geofences.importing import Defaults, Found, read

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = "http://www.opengis.net/kml/2.2"
RING = "-16.93,14.79 -16.92,14.79 -16.92,14.80 -16.93,14.80 -16.93,14.79"
POINT = "<Point><coordinates>-17.05,14.75,0</coordinates></Point>"


def polygon(coordinates: str) -> str:
    ring = f"<LinearRing><coordinates>{coordinates}</coordinates></LinearRing>"
    return f"<Polygon><outerBoundaryIs>{ring}</outerBoundaryIs></Polygon>"


def mark(shape: str, name: str = "Dépôt") -> str:
    return f"<Placemark><name>{name}</name>{shape}</Placemark>"


def document(*marks: str, head: str = HEAD, namespace: str = f' xmlns="{NAMESPACE}"') -> str:
    return f"{head}<kml{namespace}><Document>{''.join(marks)}</Document></kml>"


def found(content: str | bytes) -> list[Found]:
    return read(content.encode() if isinstance(content, str) else content, Defaults(100.0, 100.0))


def told(content: str | bytes) -> list[tuple[str, str | None]]:
    return [(each.name, each.code) for each in found(content)]


def refusal(content: str | bytes) -> str:
    with pytest.raises(Invalid) as refused:
        found(content)
    return refused.value.code


KML = document(mark(polygon(RING)))


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + KML.encode(),
        b"\xef\xbb\xbf\r\n" + KML.removeprefix(HEAD).encode(),
        KML.replace("UTF-8", "UTF-16").encode("utf-16"),
        KML.replace("UTF-8", "UTF-16").encode("utf-16-be").join([b"\xfe\xff", b""]),
        KML.replace("UTF-8", "windows-1252").encode("cp1252"),
        KML.replace("UTF-8", "ISO-8859-15").encode("iso-8859-15"),
    ],
)
def test_whatever_windows_writes(content: bytes) -> None:
    assert told(content) == [("Dépôt", None)]


@pytest.mark.parametrize(
    "content",
    [
        KML.replace("UTF-8", "nonsense"),
        document("<Folder>" * 300, mark(POINT), "</Folder>" * 300),
        document("<Folder>" * 5000, mark(POINT), "</Folder>" * 5000),
        document(mark(POINT.replace("-17.05", "nan"))),
        document(mark(polygon(RING + " 14.7"))),
        document(mark(POINT.replace("-17.05,14.75,0", "1,2,3,4"))),
    ],
)
def test_what_cannot_be_read_is_refused_and_breaks_nothing(content: str) -> None:
    assert refusal(content) == "invalid_kml"


def test_a_shape_that_is_empty_is_told_and_not_left_out() -> None:
    both = document(mark(polygon(""), "leer"), mark(POINT, "Péage"))
    assert told(both) == [("leer", "empty"), ("Péage", None)]
    assert told(document(mark("<MultiGeometry></MultiGeometry>"))) == [("Dépôt", "empty")]


def test_altitudes_of_some_positions_only() -> None:
    mixed = "-16.93,14.79,5 -16.92,14.79 -16.92,14.80,7 -16.93,14.80 -16.93,14.79,5"
    (plain,), (raised,) = found(KML), found(document(mark(polygon(mixed))))
    assert raised.shape == plain.shape


def test_blanks_after_the_commas() -> None:
    (plain,), (spaced,) = found(KML), found(document(mark(polygon(RING.replace(",", ", ")))))
    assert spaced.shape == plain.shape


@pytest.mark.parametrize("namespace", ["", ' xmlns="http://earth.google.com/kml/2.0"'])
def test_namespaces_of_old(namespace: str) -> None:
    assert told(document(mark(POINT), namespace=namespace)) == [("Dépôt", None)]


def test_rings_wound_the_wrong_way_are_the_same() -> None:
    turned = " ".join(reversed(RING.split()))
    assert told(document(mark(polygon(turned)))) == [("Dépôt", None)]


def test_several_shapes_in_one_placemark() -> None:
    two = polygon(RING) + polygon(RING.replace("14.", "15."))
    assert told(document(mark(f"<MultiGeometry>{two}</MultiGeometry>"))) == [("Dépôt", None)]
    assert told(document(mark(f"<MultiGeometry>{two}{POINT}</MultiGeometry>"))) == [("Dépôt", "unknown_type")]


def test_the_coordinates_of_a_collection_are_in_its_system() -> None:
    circle = {
        "type": "Feature",
        "properties": {"radius_m": 100},
        "geometry": {"type": "Point", "coordinates": [-17.0, 14.7]},
    }
    for name, code in [("EPSG:4310", "crs_not_supported"), ("urn:ogc:def:crs:OGC:1.3:CRS84", None)]:
        crs = {"type": "name", "properties": {"name": name}}
        collection = {"type": "FeatureCollection", "crs": crs, "features": [circle]}
        assert [code for _, code in told(json.dumps(collection))] == [code]
    collection = {"type": "FeatureCollection", "crs": None, "features": [circle, 3]}
    assert [code for _, code in told(json.dumps(collection))] == [None, "not_an_object"]


def archive(*files: tuple[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as packed:
        for name, body in files:
            packed.writestr(name, body)
    return content.getvalue()


OTHER = document(mark(POINT, "Autre"))


@pytest.mark.parametrize(
    "files",
    [
        [("doc.kml", KML), ("images/icon.png", b"\x89PNG")],
        [("other.kml", OTHER), ("DOC.KML", KML), ("files/doc.kml", OTHER)],
        [("zones/Sénégal.kml", KML)],
    ],
)
def test_the_main_document_of_a_kmz(files: list[tuple[str, str]]) -> None:
    assert told(archive(*files)) == [("Dépôt", None)]
    assert told(archive(*files, method=zipfile.ZIP_STORED)) == [("Dépôt", None)]


@pytest.mark.parametrize(
    "content",
    [
        archive(("a.kml", KML), ("b.kml", KML)),
        archive(("doc.kml", KML), ("DOC.kml", OTHER)),
        archive(("readme.txt", "x")),
        archive(("doc.kml", KML), ("../../etc/passwd", "x")),
        archive(("/doc.kml", KML)),
        archive(("..\\doc.kml", KML)),
        archive(("C:/doc.kml", KML)),
        archive(("doc.kml", KML), *[(f"{n}.png", b"") for n in range(kmz.MAX_ENTRIES)]),
        archive(("doc.kml", KML), method=zipfile.ZIP_BZIP2),
        archive(("doc.kml", KML), method=zipfile.ZIP_LZMA),
        archive(("doc.kml", KML))[:-30],
        archive(("doc.kml", KML)).replace(b"PK\x03\x04", b"PK\x03\x04\x00", 1),
        b"PK\x03\x04",
    ],
)
def test_archives_that_cannot_be_taken(content: bytes) -> None:
    assert refusal(content) == "invalid_kmz"


def test_an_encrypted_document() -> None:
    content = bytearray(archive(("doc.kml", KML)))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    assert refusal(bytes(content)) == "invalid_kmz"


def test_a_damaged_document() -> None:
    content = archive(("doc.kml", KML), method=zipfile.ZIP_STORED)
    assert refusal(content.replace(b"<Document>", b"<document>")) == "invalid_kmz"


def test_a_bomb_is_not_unpacked() -> None:
    assert refusal(archive(("doc.kml", b" " * (kmz.MAX_KML_BYTES + 1)))) == "kmz_too_large"
    assert kmz.kml_of(archive(("doc.kml", b" " * kmz.MAX_KML_BYTES))) == b" " * kmz.MAX_KML_BYTES


def test_a_bomb_that_states_a_small_size() -> None:
    """What its directory says of it is a lie: no more is unpacked than is stated, and the sum does not fit."""
    real = b" " * (50 * kmz.MAX_KML_BYTES)
    content = archive(("doc.kml", real))
    lying = content.replace(len(real).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert lying != content
    assert refusal(lying) == "invalid_kmz"
    assert zlib.crc32(real).to_bytes(4, "little") in lying


def test_a_kmz_in_a_kmz_is_no_kml() -> None:
    assert refusal(archive(("doc.kml", archive(("doc.kml", KML))))) == "invalid_kml"
