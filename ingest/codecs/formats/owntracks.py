"""OwnTracks JSON, as its Android and iOS apps and the qtripp bridge send it.

Facts: the OwnTracks booklet, tech/json.md. What a message is says its `_type`, not its topic.
Two things to know about the times: `tst` is the time of the fix, except on a ping trigger (`t` = "p"),
where the app repeats its last position with the present time; the trigger stays in the attributes.
"""

from typing import Any

from ingest.codecs import body, fields
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.ping import Decoded, Ping, Presence

SECOND_US = 1_000_000

POSITION_TYPES = frozenset({"location", "transition"})
# Defined by the format and without a position of the device: a waypoint's lat and lon are the place's.
OTHER_TYPES = frozenset(
    {
        "beacon",
        "card",
        "cmd",
        "configuration",
        "dump",
        "request",
        "status",
        "steps",
        "waypoint",
        "waypoints",
    }
)
# Taken by a field of the ping, or a picture (base64), which is no telemetry.
_TAKEN_KEYS = frozenset({"_type", "lat", "lon", "tst", "vel", "cog", "alt", "acc", "batt", "image", "mock"})


def read_message(message: Any, limits: Limits) -> Ping | Presence | None:
    """None = a message without a position. Raises `RefusedError`."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a message must be an object, not {fields.kind(message)}")
    kind = message.get("_type")
    if kind is None:
        raise fields.missing("_type")
    if type(kind) is not str:
        raise RefusedError("wrong_type", f"_type must be text, not {fields.kind(kind)}")
    if kind in POSITION_TYPES:
        return ping_of_location(message, limits)
    if kind == "lwt":
        return _presence_of_will(message)
    if kind == "encrypted":
        raise RefusedError("encrypted", "the app encrypts its payload; the platform holds no key")
    if kind in OTHER_TYPES:
        return None
    raise RefusedError("malformed", f"OwnTracks defines no _type {kind[:40]!r:.60}")


def ping_of_location(message: fields.Message, limits: Limits) -> Ping:
    """A location or a transition; everything without a field of its own becomes an attribute."""
    taken = dict.fromkeys(_TAKEN_KEYS)
    extras = _bridge_fields(message)
    taken.update(dict.fromkeys(key for key, value in extras.items() if value is not None))
    return Ping(
        time_us=fields.time_us(_epoch(message), "tst", unit_us=SECOND_US),
        lat=fields.latitude(message, "lat"),
        lon=fields.longitude(message, "lon"),
        speed_kmh=_unless_negative(message, "vel", fields.SPEED_KMH),
        heading_deg=None if _is_negative(message, "cog") else fields.heading(message, "cog"),
        altitude_m=fields.number(message, "alt", fields.ALTITUDE_M),
        # No receiver is exact: 0 is how some Android versions write "unknown".
        accuracy_m=_unless_negative(message, "acc", fields.ACCURACY_M) or None,
        battery_pct=_unless_negative(message, "batt", fields.PERCENT),
        mock=fields.flag(message, "mock"),
        ignition=extras["ign"],
        fuel_pct=extras["flvl"],
        odometer_km=extras["odometer"],
        attributes=fields.attributes(message, frozenset(taken), limits),
    )


def _epoch(message: fields.Message) -> Any:
    """`tst` is a number by definition; RFC 3339 text is another format's."""
    tst = message.get("tst")
    if type(tst) is str:
        raise RefusedError("wrong_type", "tst must be a number, not text")
    return tst


def _is_negative(message: fields.Message, key: str) -> bool:
    """iOS writes a negative number for a speed, course, accuracy or battery it does not know."""
    value = message.get(key)
    return (type(value) is int or type(value) is float) and -fields.MAX_TIME_US < value < 0


def _unless_negative(message: fields.Message, key: str, bounds: fields.Range) -> float | None:
    return None if _is_negative(message, key) else fields.number(message, key, bounds)


def _bridge_fields(message: fields.Message) -> dict[str, Any]:
    """What qtripp adds for Queclink trackers. A value of another kind stays an attribute as it is."""
    readers = (
        ("ign", lambda: fields.flag(message, "ign")),
        ("flvl", lambda: fields.number(message, "flvl", fields.PERCENT)),
        ("odometer", lambda: fields.number(message, "odometer", fields.ODOMETER_KM)),
    )
    found: dict[str, Any] = {}
    for key, read in readers:
        try:
            found[key] = read()
        except RefusedError:
            found[key] = None
    return found


def _presence_of_will(message: fields.Message) -> Presence:
    """The broker publishes it when the app is gone; `tst` is the time of the app's first connect."""
    if message.get("tst") is None:
        return Presence(online=False)
    return Presence(online=False, composed_us=fields.time_us(_epoch(message), "tst", unit_us=SECOND_US))


def decode_json(payload: bytes, limits: Limits) -> Decoded:
    try:
        return decode_each(body.parse_json(payload), limits, read_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


_DEVICE = "owntracks/{uid}/{device}"
JSON = Codec(
    name="OwnTracks JSON",
    slug="owntracks",
    topics=(
        _DEVICE,
        f"{_DEVICE}/event",
        f"{_DEVICE}/waypoint",
        f"{_DEVICE}/waypoints",
        f"{_DEVICE}/status",
        f"{_DEVICE}/dump",
        f"{_DEVICE}/step",
        f"{_DEVICE}/beacon",
        f"{_DEVICE}/info",
    ),
    decode=decode_json,
)
CODECS = [JSON]
