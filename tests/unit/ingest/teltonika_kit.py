"""Writes Teltonika packets and messages from plain values, by code of its own, and reads what the platform makes of them."""

import json
import re
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ingest.codecs.codec import Limits
from ingest.codecs.registry import decode
from ingest.ping import Decoded, Ping

LIMITS = Limits()
TOPIC = "teltonika/352093085698206/data"
# By hand from Teltonika's parameter list, not from the codec.
SIGNED = frozenset({17, 18, 19, 25, 26, 27, 28, 32, 33, 38, 39, 47, 53, 59, 72, 73, 74, 75, 115, 151})
SIGNED |= {201, 202, 203, 204, 210, 211, 212, 213, 214, 215, 327, 544, 1152, 10_800, 10_801, 10_802, 10_803}


class Avl(NamedTuple):
    """One record in the units of the wire: ms, 1e-7 degrees, m, degrees, km/h."""

    ts: int = 1_769_443_022_000
    lat: int = 146_937_000
    lon: int = -174_441_000
    alt: int = 21
    ang: int = 91
    sat: int = 11
    sp: int = 42
    pr: int = 0
    evt: int = 0
    # width in bytes -> id -> unsigned value
    fixed: Mapping[int, Mapping[int, int]] = MappingProxyType({})
    variable: Mapping[int, bytes] = MappingProxyType({})


def crc16_ibm(data: bytes) -> int:
    """Bit by bit, as the polynomial says: x^16 + x^15 + x^2 + 1, reflected."""
    register = 0
    for byte in data:
        for bit in range(8):
            carry = (register ^ byte >> bit) & 1
            register >>= 1
            if carry:
                register ^= 0b1010_0000_0000_0001
    return register


def encode_record(avl: Avl, extended: bool) -> bytes:
    size = "H" if extended else "B"
    out = struct.pack(">qB", avl.ts, avl.pr)
    out += struct.pack(">iihHBH", avl.lon, avl.lat, avl.alt, avl.ang, avl.sat, avl.sp)
    total = sum(len(ids) for ids in avl.fixed.values()) + len(avl.variable)
    out += struct.pack(f">{size}{size}", avl.evt, total)
    for width, letter in ((1, "B"), (2, "H"), (4, "I"), (8, "Q")):
        ids = avl.fixed.get(width, {})
        out += struct.pack(f">{size}", len(ids))
        for number, value in ids.items():
            out += struct.pack(f">{size}{letter}", number, value)
    if extended:
        out += struct.pack(">H", len(avl.variable))
        for number, raw in avl.variable.items():
            out += struct.pack(">HH", number, len(raw)) + raw
    return out


def encode_data(records: list[Avl], *, extended: bool) -> bytes:
    """From the codec id to the second count."""
    count = bytes([len(records)])
    body = b"".join(encode_record(each, extended) for each in records)
    return (b"\x8e" if extended else b"\x08") + count + body + count


def encode_answer(text: bytes, kind: int = 6) -> bytes:
    return b"\x0c\x01" + bytes([kind]) + struct.pack(">I", len(text)) + text + b"\x01"


def frame(data: bytes) -> bytes:
    return struct.pack(">II", 0, len(data)) + data + struct.pack(">I", crc16_ibm(data))


def encode_json(avl: Avl, *, as_text: bool = False) -> dict[str, Any]:
    """The same record as Codec JSON."""
    reported: dict[str, Any] = {"ts": avl.ts, "pr": avl.pr, "alt": avl.alt, "ang": avl.ang, "sat": avl.sat}
    reported |= {"sp": avl.sp, "evt": avl.evt}
    for width, ids in avl.fixed.items():
        for number, value in ids.items():
            negative = number in SIGNED and value >= 1 << 8 * width - 1
            reported[str(number)] = value - (1 << 8 * width) if negative else value
    for number, raw in avl.variable.items():
        reported[str(number)] = raw.decode("ascii")
    if as_text:
        reported = {key: str(value) for key, value in reported.items()}
    reported["latlng"] = f"{avl.lat / 1e7:.7f},{avl.lon / 1e7:.7f}"
    return {"state": {"reported": reported}}


def json_bytes(messages: Any) -> bytes:
    return json.dumps(messages).encode()


def read(payload: bytes, limits: Limits = LIMITS) -> Decoded:
    return decode(TOPIC, payload, limits)


def reported(**values: Any) -> Decoded:
    """One Codec JSON message; `a66=12600` is AVL id 66."""
    body: dict[str, Any] = {"ts": 1_769_443_022_000, "latlng": "14.6937,-17.4441", "sat": 9}
    body |= {re.sub(r"^a(?=\d)", "", key): value for key, value in values.items()}
    return read(json_bytes({"state": {"reported": body}}))


def only(decoded: Decoded) -> Ping:
    assert decoded.rejected == []
    (ping,) = decoded.pings
    return ping


def refusal(decoded: Decoded) -> tuple[str, str]:
    assert decoded.pings == []
    (rejected,) = decoded.rejected
    return rejected.reason, rejected.detail


def attributes(decoded: Decoded) -> dict[str, Any]:
    return only(decoded).attributes or {}
