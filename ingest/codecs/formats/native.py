"""The platform's own format: a ping or a list of pings as JSON or MessagePack, and the status message.

Two ways lead to the same pings. The fast one reads the whole message into typed structs in one step and
knows only "good" or "not"; whatever it does not take (an unknown key, an alarm, anything bad) goes the
careful way, field by field, which names the reason and keeps the other pings of the batch.
A test holds the two together.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ingest.codecs import body, fields
from ingest.codecs.codec import (
    MAX_SEQ,
    Codec,
    Limits,
    Plain,
    RefusedError,
    decode_each,
    refuse_message,
)
from ingest.ping import CommandResult, Decoded, Ping, Presence

MILLISECOND_US = 1000
MAX_RESULT_CHARS = 1000
_RECEIVED, _DONE = "received", "done"
_MAX_TIME_MS = fields.MAX_TIME_US // MILLISECOND_US

_Latitude = Annotated[float, Meta(ge=fields.LATITUDE_DEG.low, le=fields.LATITUDE_DEG.high)]
_Longitude = Annotated[float, Meta(ge=fields.LONGITUDE_DEG.low, le=fields.LONGITUDE_DEG.high)]
_Speed = Annotated[float, Meta(ge=fields.SPEED_KMH.low, le=fields.SPEED_KMH.high)]
_Heading = Annotated[float, Meta(ge=fields.HEADING_DEG.low, lt=fields.HEADING_WRAP_DEG)]
_Altitude = Annotated[float, Meta(ge=fields.ALTITUDE_M.low, le=fields.ALTITUDE_M.high)]
_Accuracy = Annotated[float, Meta(ge=fields.ACCURACY_M.low, le=fields.ACCURACY_M.high)]
_Hdop = Annotated[float, Meta(ge=fields.HDOP.low, le=fields.HDOP.high)]
_Percent = Annotated[float, Meta(ge=fields.PERCENT.low, le=fields.PERCENT.high)]
_Odometer = Annotated[float, Meta(ge=fields.ODOMETER_KM.low, le=fields.ODOMETER_KM.high)]
_Satellites = Annotated[int, Meta(ge=0, le=fields.MAX_SATELLITES)]
_Seq = Annotated[int, Meta(ge=0, le=MAX_SEQ)]
_EpochMs = Annotated[int, Meta(ge=0, le=_MAX_TIME_MS)] | Annotated[float, Meta(ge=0, le=_MAX_TIME_MS)]


class _PlainPing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A ping on the wire with nothing unusual in it. Its keys are the native keys."""

    t: _EpochMs | fields.AwareDatetime
    lat: _Latitude
    lon: _Longitude
    spd: _Speed | None = None
    hdg: _Heading | None = None
    alt: _Altitude | None = None
    acc: _Accuracy | None = None
    sat: _Satellites | None = None
    hdop: _Hdop | None = None
    ign: bool | None = None
    bat: _Percent | None = None
    fuel: _Percent | None = None
    odo: _Odometer | None = None
    seq: _Seq | None = None
    mock: bool | None = None
    # Many devices always send the list; a filled one is rare and needs the careful way.
    alarms: Annotated[tuple[str, ...], Meta(max_length=0)] | None = None


KNOWN_KEYS = frozenset(_PlainPing.__struct_fields__) | {"alarm"}

_Plain = _PlainPing | list[_PlainPing]


def _ping_of_plain(plain: _PlainPing) -> Ping:
    return Ping(
        time_us=_time_us(plain.t),
        lat=plain.lat,
        lon=plain.lon,
        speed_kmh=plain.spd,
        heading_deg=plain.hdg,
        altitude_m=plain.alt,
        accuracy_m=plain.acc,
        satellites=plain.sat,
        hdop=plain.hdop,
        ignition=plain.ign,
        battery_pct=plain.bat,
        fuel_pct=plain.fuel,
        odometer_km=plain.odo,
        seq=plain.seq,
        mock=plain.mock,
    )


def ping_of_message(message: Any, limits: Limits) -> Ping:
    """The careful way. Raises `RefusedError` with the first thing that is wrong."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a ping must be an object, not {fields.kind(message)}")
    return Ping(
        time_us=fields.time_us(message.get("t"), "t", unit_us=MILLISECOND_US),
        lat=fields.latitude(message, "lat"),
        lon=fields.longitude(message, "lon"),
        speed_kmh=fields.number(message, "spd", fields.SPEED_KMH),
        heading_deg=fields.heading(message, "hdg"),
        altitude_m=fields.number(message, "alt", fields.ALTITUDE_M),
        accuracy_m=fields.number(message, "acc", fields.ACCURACY_M),
        satellites=fields.integer(message, "sat", 0, fields.MAX_SATELLITES),
        hdop=fields.number(message, "hdop", fields.HDOP),
        ignition=fields.flag(message, "ign"),
        battery_pct=fields.number(message, "bat", fields.PERCENT),
        fuel_pct=fields.number(message, "fuel", fields.PERCENT),
        odometer_km=fields.number(message, "odo", fields.ODOMETER_KM),
        seq=fields.sequence(message, "seq"),
        mock=fields.flag(message, "mock"),
        alarms=fields.alarms(message),
        attributes=fields.attributes(message, KNOWN_KEYS, limits),
    )


def decode_json(payload: bytes, limits: Limits) -> Decoded:
    return _decode(payload, limits, PLAIN_JSON, body.parse_json)


def decode_msgpack(payload: bytes, limits: Limits) -> Decoded:
    return _decode(payload, limits, PLAIN_MSGPACK, body.parse_msgpack)


def _decode(payload: bytes, limits: Limits, plain: Plain, parse: Callable[[bytes], Any]) -> Decoded:
    found = plain.read(payload, limits)
    if found is not None:
        return Decoded(pings=[_ping_of_plain(each) for each in found])
    try:
        return decode_each(parse(payload), limits, ping_of_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


def _plain(decode: Callable[[bytes], _PlainPing | list[_PlainPing]]) -> Plain:
    def read(payload: bytes, limits: Limits) -> list[_PlainPing] | None:
        try:
            decoded = decode(payload)
            found = decoded if isinstance(decoded, list) else [decoded]
            for each in found:
                if type(each.t) is not int:
                    _time_us(each.t)
        except (*body.UNREADABLE, RefusedError):
            return None
        return found if 0 < len(found) <= limits.max_pings else None

    return Plain(read, times_us)


def times_us(times: Sequence[int | float | datetime]) -> NDArray[np.int64]:
    """`t` of plain pings, which all passed their bounds, in microseconds."""
    if set(map(type, times)) == {int}:
        return np.fromiter(times, np.int64, len(times)) * MILLISECOND_US
    return np.array([_time_us(t) for t in times], np.int64)


def _time_us(t: int | float | datetime) -> int:
    return t * MILLISECOND_US if type(t) is int else fields.time_us(t, "t", unit_us=MILLISECOND_US)


def presence_of_message(message: Any, limits: Limits) -> Presence:
    """`{"online": bool, "t": optional}`; other keys are for people and are not kept."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a status must be an object, not {fields.kind(message)}")
    online = fields.flag(message, "online")
    if online is None:
        raise fields.missing("online")
    t = message.get("t")
    composed_us = None if t is None else fields.time_us(t, "t", unit_us=MILLISECOND_US)
    return Presence(online=online, composed_us=composed_us)


def result_of_message(message: Any, limits: Limits) -> CommandResult:
    """`{"ok": bool, "text": optional, "state": "received" | "done"}`; which command it answers is in the topic.

    Without `state` it is done, well or not.
    """
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"an answer must be an object, not {fields.kind(message)}")
    ok = fields.flag(message, "ok")
    if ok is None:
        raise fields.missing("ok")
    text = message.get("text", "")
    if type(text) is not str:
        raise RefusedError("wrong_type", f"text must be text, not {fields.kind(text)}")
    state = message.get("state", _DONE)
    if state not in (_RECEIVED, _DONE):
        raise RefusedError("value_out_of_range", f"state must be {_RECEIVED!r} or {_DONE!r}")
    text = fields.checked_text(text, "text")[:MAX_RESULT_CHARS]
    # What it will not take it need not say again.
    return CommandResult(None, ok, text, receipt=ok and state == _RECEIVED)


def decode_result(payload: bytes, limits: Limits) -> Decoded:
    try:
        return decode_each(body.parse_json(payload), limits, result_of_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


def decode_status(payload: bytes, limits: Limits) -> Decoded:
    try:
        return decode_each(body.parse_json(payload), limits, presence_of_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


PLAIN_JSON = _plain(msgspec.json.Decoder(_Plain).decode)
PLAIN_MSGPACK = _plain(msgspec.msgpack.Decoder(_Plain).decode)

JSON = Codec(
    name="native JSON",
    slug="native-json",
    topics=("v1/devices/{uid}/pings", "v1/devices/{uid}/backlog", "v1/devices/{uid}/events"),
    decode=decode_json,
    plain=PLAIN_JSON,
)
MSGPACK = Codec(
    name="native MessagePack",
    slug="native-msgpack",
    topics=("v1/devices/{uid}/pings/msgpack", "v1/devices/{uid}/backlog/msgpack"),
    decode=decode_msgpack,
    plain=PLAIN_MSGPACK,
)
STATUS = Codec(
    name="native status", slug="native-status", topics=("v1/devices/{uid}/status",), decode=decode_status
)
RESULT = Codec(
    name="native answer to a command",
    slug="native-result",
    topics=("v1/devices/{uid}/commands/{command}/result",),
    decode=decode_result,
)
CODECS = [JSON, MSGPACK, STATUS, RESULT]
