"""Bytes to plain values, with one error for everything that does not parse."""

import json
from typing import Any

import msgspec

from ingest.codecs.codec import RefusedError

# What msgspec raises for bytes it cannot read: its own errors, bad UTF-8, nesting beyond the stack.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Python refuses to read integers of more than 4300 digits; a double ends at 309.
_MAX_INTEGER_DIGITS = 400

_decode_json = msgspec.json.Decoder().decode
_decode_msgpack = msgspec.msgpack.Decoder().decode


def parse_json(payload: bytes) -> Any:
    """Any JSON value; of a repeated key the last one counts. Raises `RefusedError("malformed")`.

    The literals NaN and Infinity, numbers beyond a double and unpaired surrogates come through, so that the field
    which holds one is named and the other pings of the batch are kept.
    """
    try:
        return _decode_json(payload)
    except UNREADABLE as error:
        return _parse_lenient(payload, error)


def _parse_lenient(payload: bytes, strict_error: Exception) -> Any:
    try:
        # Text first: json.loads would guess UTF-16 and UTF-32 from bytes.
        return json.loads(payload.decode(), parse_int=_integer)
    except RecursionError:
        raise RefusedError("malformed", "the JSON is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise RefusedError("malformed", f"the text is not UTF-8 at byte {error.start}") from None
    except ValueError:
        raise RefusedError("malformed", str(strict_error)) from None


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_INTEGER_DIGITS else float(text)


def parse_msgpack(payload: bytes) -> Any:
    """Any MessagePack value; timestamps come as aware datetimes. Raises `RefusedError("malformed")`."""
    try:
        return _decode_msgpack(payload)
    except RecursionError:
        raise RefusedError("malformed", "the MessagePack is nested too deeply") from None
    except UNREADABLE as error:
        raise RefusedError("malformed", str(error)) from None
