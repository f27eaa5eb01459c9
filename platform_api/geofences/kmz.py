"""The KML file in a KMZ archive (OGC 07-147r2, annex C). Read in memory and within limits; nothing is unpacked to disk."""

import io
import zipfile
import zlib
from collections.abc import Sequence

from platform_api.errors import Invalid

MAX_ENTRIES = 1_000
# Unpacked: an archive of a kilobyte may hold a gigabyte of blanks.
MAX_KML_BYTES = 2 * 1024 * 1024
# What KMZ allows. The others are unpacked a whole block at a time, however large it becomes.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


def looks_like_zip(content: bytes) -> bool:
    return content.startswith(b"PK\x03\x04")


def kml_of(content: bytes) -> bytes:
    """The archive's main document. Raises Invalid `invalid_kmz`, `kmz_too_large`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            main = _main(archive.infolist())
            with archive.open(main) as file:
                # The directory may state less than there is: what counts is what comes out.
                found = file.read(MAX_KML_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise _problem("it cannot be unpacked") from error
    _check_size(len(found))
    return found


def _main(entries: Sequence[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    """`doc.kml` at the top, or the only KML file there is."""
    if len(entries) > MAX_ENTRIES:
        raise _problem(f"it holds more than {MAX_ENTRIES} files")
    if any(_leads_out(entry.filename) for entry in entries):
        raise _problem("one of its files has a path that leads out of it")
    documents = [entry for entry in entries if entry.filename.lower().endswith(".kml")]
    named = [entry for entry in documents if entry.filename.lower() == "doc.kml"]
    candidates = named or documents
    if not candidates:
        raise _problem("there is no KML file in it")
    if len(candidates) > 1:
        raise _problem("there are several KML files in it, and not one of them is doc.kml")
    main = candidates[0]
    if main.flag_bits & _ENCRYPTED or main.compress_type not in _METHODS:
        raise _problem("it is encrypted, or packed in another way than KMZ allows")
    _check_size(main.file_size)
    return main


def _leads_out(name: str) -> bool:
    path = name.replace("\\", "/")
    return path.startswith("/") or ":" in path or ".." in path.split("/")


def _check_size(size: int) -> None:
    if size > MAX_KML_BYTES:
        raise Invalid(
            "kmz_too_large",
            f"Unpacked, the KML file has more than {MAX_KML_BYTES} bytes.",
            limit=MAX_KML_BYTES,
        )


def _problem(why: str) -> Invalid:
    return Invalid("invalid_kmz", f"This KMZ archive cannot be taken: {why}.")
