"""OwnTracks CSV, the short form of the Greenwich tracker: one line is one position.

    tid,tst,t,lat,lon,cog,vel,alt,dist,trip
    X0,542A46AA,k,30365854,7575769,26,4,7,5,872

Facts: the OwnTracks recorder, recorder.c, and the booklet's tech/json.md. It comes on the topics of
OwnTracks' JSON, whose codec hands a body over that does not begin like JSON.

| field | normal form | on the line |
|---|---|---|
| tid | attribute `tid` | text |
| tst (required) | `time` | epoch seconds, hexadecimal |
| t | attribute `trigger` | one letter |
| lat, lon (required) | `lat`, `lon` | degrees x 1,000,000 |
| cog | `heading_deg` | degrees / 10 |
| vel | `speed_kmh` | km/h |
| alt | `altitude_m` | m / 10 |
| dist | attribute `dist` | m since the last line |
| trip | attribute `trip_km` | km since the tracker was started |

All but `tid`, `tst` and `t` are whole numbers. An empty field is unknown.
"""

import re
from typing import Any

from ingest.codecs import fields
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.owntracks_words import in_our_words
from ingest.ping import Decoded, Ping

SECOND_US = 1_000_000
MICRODEGREES = 1_000_000
TENTH = 10

FIELDS = ("tid", "tst", "t", "lat", "lon", "cog", "vel", "alt", "dist", "trip")
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,15}", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{1,15}", re.ASCII)
# Taken by a field of the ping. `trip` comes in kilometres already, in_our_words would divide it.
_TAKEN_KEYS = frozenset({"tst", "lat", "lon", "cog", "vel", "alt", "trip"})


def ping_of_line(line: str, limits: Limits) -> Ping:
    """Raises `RefusedError`."""
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != len(FIELDS):
        raise RefusedError(
            "malformed", f"neither JSON nor a line of {len(FIELDS)} fields with commas, but of {len(parts)}"
        )
    texts: dict[str, str] = {key: part for key, part in zip(FIELDS, parts, strict=True) if part}
    degrees: fields.Message = {
        "lat": _whole(texts, "lat", 1, MICRODEGREES),
        "lon": _whole(texts, "lon", 1, MICRODEGREES),
    }
    numbers: fields.Message = {
        "cog": _whole(texts, "cog", TENTH),
        "vel": _whole(texts, "vel"),
        "alt": _whole(texts, "alt", TENTH),
    }
    distances = {"dist": _whole(texts, "dist"), "trip_km": _whole(texts, "trip")}
    kept = texts | {key: value for key, value in distances.items() if value is not None}
    words = in_our_words(kept, _TAKEN_KEYS)
    return Ping(
        time_us=fields.time_us(_epoch(texts), "tst", unit_us=SECOND_US),
        lat=fields.latitude(degrees, "lat"),
        lon=fields.longitude(degrees, "lon"),
        speed_kmh=fields.number(numbers, "vel", fields.SPEED_KMH),
        heading_deg=fields.heading(numbers, "cog"),
        altitude_m=fields.number(numbers, "alt", fields.ALTITUDE_M),
        alarms=words.alarms,
        attributes=fields.attributes(words.attributes, frozenset(), limits),
    )


def _epoch(texts: dict[str, str]) -> int | None:
    text = texts.get("tst")
    if text is None:
        return None
    if not _HEXADECIMAL.fullmatch(text):
        raise RefusedError("wrong_type", "tst must be seconds in hexadecimal digits")
    return int(text, 16)


def _whole(texts: dict[str, str], key: str, factor: int = 1, divisor: int = 1) -> Any:
    """Only whole numbers: 14.7 here would be 15 millionths of a degree, 1,600 km from where it means."""
    text = texts.get(key)
    if text is None:
        return None
    if not _WHOLE_NUMBER.fullmatch(text):
        raise RefusedError("wrong_type", f"{key} must be a whole number")
    value = int(text) * factor
    return value if divisor == 1 else value / divisor


def decode(payload: bytes, limits: Limits) -> Decoded:
    try:
        lines = _lines(payload)
        return decode_each(lines[0] if len(lines) == 1 else lines, limits, ping_of_line)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


def _lines(payload: bytes) -> list[str]:
    """Those that hold anything; a line ends with LF or CR LF."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise RefusedError("malformed", f"the text is not UTF-8 at byte {error.start}") from None
    return [line for line in text.split("\n") if line.strip()]


CSV = Codec(name="OwnTracks CSV", slug="owntracks-csv", topics=(), decode=decode)
CODECS = [CSV]
