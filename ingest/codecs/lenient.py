"""Reading messages whose values vary from device to device: what cannot be used stays an attribute.

Behind a gateway, a network server or another tracking server stand many kinds of devices, and one that
writes 255 for an unknown battery must not lose its position for it. So a codec of such a format is strict
about the position and its time alone; all else it takes with the functions here. Each removes from `rest`,
the codec's own copy of the message, what it could use, and leaves the others as they came.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ingest.codecs import fields
from ingest.codecs.codec import RefusedError
from ingest.codecs.fields import Message, Range

# For attributes without a column: any size that a sensor or a counter may have.
ANY_NUMBER = Range(-1e12, 1e12)
COUNTER = Range(0.0, 1e12)
VOLTS = Range(0.0, 1000.0)
CELSIUS = Range(-273.15, 10_000.0)

MAX_TEXT_CHARS = 256
MAX_BITS = 16
# A mask does not say how many lines the device has; most have up to four, and those are always told.
SHOWN_BITS = 4

_DECIMALS = 6  # of a converted number: enough for every sensor, and 50.004 stays 50.004


class Named(NamedTuple):
    """A number under the name and in the unit that all formats share: docs/codecs.md, "Attributes"."""

    name: str
    bounds: Range = COUNTER  # in the shared unit
    scale: float = 1.0  # from the device's unit


def take_number(rest: Message, bounds: Range, *keys: str, scale: float = 1.0) -> float | None:
    """The first of these keys that holds a number, also one written as text, within `bounds` once scaled."""
    raw = Range(bounds.low / scale, bounds.high / scale)
    for key in keys:
        try:
            # Judged before it is scaled: an integer may be too large to become a float.
            value = fields.number({key: fields.loose(rest.get(key))}, key, raw)
        except RefusedError:
            continue
        if value is not None:
            del rest[key]
            if scale == 1.0:
                return value
            return min(max(round(value * scale, _DECIMALS), bounds.low), bounds.high)
    return None


def take_heading(rest: Message, *keys: str) -> float | None:
    heading = take_number(rest, fields.HEADING_DEG, *keys)
    return None if heading is None else fields.heading({"heading": heading}, "heading")


def take_integer(rest: Message, low: int, high: int, *keys: str) -> int | None:
    for key in keys:
        try:
            value = fields.integer({key: fields.loose(rest.get(key))}, key, low, high)
        except RefusedError:
            continue
        if value is not None:
            del rest[key]
            return value
    return None


def take_flag(rest: Message, *keys: str) -> bool | None:
    """Also 1 and 0, which some decoders write."""
    for key in keys:
        value = rest.get(key)
        if type(value) is bool or (type(value) in (int, float) and value in (0, 1)):
            del rest[key]
            return bool(value)
    return None


def take_text(rest: Message, *keys: str) -> str | None:
    for key in keys:
        value = rest.get(key)
        if type(value) is str and 0 < len(value) <= MAX_TEXT_CHARS:
            del rest[key]
            return value
    return None


def take_named(rest: Message, table: Mapping[str, Named]) -> Message:
    """The numbers of a table under their shared names. Of two keys for one name the first counts."""
    found: Message = {}
    for key, named in table.items():
        if key in rest and named.name not in found:
            value = take_number(rest, named.bounds, key, scale=named.scale)
            if value is not None:
                found[named.name] = value
    return found


def take_bits(rest: Message, key: str, name: str) -> Message:
    """A mask of digital lines as `NAME_1`, `NAME_2`, ...: the lowest bit is line 1."""
    mask = take_integer(rest, 0, 2**MAX_BITS - 1, key)
    if mask is None:
        return {}
    return {f"{name}_{bit + 1}": bool(mask >> bit & 1) for bit in range(max(SHOWN_BITS, mask.bit_length()))}


def take_alarms(rest: Message, table: Mapping[str, str]) -> list[str]:
    """The alarms whose flags are set, each once. A flag that is not set says nothing and is dropped."""
    set_flags = [key for key in list(rest) if key in table and take_flag(rest, key)]
    return list(dict.fromkeys(table[key] for key in set_flags))


def position(message: Message, latitude: str, longitude: str) -> tuple[float, float]:
    """Degrees, strictly; only that a number may be written as text. Raises `RefusedError`."""
    pair = {key: fields.loose(message.get(key)) for key in (latitude, longitude)}
    return fields.latitude(pair, latitude), fields.longitude(pair, longitude)


def told(**values: Any) -> Message:
    """What is known of these, for a report or attributes. JSON knows lists only."""
    known = {key: list(value) if type(value) is tuple else value for key, value in values.items()}
    return {key: value for key, value in known.items() if value is not None and value != []}
