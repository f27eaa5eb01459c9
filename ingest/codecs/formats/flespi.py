"""flespi: messages of its channels and devices, one flat object or a list of them with dotted names.

Facts: flespi.com/kb/messages-basic-information-units and the parameter lists below flespi.com/protocols.
flespi has already brought every tracker to the same names and units:

| parameter | becomes | unit at flespi |
|---|---|---|
| ident | Decoded.uid | |
| timestamp | time | epoch seconds with a fraction |
| position.latitude, .longitude | lat, lon | degrees |
| position.speed, .direction, .altitude | speed_kmh, heading_deg, altitude_m | km/h, degrees, m |
| position.accuracy, .satellites, .hdop | accuracy_m, satellites, hdop | m |
| engine.ignition.status | ignition | boolean |
| battery.level, fuel.level, can.fuel.level | battery_pct, fuel_pct | percent (litres are fuel.volume) |
| gps. or can.vehicle.mileage, vehicle.mileage | odometer_km | km |

The tables below hold the rest. A parameter that comes several times carries its index, `name#2` or `name.2`.
"""

import re
from typing import Any, Final

import msgspec

from ingest.codecs import body, fields, lenient
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.lenient import Named
from ingest.ping import Decoded, Ping

SECOND_US = 1_000_000
LATITUDE, LONGITUDE = "position.latitude", "position.longitude"

# The first that is there counts; the others stay attributes.
ODOMETERS = ("vehicle.mileage", "can.vehicle.mileage", "gps.vehicle.mileage", "gnss.vehicle.mileage")

NUMBERS: Final = {
    "external.powersource.voltage": Named("power_v", lenient.VOLTS),
    "battery.voltage": Named("battery_v", lenient.VOLTS),
    "engine.rpm": Named("engine_rpm"),
    "can.engine.rpm": Named("engine_rpm"),
    "engine.motorhours": Named("engine_hours_h"),
    "can.engine.motorhours": Named("engine_hours_h"),
    "fuel.volume": Named("fuel_l"),
    "can.fuel.volume": Named("fuel_l"),
    "fuel.consumed": Named("fuel_used_l"),
    "can.fuel.consumed": Named("fuel_used_l"),
    "can.fuel.consumption": Named("fuel_rate_lph"),
    "position.pdop": Named("pdop"),
}
FLAGS: Final = {"movement.status": "motion", "battery.charging.status": "charging"}
TEXTS: Final = {
    "ibutton.code": "driver_id",
    "driver.id": "driver_id",
    "vehicle.vin": "vin",
    "gsm.operator.code": "operator",
}

_INDEXED = re.compile(r"(ain|ble\.sensor\.temperature|sensor\.temperature)(?:[#.]([1-9][0-9]?))?", re.ASCII)

# What the parameter is about, without its ending: flespi writes the same alarm with four of them.
_ALARM_STEMS: Final = {
    "alarm.button.pressed": "sos",
    "battery.low": "low_battery",
    "cover.open": "tampering",
    "crash": "accident",
    "gnss.antenna.cut": "gnss_antenna_cut",
    "gsm.jamming": "jamming",
    "gnss.jamming": "jamming",
    "harsh.acceleration": "harsh_acceleration",
    "harsh.braking": "harsh_braking",
    "harsh.cornering": "harsh_cornering",
    "idling": "idling",
    "illegal.movement": "movement",
    "overspeeding": "speeding",
    "power.cut": "power_cut",
    "shock": "movement",
    "sos": "sos",
    "towing": "tow",
    "vibration": "movement",
}
_ALARM_ENDINGS = (".event", ".event.trigger", ".alarm", ".alarm.status")
ALARMS: Final = {stem + ending: name for stem, name in _ALARM_STEMS.items() for ending in _ALARM_ENDINGS} | {
    "battery.low.status": "low_battery",
    "door.open.status": "door_open",
    "geofence.event.enter": "device_geofence",
    "geofence.event.exit": "device_geofence",
    "gnss.antenna.cut.status": "gnss_antenna_cut",
    "gsm.jamming.status": "jamming",
    "hood.open.status": "door_open",
    "overspeeding.status": "speeding",
    "towing.status": "tow",
}

# Who the message is from, and the tracker's address on the internet, which is nobody's business later.
_NOT_KEPT = ("ident", "peer")


def read_message(message: Any, limits: Limits) -> Ping | dict[str, Any]:
    """A ping, or a report for a message without a position. Raises `RefusedError`."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a message must be an object, not {fields.kind(message)}")
    time_us = fields.time_us(fields.loose(message.get("timestamp")), "timestamp", unit_us=SECOND_US)
    rest = {key: value for key, value in message.items() if key not in _NOT_KEPT and value is not None}
    del rest["timestamp"]
    known = _known_fields(rest)
    known["alarms"] = fields.alarms({"alarms": lenient.take_alarms(rest, ALARMS)})
    shared = _shared_names(rest)
    if LATITUDE not in rest and LONGITUDE not in rest:
        report = {**rest, **shared, **lenient.told(**known)}
        return fields.attributes(report, frozenset(), limits) or {}
    lat, lon = lenient.position(rest, LATITUDE, LONGITUDE)
    del rest[LATITUDE], rest[LONGITUDE]
    attributes = fields.attributes({**rest, **shared}, frozenset(), limits)
    return Ping(time_us=time_us, lat=lat, lon=lon, attributes=attributes, **known)


def _known_fields(rest: fields.Message) -> dict[str, Any]:
    """The fields of a ping other than time and position, None where unknown; taken out of `rest`."""
    return {
        "speed_kmh": lenient.take_number(rest, fields.SPEED_KMH, "position.speed"),
        "heading_deg": lenient.take_heading(rest, "position.direction"),
        "altitude_m": lenient.take_number(rest, fields.ALTITUDE_M, "position.altitude"),
        "accuracy_m": lenient.take_number(rest, fields.ACCURACY_M, "position.accuracy") or None,
        "satellites": lenient.take_integer(rest, 0, fields.MAX_SATELLITES, "position.satellites"),
        "hdop": lenient.take_number(rest, fields.HDOP, "position.hdop"),
        "ignition": lenient.take_flag(rest, "engine.ignition.status", "can.engine.ignition.status"),
        "battery_pct": lenient.take_number(rest, fields.PERCENT, "battery.level"),
        "fuel_pct": lenient.take_number(rest, fields.PERCENT, "fuel.level", "can.fuel.level"),
        "odometer_km": lenient.take_number(rest, fields.ODOMETER_KM, *ODOMETERS),
    }


def _shared_names(rest: fields.Message) -> dict[str, Any]:
    """The attributes with a name that all formats share; taken out of `rest`."""
    found: dict[str, Any] = lenient.take_named(rest, NUMBERS)
    for key, name in FLAGS.items():
        found |= lenient.told(**{name: lenient.take_flag(rest, key)})
    for key, name in TEXTS.items():
        if name not in found:
            found |= lenient.told(**{name: lenient.take_text(rest, key)})
    found |= lenient.take_bits(rest, "din", "input") | lenient.take_bits(rest, "dout", "output")
    if lenient.take_flag(rest, "position.valid") is False:
        found["valid"] = False  # `ingest.steps` refuses such a ping as no_fix
    return found | _indexed(rest)


def _indexed(rest: fields.Message) -> dict[str, Any]:
    """Analogue inputs and temperature sensors, which come with an index; without one it is the first."""
    found: dict[str, Any] = {}
    for key in list(rest):
        match = _INDEXED.fullmatch(key)
        if match is None:
            continue
        index = int(match[2] or 1)
        if match[1] == "ain":
            name, bounds = f"analog_{index}_v", lenient.VOLTS
        else:
            name, bounds = "temperature_c" if index == 1 else f"temperature_{index}_c", lenient.CELSIUS
        value = None if name in found else lenient.take_number(rest, bounds, key)
        if value is not None:
            found[name] = value
    return found


def the_device(message: Any) -> str | None:
    """The one device that the body names. Raises `RefusedError` for a list of several devices' messages."""
    messages = message if type(message) is list else [message]
    idents = {each["ident"] for each in messages if type(each) is dict and type(each.get("ident")) is str}
    if len(idents) > 1:
        raise RefusedError("malformed", f"messages of {len(idents)} devices in one: send each by itself")
    return fields.device_uid({"ident": idents.pop()}, "ident") if idents else None


def decode_json(payload: bytes, limits: Limits) -> Decoded:
    try:
        message = body.parse_json(payload)
        uid = the_device(message)
        decoded = decode_each(message, limits, read_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)
    return msgspec.structs.replace(decoded, uid=uid)


JSON = Codec(
    name="flespi",
    slug="flespi",
    # A device's topic has flespi's own number of it: there the body's ident says who it is.
    topics=("flespi/message/gw/channels/{channel}/{uid}", "flespi/message/gw/devices/{device}"),
    decode=decode_json,
)
CODECS = [JSON]
