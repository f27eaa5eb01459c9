"""Traccar's forwarding of positions over MQTT (`forward.type` = mqtt): what its 250 protocols come to.

Facts: traccar's model/Position.java, forward/PositionData.java and its handlers. The body is
`{"position": {...}, "device": {...}}`; set `forward.topic` to `positions` or to `traccar/{uniqueId}`.

| key | becomes | unit at Traccar |
|---|---|---|
| device.uniqueId | Decoded.uid | |
| position.fixTime | time | RFC 3339, or epoch ms |
| position.latitude, longitude | lat, lon | degrees |
| position.speed | speed_kmh | knots |
| position.course, altitude | heading_deg, altitude_m | degrees, m |
| position.accuracy | accuracy_m; 0 = unknown | m |
| position.valid | attribute `valid` when false: no fix | |
| position.outdated | true: a report, see `read_message` | |
| attributes.sat, hdop, ignition, batteryLevel | satellites, hdop, ignition, battery_pct | %, ... |
| attributes.fuelLevel, odometer, mock | fuel_pct, odometer_km, mock | %, m, boolean |
| attributes.alarm | alarms | names with commas between |

The tables below hold the other attributes. Traccar's units vary with the device where a maker's do: what does not
fit stays an attribute under Traccar's name.
"""

import re
from typing import Any, Final

import msgspec

from ingest.codecs import body, fields, lenient
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.fields import Message
from ingest.codecs.lenient import Named
from ingest.codecs.traccar_alarms import translated
from ingest.ping import Decoded, Ping

MILLISECOND_US = 1000
KMH_PER_KNOT = 1.852
KM_PER_M = 0.001
HOURS_PER_MS = 1 / 3_600_000

NUMBERS: Final = {
    "power": Named("power_v", lenient.VOLTS),
    "battery": Named("battery_v", lenient.VOLTS),
    "rpm": Named("engine_rpm"),
    "hours": Named("engine_hours_h", scale=HOURS_PER_MS),
    "fuel": Named("fuel_l"),
    "fuelUsed": Named("fuel_used_l"),
    "fuelConsumption": Named("fuel_rate_lph"),
    "tripOdometer": Named("trip_km", scale=KM_PER_M),
    "pdop": Named("pdop"),
    "temp1": Named("temperature_c", lenient.CELSIUS),
} | {f"temp{number}": Named(f"temperature_{number}_c", lenient.CELSIUS) for number in range(2, 9)}
_LINE = re.compile(r"(in|out)([1-9][0-9]?)", re.ASCII)
_LINES = {"in": "input", "out": "output"}

# What is the old position's in a message that repeats it.
OF_THE_PLACE = frozenset({"latitude", "longitude", "valid", "address", "accuracy_m"})
# Numbers of Traccar's own tables, and what always has the same value here.
_NOT_KEPT = frozenset({"id", "deviceId", "type", "geofenceIds", "outdated", "attributes", "fixTime"})


def read_message(message: Any, limits: Limits) -> Ping | dict[str, Any]:
    """A ping, or a report for a position that Traccar repeats. Raises `RefusedError`.

    `outdated` marks a message without a position: Traccar fills in the last one it knows, with its old time.
    Only where it then asked for the place of the mobile network (`approximate`) is it a new one.
    """
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a message must be an object, not {fields.kind(message)}")
    position = fields.nested(message, "position")
    if position is None:
        raise fields.missing("position")
    inside = position.get("attributes")
    # The position's own keys count where an attribute has the same name.
    rest = {key: value for key, value in inside.items() if value is not None} if type(inside) is dict else {}
    rest |= {key: value for key, value in position.items() if key not in _NOT_KEPT and value is not None}
    outdated, approximate = position.get("outdated") is True, rest.get("approximate") is True
    known = _known_fields(rest, measured=not outdated)
    if outdated and not approximate:
        report = {**rest, **lenient.told(**known)}
        return fields.attributes(report, OF_THE_PLACE, limits) or {}
    time_us = fields.time_us(position.get("fixTime"), "fixTime", unit_us=MILLISECOND_US)
    lat, lon = lenient.position(position, "latitude", "longitude")
    del rest["latitude"], rest["longitude"]
    if lenient.take_flag(rest, "valid") is False:
        rest["valid"] = False  # `ingest.steps` refuses such a ping as no_fix
    return Ping(
        time_us=time_us, lat=lat, lon=lon, attributes=fields.attributes(rest, frozenset(), limits), **known
    )


def _known_fields(rest: Message, *, measured: bool) -> dict[str, Any]:
    """The fields of a ping other than time and position, None where unknown.

    They are taken out of `rest`, and its other attributes get the names that all formats share.
    """
    movement = {
        "speed_kmh": lenient.take_number(rest, fields.SPEED_KMH, "speed", scale=KMH_PER_KNOT),
        "heading_deg": lenient.take_heading(rest, "course"),
        "altitude_m": lenient.take_number(rest, fields.ALTITUDE_M, "altitude"),
    }
    known = {
        **(movement if measured else {}),
        "accuracy_m": lenient.take_number(rest, fields.ACCURACY_M, "accuracy") or None,
        "satellites": lenient.take_integer(rest, 0, fields.MAX_SATELLITES, "sat"),
        "hdop": lenient.take_number(rest, fields.HDOP, "hdop"),
        "ignition": lenient.take_flag(rest, "ignition"),
        "battery_pct": lenient.take_number(rest, fields.PERCENT, "batteryLevel"),
        "fuel_pct": lenient.take_number(rest, fields.PERCENT, "fuelLevel"),
        "odometer_km": lenient.take_number(rest, fields.ODOMETER_KM, "odometer", scale=KM_PER_M),
        "mock": lenient.take_flag(rest, "mock"),
        "alarms": _take_alarms(rest),
    }
    rest |= _shared_names(rest)
    return known


def _take_alarms(rest: Message) -> tuple[str, ...]:
    if type(rest.get("alarm")) is not str:
        return ()
    return fields.alarms({"alarms": translated(rest.pop("alarm"))})


def _shared_names(rest: Message) -> Message:
    """The attributes with a name that all formats share; taken out of `rest`."""
    found = lenient.take_named(rest, NUMBERS)
    # 25701 as a number at some devices, as text at others.
    operator = lenient.take_integer(rest, 1, 999_999, "operator")
    found |= lenient.told(
        charging=lenient.take_flag(rest, "charge"),
        driver_id=lenient.take_text(rest, "driverUniqueId"),
        operator=None if operator is None else str(operator),
    )
    for key in list(rest):
        line = _LINE.fullmatch(key)
        value = lenient.take_flag(rest, key) if line else None
        if line is not None and value is not None:
            found[f"{_LINES[line[1]]}_{line[2]}"] = value
    return found


def the_device(message: Any) -> str | None:
    """The one device that the body names. Raises `RefusedError` for a list of several devices' positions."""
    messages = message if type(message) is list else [message]
    devices = [each.get("device") for each in messages if type(each) is dict]
    names = {each["uniqueId"] for each in devices if type(each) is dict and type(each.get("uniqueId")) is str}
    if len(names) > 1:
        raise RefusedError("malformed", f"positions of {len(names)} devices in one: send each by itself")
    return fields.device_uid({"uniqueId": names.pop()}, "uniqueId") if names else None


def decode_json(payload: bytes, limits: Limits) -> Decoded:
    try:
        message = body.parse_json(payload)
        uid = the_device(message)
        decoded = decode_each(message, limits, read_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)
    return msgspec.structs.replace(decoded, uid=uid)


JSON = Codec(name="Traccar", slug="traccar", topics=("positions", "traccar/{uid}"), decode=decode_json)
CODECS = [JSON]
