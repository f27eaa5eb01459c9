"""What a LoRaWAN network server hands on: the object that a payload decoder made of a device's bytes.

Nothing fixes the names in it: each maker's decoder writes its own. These are taken, in any case of letters;
everything else is kept as an attribute.

| taken as | names in the object | unit |
|---|---|---|
| position | latitude, lat and longitude, lon, lng, long; also with gps_ before | degrees |
| time | time, timestamp, gps_time, fix_time: RFC 3339, or the epoch in s or ms | |
| speed_kmh | speed, speed_kmh, gps_speed | km/h |
| heading_deg | heading, course, cog, bearing, direction | degrees |
| altitude_m | altitude, alt, gps_altitude, gps_alt | m |
| accuracy_m | accuracy, acc, gps_accuracy; 0 = unknown | m |
| satellites, hdop | satellites, sats, sat, gps_sats, num_sats; hdop, gps_hdop | |
| battery_pct | battery_pct, battery_level, batterylevel, battery_percent | % |
| battery_v | battery_v, battery_voltage, batv, bat_v | V |
| ignition, motion | ignition, ign; motion, moving | boolean |
| temperature_c | temperature, temperature_c | degrees Celsius |
| alarms | sos, panic; tamper, tampering; low_battery: when true | |

The position is looked for in the object itself, then in gps, gnss, position, location, coordinates, in gps_1, gps_2, ...
(Cayenne LPP at The Things Network) and in gpsLocation.N (Cayenne LPP at ChirpStack).
"""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ingest.codecs import fields, lenient
from ingest.codecs.codec import Limits, RefusedError
from ingest.codecs.fields import Message
from ingest.ping import Ping

LATITUDES = ("latitude", "lat", "gps_latitude", "gps_lat")
LONGITUDES = ("longitude", "lon", "lng", "long", "gps_longitude", "gps_lon", "gps_lng")
_LONG = "long"  # alone it is no coordinate, but a long press of a button
PLACES = ("gps", "gnss", "position", "location", "coordinates")
TIMES = ("time", "timestamp", "gps_time", "fix_time")
ALARMS: Final = {
    "sos": "sos",
    "panic": "sos",
    "tamper": "tampering",
    "tampering": "tampering",
    "low_battery": "low_battery",
}
_NUMBERED = re.compile(r"gps_[0-9]{1,3}", re.ASCII)
_CHANNELS = "gpslocation"

SECOND_US = 1_000_000
# Sources of a position that are no receiver of satellites' signals in the device.
APPROXIMATE = re.compile(r"GEO_RESOLVER_\w+|SOURCE_\w+_GEOLOCATION", re.ASCII)

# An object says no unit of its time. Between these, an epoch in seconds and one in milliseconds cannot be
# mistaken for each other; what is outside is no time but a counter, or a clock that was never set.
_FIRST_SECOND, _FIRST_MILLISECOND, _LAST_MILLISECOND = 1e9, 1e11, 1e14


class Uplink(NamedTuple):
    """What the network server says around the object."""

    sent_us: int | None  # when it was heard: the time of an object that has none of its own
    sent_key: str  # where that stands, for the refusal of a position without any time
    attributes: Message
    mock: bool | None = None


def ping_of_object(found: Message, uplink: Uplink, limits: Limits) -> Ping | dict[str, Any] | None:
    """A ping, or a report for an object without a position; None for an empty one. Raises `RefusedError`."""
    if not found:
        return None
    rest = _with_coordinates_on_top(found)
    time_us = _take_own_time(rest)
    pair = _take_position(rest)
    known = _known_fields(rest)
    alarms = {key: ALARMS[key.lower()] for key in rest if key.lower() in ALARMS}
    known["alarms"] = fields.alarms({"alarms": lenient.take_alarms(rest, alarms)})
    shared = _shared_names(rest)
    extras = {**uplink.attributes, **rest, **shared}
    if pair is None:
        return fields.attributes({**extras, **lenient.told(**known)}, frozenset(), limits)
    if time_us is None:
        time_us = uplink.sent_us
    if time_us is None:
        raise fields.missing(uplink.sent_key)
    attributes = fields.attributes(extras, frozenset(), limits)
    return Ping(time_us=time_us, lat=pair[0], lon=pair[1], mock=uplink.mock, attributes=attributes, **known)


def _with_coordinates_on_top(found: Message) -> Message:
    """A copy without nulls; a place inside it is unfolded, and what stands beside the coordinates counts."""
    rest = {key: value for key, value in found.items() if value is not None}
    if _has_coordinates(rest):
        return rest
    for key, place in _places(rest):
        if _has_coordinates(place):
            del rest[key]
            return rest | {name: value for name, value in place.items() if value is not None}
    return rest


def _has_coordinates(place: Message) -> bool:
    return any(place[key] is not None for key in _spelled(place, *LATITUDES, *LONGITUDES) if key != _LONG)


def _places(rest: Message) -> Iterator[tuple[str, Message]]:
    """Where coordinates may stand inside an object, with the key of it that holds them."""
    for key in _spelled(rest, *PLACES):
        if type(rest[key]) is dict:
            yield key, rest[key]
    for key in sorted(rest):
        value = rest[key]
        if type(value) is not dict:
            continue
        if _NUMBERED.fullmatch(key.lower()):
            yield key, value
        elif key.lower() == _CHANNELS:
            yield from ((key, each) for each in value.values() if type(each) is dict)


def _spelled(rest: Message, *names: str) -> list[str]:
    """The object's own keys for these names, in the order of the names."""
    by_name = {key.lower(): key for key in rest}
    return [by_name[name] for name in names if name in by_name]


def _take_position(rest: Message) -> tuple[float, float] | None:
    """Both coordinates, None if there is neither. Raises `RefusedError` for one alone, or a bad one."""
    latitude, longitude = _spelled(rest, *LATITUDES), _spelled(rest, *LONGITUDES)
    if not latitude and longitude in ([], [_LONG]):
        return None
    keys = (latitude or LATITUDES)[0], (longitude or LONGITUDES)[0]
    pair = lenient.position(rest, *keys)
    for key in keys:
        del rest[key]
    return pair


def _take_own_time(rest: Message) -> int | None:
    """None for what is no time: it stays an attribute, and the time of the uplink counts."""
    for key in _spelled(rest, *TIMES):
        value = fields.loose(rest[key])
        try:
            found = _time_of_text(value, key) if type(value) is str else _time_of_number(value)
        except RefusedError:
            continue
        if found is not None:
            del rest[key]
            return found
    return None


def _time_of_text(value: str, key: str) -> int | None:
    found = fields.time_us(value, key, unit_us=SECOND_US)
    return found if found >= _FIRST_SECOND * SECOND_US else None


def _time_of_number(value: Any) -> int | None:
    if type(value) is not int and type(value) is not float:
        return None
    if _FIRST_SECOND <= value < _FIRST_MILLISECOND:
        return round(value * SECOND_US)
    return round(value * 1000) if _FIRST_MILLISECOND <= value < _LAST_MILLISECOND else None


def _known_fields(rest: Message) -> dict[str, Any]:
    """The fields of a ping other than time and position, None where unknown; taken out of `rest`."""

    def number(bounds: fields.Range, *names: str) -> float | None:
        return lenient.take_number(rest, bounds, *_spelled(rest, *names))

    satellites = _spelled(rest, "satellites", "sats", "sat", "gps_sats", "num_sats")
    return {
        "speed_kmh": number(fields.SPEED_KMH, "speed", "speed_kmh", "gps_speed"),
        "heading_deg": lenient.take_heading(
            rest, *_spelled(rest, "heading", "course", "cog", "bearing", "direction")
        ),
        "altitude_m": number(fields.ALTITUDE_M, "altitude", "alt", "gps_altitude", "gps_alt"),
        "accuracy_m": number(fields.ACCURACY_M, "accuracy", "acc", "gps_accuracy") or None,
        "satellites": lenient.take_integer(rest, 0, fields.MAX_SATELLITES, *satellites),
        "hdop": number(fields.HDOP, "hdop", "gps_hdop"),
        "ignition": lenient.take_flag(rest, *_spelled(rest, "ignition", "ign")),
        "battery_pct": number(
            fields.PERCENT, "battery_pct", "battery_level", "batterylevel", "battery_percent"
        ),
    }


def _shared_names(rest: Message) -> dict[str, Any]:
    """The attributes with a name that all formats share; taken out of `rest`."""
    voltage = _spelled(rest, "battery_v", "battery_voltage", "batv", "bat_v")
    return lenient.told(
        battery_v=lenient.take_number(rest, lenient.VOLTS, *voltage),
        motion=lenient.take_flag(rest, *_spelled(rest, "motion", "moving")),
        temperature_c=lenient.take_number(
            rest, lenient.CELSIUS, *_spelled(rest, "temperature", "temperature_c")
        ),
    )


def strongest(heard: Any) -> Message:
    """`rssi` in dBm and `snr` in dB at the gateway that heard the uplink best, and how many heard it."""
    if type(heard) is not list:
        return {}
    known = [each for each in heard if type(each) is dict]
    found = [
        lenient.told(
            rssi=lenient.take_number(dict(each), lenient.ANY_NUMBER, "rssi"),
            snr=lenient.take_number(dict(each), lenient.ANY_NUMBER, "snr"),
        )
        for each in known
    ]
    best = max(found, key=lambda each: each.get("rssi", -1e12), default={})
    return {**best, "gateways": len(known)} if known else {}


def solved_place(place: Message, time_us: int, around: Message, limits: Limits) -> Ping:
    """A position that the network server found: from gateways' signals, Wi-Fi, ... Raises `RefusedError`."""
    rest = {key: value for key, value in place.items() if value is not None}
    lat, lon = lenient.position(rest, "latitude", "longitude")
    del rest["latitude"], rest["longitude"]
    altitude = lenient.take_number(rest, fields.ALTITUDE_M, "altitude")
    accuracy = lenient.take_number(rest, fields.ACCURACY_M, "accuracy") or None  # 0 = not said
    source = rest.get("source")
    if type(source) is str and APPROXIMATE.fullmatch(source):
        rest["approximate"] = True
    return Ping(
        time_us=time_us,
        lat=lat,
        lon=lon,
        altitude_m=altitude,
        accuracy_m=accuracy,
        attributes=fields.attributes({**around, **rest}, frozenset(), limits),
    )
