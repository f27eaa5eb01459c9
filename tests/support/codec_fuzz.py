"""Damage to recorded payloads, and what everything after the codecs relies on whatever came in.

For the fuzz tests of hypothesis and for `tests.support.fuzz_codecs`; both take every codec of the registry.
"""

import json
import math
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from brokers.topics import is_device_uid
from ingest import copy_rows
from ingest.codecs import fields
from ingest.codecs.codec import MAX_SEQ, Codec, Limits
from ingest.codecs.registry import CODECS
from ingest.ping import REASONS, CommandResult, Decoded, Ping, Presence, normal_form
from ingest.steps import StepContext, apply_steps
from tests.support.ping_rows import columns

LIMITS = Limits(max_payload_bytes=100_000)
VECTORS = Path(__file__).parents[1] / "vectors"
RECEIVED_US = 1_800_000_000_000_000
CONTEXT = StepContext(received_us=RECEIVED_US, earliest_us=0, max_future_us=fields.MAX_TIME_US)

_BOUNDS = {
    "lat": fields.LATITUDE_DEG,
    "lon": fields.LONGITUDE_DEG,
    "speed_kmh": fields.SPEED_KMH,
    "heading_deg": fields.Range(0.0, math.nextafter(360.0, 0.0)),
    "altitude_m": fields.ALTITUDE_M,
    "accuracy_m": fields.ACCURACY_M,
    "hdop": fields.HDOP,
    "battery_pct": fields.PERCENT,
    "fuel_pct": fields.PERCENT,
    "odometer_km": fields.ODOMETER_KM,
}
_WHOLE = {"time_us": fields.MAX_TIME_US, "satellites": fields.MAX_SATELLITES, "seq": MAX_SEQ}
_FLAGS = ("ignition", "mock")

ODD_TEXTS = [
    "", " ", "0", "-1", "14.7", "1e999", "NaN", "9" * 39, "true", "on", "null", "\x00", "\ud800", "é" * 40, "+", "#", "a/b",
    "svc-x", "truck-1", "two words", "x" * 300, "gps", "sos", "2026-01-26T15:57:02Z", "2026-01-26T15:57:02", "15:57:02",
    "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00", "2016-12-31T23:59:60Z",
    *(f"2026-01-26T15:57:02.{'9' * digits}+00:00" for digits in range(1, 13)),
]  # fmt: skip
ODD_NUMBERS = [
    0, 1, -1, 2, 91, 181, 255, 360, 361, 65_535, 10**9, 10**11, 10**12, 10**14, 1_769_443_022, 1_769_443_022_500, 2**31, 2**63, 2**64,
    -(2**63) - 1, 10**400, -(10**400), -0.0, 0.5, 1e-320, 1e16, 1e300, 359.99999, math.nan, math.inf, -math.inf,
]  # fmt: skip
_DEEP: Any = "deep"
for _ in range(40):
    _DEEP = [_DEEP, {"a": 1}]
ODD_VALUES: list[Any] = [
    None, True, False, [], {}, [[]], [{}], {"": ""}, {"x": None}, {"\x00": 1}, {"\ud800": 1}, {"a": {"b": {"c": {"d": {"e": 1}}}}}, _DEEP,
    {f"k{number}": number for number in range(70)}, ["x" * 200] * 30, *ODD_NUMBERS, *ODD_TEXTS,
]  # fmt: skip


# One of every sort, to put into every place of every recording.
SHARP_VALUES: list[Any] = [
    None, True, -1, 0.5, 2**63, 10**400, 1e16, math.nan, -math.inf, "", "14.7", "1e999", "\x00", "\ud800", "x" * 300,
    [], {}, [{}], {"\x00": {"\ud800": 1}}, _DEEP,
]  # fmt: skip


@cache
def payloads_of(codec: Codec) -> tuple[bytes, ...]:
    """What is recorded for a codec, good and bad."""
    cases = json.loads((VECTORS / f"{codec.slug}.json").read_text(encoding="utf-8"))
    return tuple(payload for payload in map(_payload_of, cases) if payload)


def _payload_of(case: dict[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    return case["payload"].encode() if "payload" in case else json.dumps(case["json"]).encode()


def mutated(payload: bytes, random: Random) -> bytes:
    """The payload with a few damages, half of the time to its structure if it is JSON."""
    for _ in range(random.randint(1, 3)):
        payload = _other_json(payload, random) if random.random() < 0.6 else _other_bytes(payload, random)
    return payload


def _other_bytes(payload: bytes, random: Random) -> bytes:
    at = random.randint(0, len(payload))
    end = min(len(payload), at + random.choice([1, 1, 2, 4, 8, 64]))
    part = payload[at:end]
    kind = random.randrange(5)
    if kind == 0:
        return payload[:at] + payload[end:]
    if kind == 1:
        return payload[:end] + part * random.randint(1, 3) + payload[end:]
    if kind == 2:
        return payload[:at] + bytes(random.randrange(256) for _ in part) + payload[end:]
    if kind == 3:
        flipped = bytes(byte ^ 1 << random.randrange(8) for byte in part[:1])
        return payload[:at] + flipped + payload[at + len(flipped) :]
    return payload[:at]


def _other_json(payload: bytes, random: Random) -> bytes:
    try:
        value = json.loads(payload.decode())
    except (ValueError, RecursionError):
        return _other_bytes(payload, random)
    root = {"": value}
    places = _places(root)
    holder, key, _ = random.choice(places)
    kind = random.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = [holder[key]] * random.choice([1, 2, 3])
    elif kind == 2 and isinstance(holder, dict):
        holder[random.choice(ODD_TEXTS)] = holder[key]
    elif kind == 3:
        holder[key] = str(holder[key])
    elif kind == 4:
        other, place, _ = random.choice(places)
        holder[key] = other[place]
    else:
        holder[key] = random.choice(ODD_VALUES)
    try:
        return json.dumps(root.get("")).encode()
    except (ValueError, RecursionError):  # holds itself now, or is nested too deeply to write
        return payload


def with_sharp_values(payloads: Iterable[bytes]) -> Iterator[bytes]:
    """Every place that the JSON payloads have, once each, with every sharp value in it."""
    seen = set()
    for payload in payloads:
        try:
            root = {"": json.loads(payload.decode())}
        except ValueError:
            continue
        for holder, key, path in _places(root):
            if path in seen:
                continue
            seen.add(path)
            before = holder[key]
            for value in SHARP_VALUES:
                holder[key] = value
                yield json.dumps(root[""]).encode()
            holder[key] = before


def _places(root: Any) -> list[tuple[Any, Any, tuple[str, ...]]]:
    """Every place in a value: the object or list, the key or index, and the path, alike for all of a list."""
    found: list[tuple[Any, Any, tuple[str, ...]]] = []
    waiting: list[tuple[Any, tuple[str, ...]]] = [(root, ())]
    while waiting:
        holder, path = waiting.pop()
        inside: list[tuple[Any, Any]] = (
            list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        )
        for key, inner in inside:
            here = (*path, key if isinstance(holder, dict) else "*")
            found.append((holder, key, here))
            if isinstance(inner, dict | list):
                waiting.append((inner, here))
    return found


def check_codec(codec: Codec, payload: bytes) -> Decoded | None:
    """Decode as the registry does, but let a codec's exception through. None = refused before the codec."""
    if not payload or len(payload) > LIMITS.max_payload_bytes:
        return None
    decoded = codec.decode(payload, LIMITS)
    check_decoded(decoded)
    return decoded


def check_decoded(decoded: Decoded) -> None:
    """Every part has its type and range, and what was decoded can be stored."""
    assert type(decoded) is Decoded
    for each in decoded.rejected:
        assert each.reason in REASONS
        assert each.reason != "codec_failed"
        _check_text(each.detail, 300)
        assert each.seq is None or 0 <= each.seq <= MAX_SEQ
    for ping in decoded.pings:
        _check_ping(ping)
    kept, refused = apply_steps(decoded.pings, CONTEXT)
    assert len(kept) + len(refused) == len(decoded.pings)
    assert copy_rows.encode(columns([(1, RECEIVED_US, ping) for ping in kept])).endswith(copy_rows.TRAILER)
    assert decoded.uid is None or is_device_uid(decoded.uid)
    assert decoded.presence is None or type(decoded.presence) is Presence
    if decoded.presence is not None:
        assert type(decoded.presence.online) is bool
        assert decoded.presence.composed_us is None or 0 <= decoded.presence.composed_us <= fields.MAX_TIME_US
    for result in decoded.results:
        assert type(result) is CommandResult
        assert type(result.ok) is bool
        _check_storable(msgspec.to_builtins(result))
    if decoded.report is not None:
        assert type(decoded.report) is dict
        _check_storable(decoded.report)


def _check_ping(ping: Ping) -> None:
    assert type(ping) is Ping
    for name, bounds in _BOUNDS.items():
        value = getattr(ping, name)
        assert value is None or (type(value) is float and bounds.low <= value <= bounds.high), (name, value)
    for name, highest in _WHOLE.items():
        value = getattr(ping, name)
        assert value is None or (type(value) is int and 0 <= value <= highest), (name, value)
    assert ping.time_us is not None
    for name in _FLAGS:
        assert getattr(ping, name) in (None, True, False)
        assert type(getattr(ping, name)) is not int
    assert type(ping.alarms) is tuple
    assert len(set(ping.alarms)) == len(ping.alarms) <= fields.MAX_ALARMS
    for alarm in ping.alarms:
        assert alarm
        _check_text(alarm, fields.MAX_ALARM_CHARS)
    _check_storable(normal_form(ping))


def _check_storable(value: Any) -> None:
    """As PostgreSQL's jsonb can hold it: no NaN, no U+0000, no half of a surrogate pair."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    text.encode()
    assert "\\u0000" not in text.replace("\\\\", "")
    assert len(text) < 3 * LIMITS.max_attribute_bytes


def _check_text(text: str, longest: int) -> None:
    assert type(text) is str
    assert len(text) <= longest
    assert "\x00" not in text
    text.encode()


def seeds() -> list[tuple[int, bytes]]:
    """Every recorded payload with the place of its codec in the registry."""
    return [(number, payload) for number, codec in enumerate(CODECS) for payload in payloads_of(codec)]
