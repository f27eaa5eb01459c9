"""Bodies and topics as devices write them: native JSON, native MessagePack, OwnTracks JSON."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from .fix import Fix, Message


class Payload(StrEnum):
    NATIVE = "native"
    MSGPACK = "msgpack"
    OWNTRACKS = "owntracks"

    @property
    def acknowledged(self) -> bool:
        """Whether the platform answers with an application ack; OwnTracks knows PUBACK only."""
        return self is not Payload.OWNTRACKS


_NATIVE_KEYS = (
    ("speed_kmh", "spd"),
    ("heading_deg", "hdg"),
    ("altitude_m", "alt"),
    ("accuracy_m", "acc"),
    ("satellites", "sat"),
    ("hdop", "hdop"),
    ("ignition", "ign"),
    ("battery_pct", "bat"),
    ("fuel_pct", "fuel"),
    ("odometer_km", "odo"),
)


def native_ping(fix: Fix) -> dict[str, Any]:
    """`t` is epoch milliseconds, or RFC 3339 where milliseconds would cut the recorded time."""
    milliseconds, rest = divmod(fix.time_us, 1000)
    ping: dict[str, Any] = {"t": milliseconds if not rest else _rfc3339(fix.time_us)}
    ping["lat"], ping["lon"] = fix.lat, fix.lon
    for attribute, key in _NATIVE_KEYS:
        value = getattr(fix, attribute)
        if value is not None:
            ping[key] = value
    if fix.seq:
        ping["seq"] = fix.seq
    return ping


def encode_native(fixes: Sequence[Fix], *, msgpack: bool = False) -> bytes:
    """One object for one fix, an array for several."""
    pings = [native_ping(fix) for fix in fixes]
    body = pings[0] if len(pings) == 1 else pings
    return msgspec.msgpack.encode(body) if msgpack else msgspec.json.encode(body)


def encode_owntracks(fix: Fix, *, uid: str, sent_us: int) -> bytes:
    """A `location`; times are whole seconds, zero `acc`, `alt`, `cog` and `vel` are left out as the apps do."""
    location: dict[str, Any] = {
        "_type": "location",
        "lat": fix.lat,
        "lon": fix.lon,
        "tst": fix.time_us // 1_000_000,
        "tid": uid[-2:],
        "conn": "m",
        "created_at": sent_us // 1_000_000,
    }
    for key, value in (
        ("acc", fix.accuracy_m),
        ("alt", fix.altitude_m),
        ("cog", fix.heading_deg),
        ("vel", fix.speed_kmh),
        ("batt", fix.battery_pct),
    ):
        if value is not None and round(value):
            location[key] = round(value)
    return msgspec.json.encode(location)


def publications(uid: str, payload: Payload, message: Message) -> Iterable[tuple[str, bytes]]:
    """(topic, body) of each MQTT message; OwnTracks has no batches, so it is one for each fix."""
    if payload is Payload.OWNTRACKS:
        topic = f"owntracks/{uid}/phone"
        return [(topic, encode_owntracks(fix, uid=uid, sent_us=message.due_us)) for fix in message.fixes]
    lane = "backlog" if message.backlog else "pings"
    msgpack = payload is Payload.MSGPACK
    topic = f"v1/devices/{uid}/{lane}" + ("/msgpack" if msgpack else "")
    return [(topic, encode_native(message.fixes, msgpack=msgpack))]


def ack_topic(uid: str) -> str:
    return f"v1/devices/{uid}/acks"


def commands_topic(uid: str) -> str:
    return f"v1/devices/{uid}/commands"


def result_topic(uid: str, command_id: str) -> str:
    return f"v1/devices/{uid}/commands/{command_id}/result"


def presence(uid: str, payload: Payload, *, online: bool, now_us: int) -> tuple[str, bytes, bool] | None:
    """(topic, body, retain) of the status message or last will; None when the format has none."""
    if payload is Payload.OWNTRACKS:
        if online:
            return None
        body = msgspec.json.encode({"_type": "lwt", "tst": now_us // 1_000_000})
        return f"owntracks/{uid}/phone", body, False
    body = msgspec.json.encode({"online": online, "t": now_us // 1000})
    return f"v1/devices/{uid}/status", body, True


def _rfc3339(time_us: int) -> str:
    seconds, fraction = divmod(time_us, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"
