"""OsmAnd's protocol, which Traccar made its own: the Traccar Client app and many do-it-yourself trackers.

Facts: traccar.org/osmand; Traccar's OsmAndProtocolDecoder.java; payloads of its tests. Made for HTTP, the
same bodies come here on MQTT. Two forms, told apart by the first byte: a query string (or form), and the
JSON of the client from 9.0 on.

| query | JSON, in `location` | normal form | unit |
|---|---|---|---|
| `timestamp` (required) | `timestamp` | `time` | see `time_us_of` |
| `lat` and `lon`, or `location=lat,lon` | `coords.latitude`, `.longitude` | `lat`, `lon` | degrees |
| `speed` | `coords.speed` | `speed_kmh` | query: knots; JSON: m/s |
| `bearing`, else `heading` | `coords.heading` | `heading_deg` | degrees |
| `altitude` | `coords.altitude` | `altitude_m` | m |
| `accuracy` | `coords.accuracy` | `accuracy_m` | m; 0 = unknown |
| `hdop`, `sat` | | `hdop`, `satellites` | |
| `batt` | `battery.level` | `battery_pct` | query: %; JSON: 0..1 |
| | `odometer` | `odometer_km` | m |
| `ignition`, `mock` | `mock` | `ignition`, `mock` | boolean |
| `alarm` | `alarm`, else `extras.alarm` | `alarms` | Traccar's names |
| `charge` | `battery.is_charging` | attribute `charging` | boolean |
| `motion` | `is_moving` | attribute `motion` | boolean |
| `driverUniqueId` | `extras.driverUniqueId` | attribute `driver_id` | text |
| `rpm` | | attribute `engine_rpm` | 1/min |
| | `activity.type` | attribute `activity` | |
| | `event` | attribute `trigger` | |
| | `coords.altitude_accuracy` | attribute `vertical_accuracy_m` | m |
| `id`, `deviceid` | `device_id` beside it | attribute `id` | text |
| `cell`, `wifi` | | attributes, lists of text | as sent |
| `valid` | | attribute `valid` | false = no fix |
| `notificationToken` | the same in `extras` | dropped | |
| all others | all others, those of `extras` and `coords` | attributes | as sent |

A negative speed, direction, accuracy or charge is how phones write one they do not know.
`notificationToken` is a key to the phone's push channel, a secret: nothing that is decoded holds it.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from ingest.codecs import body, fields
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.traccar_alarms import translated
from ingest.ping import Decoded, Ping

SECOND_US, MILLISECOND_US = 1_000_000, 1000
KMH_PER_KNOT, KMH_PER_MPS = 1.852, 3.6
PERCENT_OF_ONE, KM_PER_METRE = 100.0, 0.001
# Traccar's rule: a number from here on is milliseconds. Seconds reach it in January 2038.
FIRST_MILLISECONDS = 2**31 - 1

SECRET_KEYS = frozenset({"notificationToken", "notification_token"})
_REPEATED_KEYS = frozenset({"cell", "wifi"})  # one for each tower or access point in sight
_NUMBER_KEYS = ("lat", "lon", "speed", "bearing", "heading", "altitude", "accuracy", "hdop", "sat", "batt")
_FLAG_WORDS = {"true": True, "1": True, "false": False, "0": False}
# The keys of a query that need their own reading; our name of those that become attributes.
_FLAGS = {"charge": "charging", "motion": "motion"}
_QUERY_KEYS = SECRET_KEYS | {*_NUMBER_KEYS, "timestamp", "location", "alarm", "id", "deviceid", "valid"}
_LOCATION_KEYS = frozenset(
    {"timestamp", "coords", "odometer", "mock", "alarm", "extras", "battery", "device_id", "_"}
)
_COORDS_KEYS = frozenset({"latitude", "longitude", "speed", "heading", "altitude", "accuracy"})
_COORDS_ACCURACIES = frozenset({"speed_accuracy", "heading_accuracy", "altitude_accuracy"})

_PLAIN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?", re.ASCII)
_UNESCAPED_PLUS = re.compile(r"([0-9-]{10}T[0-9:.]{8,18}) ([0-9]{2}:?[0-9]{2})", re.ASCII)
# Shorter than any number of a card or SIM, and without a leading zero, which a name may have.
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?", re.ASCII)


def time_us_of(value: Any) -> int:
    """Epoch seconds or milliseconds as Traccar tells them apart; RFC 3339; `yyyy-MM-dd HH:mm:ss`, UTC.

    Traccar takes the time of arrival where there is none; a message that may have waited must say it.
    """
    value = fields.loose(value)
    if type(value) is str:
        text = value.strip()
        if _PLAIN_TIME.fullmatch(text):
            text = text.replace(" ", "T") + "Z"
        else:
            # A plus that was not escaped is a space by the rules of queries.
            text = _UNESCAPED_PLUS.sub(r"\1+\2", text)
        return fields.time_us(text, "timestamp", unit_us=SECOND_US)
    is_number = type(value) is int or type(value) is float
    unit_us = SECOND_US if is_number and value < FIRST_MILLISECONDS else MILLISECOND_US
    return fields.time_us(value, "timestamp", unit_us=unit_us)


def alarms_of(alarm: Any) -> tuple[str, ...]:
    """Traccar's names in ours; those that have none stay as they are."""
    if alarm is None:
        return ()
    names = translated(alarm)
    return fields.alarms({"alarms": names} if type(names) is list else {"alarm": names})


# The query string


def parse_query(payload: bytes) -> fields.Message:
    """Text by key. Of a repeated key the last one counts; an empty value is the same as none."""
    try:
        text = payload.decode().strip().removeprefix("/").removeprefix("?")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise RefusedError("malformed", f"the text is not UTF-8 at byte {error.start}") from None
    message: fields.Message = {}
    for key, value in pairs:
        if not value.strip():
            continue
        if key in _REPEATED_KEYS:
            message.setdefault(key, []).append(value)
        else:
            message[key] = value
    if not message:
        raise RefusedError("malformed", "neither JSON nor a query string of key=value")
    return message


def ping_of_query(message: fields.Message, limits: Limits) -> Ping:
    """Raises `RefusedError`."""
    numbers: fields.Message = {key: fields.loose(message.get(key)) for key in _NUMBER_KEYS}
    if numbers["lat"] is None or numbers["lon"] is None:
        numbers["lat"], numbers["lon"] = _pair(message.get("location"))
    direction = "bearing" if numbers["bearing"] is not None else "heading"
    attributes, flags = _attributes_of_query(message)
    return Ping(
        time_us=time_us_of(message.get("timestamp")),
        lat=fields.latitude(numbers, "lat"),
        lon=fields.longitude(numbers, "lon"),
        speed_kmh=fields.measured(numbers, "speed", fields.SPEED_KMH, KMH_PER_KNOT),
        heading_deg=None if fields.is_unknown(numbers, direction) else fields.heading(numbers, direction),
        altitude_m=fields.number(numbers, "altitude", fields.ALTITUDE_M),
        accuracy_m=fields.measured(numbers, "accuracy", fields.ACCURACY_M) or None,
        satellites=fields.integer(numbers, "sat", 0, fields.MAX_SATELLITES),
        hdop=fields.number(numbers, "hdop", fields.HDOP),
        battery_pct=fields.measured(numbers, "batt", fields.PERCENT),
        ignition=flags.get("ignition"),
        mock=flags.get("mock"),
        alarms=alarms_of(message.get("alarm")),
        attributes=fields.attributes(attributes, frozenset(), limits),
    )


def _pair(location: Any) -> tuple[Any, Any]:
    if location is None:
        return None, None
    parts = [part.strip() for part in location.split(",")]
    if len(parts) != 2:
        raise RefusedError("wrong_type", "location must be a latitude, a comma and a longitude")
    lat, lon = (fields.loose(part) if part else None for part in parts)
    return lat, lon


def _attributes_of_query(message: fields.Message) -> tuple[dict[str, Any], dict[str, bool]]:
    """The attributes, and the flags that are fields of a ping."""
    attributes: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    flags: dict[str, bool] = {}
    for key, value in message.items():
        word = _FLAG_WORDS.get(value.strip().lower()) if type(value) is str else None
        if key in ("ignition", "mock") and word is not None:
            flags[key] = word
        elif key in _FLAGS and word is not None:
            ours[_FLAGS[key]] = word
        elif key == "driverUniqueId":
            ours["driver_id"] = value
        elif key == "rpm" and type(_plain(value)) in (int, float):
            ours["engine_rpm"] = _plain(value)
        elif key not in _QUERY_KEYS:
            attributes[key] = _plain(value)
    for key in ("id", "deviceid"):
        if key in message:
            ours.setdefault("id", message[key])
    if "valid" in message:
        ours["valid"] = _validity(message["valid"])
    return attributes | ours, flags


def _plain(value: Any) -> Any:
    """`true`, `false` and plain numbers as such, so that 24 is 24; all else stays text."""
    if type(value) is not str:
        return value
    if value in ("true", "false"):
        return value == "true"
    if not _PLAIN_NUMBER.fullmatch(value):
        return value
    return float(value) if "." in value else int(value)


def _validity(text: str) -> bool:
    valid = _FLAG_WORDS.get(text.strip().lower())
    if valid is None:
        raise RefusedError("wrong_type", "valid must be true, false, 1 or 0")
    return valid


# The JSON of the Traccar Client


def messages_of(root: Any) -> Any:
    """One message, or the list of all: the body may be a list, and so may its `location`."""
    if type(root) is list:
        return [message for each in root for message in _spread(each)]
    spread = _spread(root)
    return spread if type(root) is dict and type(root.get("location")) is list else spread[0]


def _spread(message: Any) -> list[Any]:
    if type(message) is not dict or type(message.get("location")) is not list:
        return [message]
    return [{"device_id": message.get("device_id"), "location": each} for each in message["location"]]


def ping_of_message(message: Any, limits: Limits) -> Ping:
    """`{"device_id": ..., "location": {...}}`, or the location alone. Raises `RefusedError`."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a message must be an object, not {fields.kind(message)}")
    is_bare = "coords" in message and "location" not in message
    location = message if is_bare else _object(message, "location")
    coords = _object(location, "coords")
    battery = location.get("battery")
    battery = battery if type(battery) is dict else {}
    extras = location.get("extras")
    extras = extras if type(extras) is dict else {}
    alarm = location.get("alarm")
    return Ping(
        time_us=time_us_of(location.get("timestamp")),
        lat=fields.latitude(coords, "latitude"),
        lon=fields.longitude(coords, "longitude"),
        speed_kmh=fields.measured(coords, "speed", fields.SPEED_KMH, KMH_PER_MPS),
        heading_deg=None if fields.is_unknown(coords, "heading") else fields.heading(coords, "heading"),
        altitude_m=fields.number(coords, "altitude", fields.ALTITUDE_M),
        accuracy_m=fields.measured(coords, "accuracy", fields.ACCURACY_M) or None,
        battery_pct=fields.measured(battery, "level", fields.PERCENT, PERCENT_OF_ONE),
        odometer_km=fields.measured(location, "odometer", fields.ODOMETER_KM, KM_PER_METRE),
        mock=fields.flag(location, "mock"),
        alarms=alarms_of(extras.get("alarm") if alarm is None else alarm),
        attributes=fields.attributes(
            _attributes_of_location(message, location, coords, battery, extras), frozenset(), limits
        ),
    )


def _object(parent: fields.Message, key: str) -> fields.Message:
    value = parent.get(key)
    if value is None:
        raise fields.missing(key)
    if type(value) is not dict:
        raise RefusedError("wrong_type", f"{key} must be an object, not {fields.kind(value)}")
    return value


def _attributes_of_location(
    message: fields.Message,
    location: fields.Message,
    coords: fields.Message,
    battery: fields.Message,
    extras: fields.Message,
) -> dict[str, Any]:
    """Those of `extras` first: what the app itself says of the same name counts more."""
    attributes = {key: value for key, value in extras.items() if key not in SECRET_KEYS and key != "alarm"}
    driver = attributes.get("driverUniqueId")
    if type(driver) is str and driver:
        attributes["driver_id"] = attributes.pop("driverUniqueId")
    for key, value in coords.items():
        unknown = value is None or (key in _COORDS_ACCURACIES and fields.is_unknown(coords, key))
        if key not in _COORDS_KEYS and not unknown:
            attributes["vertical_accuracy_m" if key == "altitude_accuracy" else key] = value
    for key, value in location.items():
        if key not in _LOCATION_KEYS and value is not None:
            name, told = _told_by_app(key, value)
            if told is not None:
                attributes[name] = told
    for key in ("battery", "extras"):
        if type(location.get(key)) is not dict and location.get(key):
            attributes[key] = location[key]
    charging = battery.get("is_charging")
    if type(charging) is bool:
        attributes["charging"] = charging
    device = message.get("device_id", location.get("device_id"))
    if device is not None and device != "":
        attributes["id"] = device
    return attributes


def _told_by_app(key: str, value: Any) -> tuple[str, Any]:
    """Our name and the value of one key of a location; None = it says nothing."""
    if key == "is_moving" and type(value) is bool:
        return "motion", value
    if key == "event" and type(value) is str:
        return "trigger", value or None
    if key == "activity":
        activity = value.get("type") if type(value) is dict else value
        if type(activity) is str:
            return "activity", None if activity in ("", "unknown") else activity
    return key, value


def decode(payload: bytes, limits: Limits) -> Decoded:
    try:
        if payload.lstrip()[:1] not in (b"{", b"["):
            return decode_each(parse_query(payload), limits, ping_of_query)
        return decode_each(messages_of(body.parse_json(payload)), limits, ping_of_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


OSMAND = Codec(name="OsmAnd and Traccar Client", slug="osmand", topics=("osmand/{uid}",), decode=decode)
CODECS = [OSMAND]
