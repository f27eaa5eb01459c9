"""OwnTracks' keys and trigger codes in the words that all formats share; its JSON and its CSV use them.

Three kinds of devices write it: the apps, the Greenwich tracker, and bridges such as qtripp that speak for
Queclink's trackers. Older versions of qtripp name the Queclink report itself (`GTTOW`) as the trigger.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ingest.codecs import fields
from ingest.codecs.codec import RefusedError

ALARM_OF_TRIGGER: dict[str, str] = {
    "!": "tow",
    "9": "low_battery",
    "e": "power_cut",
    "s": "speeding",
    "GTBPL": "low_battery",
    "GTCRA": "accident",
    "GTGEO": "device_geofence",
    "GTIDN": "idling",
    "GTJDR": "jamming",
    "GTMPF": "power_cut",
    "GTSOS": "sos",
    "GTSPD": "speeding",
    "GTTOW": "tow",
}
# The app is asked whether it is there, and repeats its last position with the present time.
PING_TRIGGER = "p"
HARSH_TRIGGER = "h"
# By the report type `rty`: 3, 4 and 5 are the same three kinds again.
HARSH_ALARMS: tuple[str, ...] = ("harsh_braking", "harsh_acceleration", "harsh_cornering") * 2
IGNITION_OF_TRIGGER: dict[str, bool] = {"i": True, "I": False, "GTIGN": True, "GTIGF": False}
CHARGING_OF_TRIGGER: dict[str, bool] = {"2": False, "3": True, "GTSTC": False, "GTBTC": True}
CHARGING_OF_STATUS: dict[int, bool | None] = {0: None, 1: False, 2: True, 3: True}  # 3: full, on its plug
# Apple's words; Android's are the ones we use.
ACTIVITIES: dict[str, str | None] = {
    "automotive": "in_vehicle",
    "cycling": "on_bicycle",
    "stationary": "still",
    "unknown": None,
}
MAX_MOBILE_CODE = 999
MAX_TEMPERATURES, MAX_INPUTS = 16, 8
SECONDS_PER_HOUR, METRES_PER_KM = 3600.0, 1000.0

# Beyond it no voltage, speed or distance means anything; and a product of such a number must stay finite.
_LARGEST = 1e12
_OTHER = object()  # the value is of another kind than the format says, and stays as it was sent


class Words(NamedTuple):
    """What a location says, apart from where and when; `attributes` are not checked yet."""

    alarms: tuple[str, ...]
    ignition: bool | None
    fuel_pct: float | None
    odometer_km: float | None
    attributes: dict[str, Any]


def in_our_words(message: fields.Message, taken: frozenset[str]) -> Words:
    """`message` without the keys in `taken`. A value of another kind than defined stays an attribute."""
    ignition = _field(message, "ign", fields.flag)
    fuel_pct = _field(message, "flvl", lambda m, key: fields.number(m, key, fields.PERCENT))
    odometer_km = _field(message, "odometer", lambda m, key: fields.number(m, key, fields.ODOMETER_KM))
    attributes: dict[str, Any] = {}
    for key, value in message.items():
        if key not in taken:
            _add(attributes, message, key, value)
    for key, found in (("ign", ignition), ("flvl", fuel_pct), ("odometer", odometer_km)):
        if found is not None:
            del attributes[key]
    trigger = attributes.get("trigger")
    if type(trigger) is str:
        ignition = IGNITION_OF_TRIGGER.get(trigger) if ignition is None else ignition
        if trigger == PING_TRIGGER:
            attributes["last_known_position"] = True
        if trigger in CHARGING_OF_TRIGGER:
            attributes.setdefault("charging", CHARGING_OF_TRIGGER[trigger])
    _join_operator(attributes)
    return Words(_alarms(message), ignition, fuel_pct, odometer_km, attributes)


def _field(message: fields.Message, key: str, read: Callable[[fields.Message, str], Any]) -> Any:
    try:
        return read(message, key)
    except RefusedError:
        return None


def _add(attributes: dict[str, Any], message: fields.Message, key: str, value: Any) -> None:
    """Under our name, unless the value is of another kind or the name is taken."""
    if key in _TRANSLATIONS:
        name, translate = _TRANSLATIONS[key]
        translated = translate(value)
        if translated is None:
            return
        if translated is not _OTHER and name not in attributes and (name == key or name not in message):
            attributes[name] = translated
            return
    attributes[key] = value


def _alarms(message: fields.Message) -> tuple[str, ...]:
    found = []
    trigger = message.get("t")
    if type(trigger) is str:
        if trigger == HARSH_TRIGGER:
            kind = message.get("rty")
            if type(kind) is int and 0 <= kind < len(HARSH_ALARMS):
                found.append(HARSH_ALARMS[kind])
        elif trigger == "!" and message.get("tow") is False and _is_moved_only(message):
            found.append("movement")
        elif trigger in ALARM_OF_TRIGGER:
            found.append(ALARM_OF_TRIGGER[trigger])
    if message.get("tow") is True:
        found.append("tow")
    return tuple(dict.fromkeys(found))


def _is_moved_only(message: fields.Message) -> bool:
    """`!` is a tow, a fake tow or the motion sensor with the ignition off; the flags tell which."""
    return message.get("fake") is True or message.get("sens") is True


def _join_operator(attributes: dict[str, Any]) -> None:
    mcc, mnc = attributes.get("mcc"), attributes.get("mnc")
    if "operator" in attributes or not (_is_mobile_code(mcc) and _is_mobile_code(mnc)):
        return
    del attributes["mcc"], attributes["mnc"]
    attributes["operator"] = f"{mcc:03d}{mnc:02d}"


def _is_mobile_code(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_MOBILE_CODE


def _quantity(value: Any, divisor: float = 1.0) -> Any:
    if (type(value) is not int and type(value) is not float) or not -_LARGEST < value < _LARGEST:
        return _OTHER
    return value if divisor == 1.0 else round(value / divisor, 6)


def _hours(value: Any) -> Any:
    return _quantity(value, SECONDS_PER_HOUR)


def _kilometres(value: Any) -> Any:
    return _quantity(value, METRES_PER_KM)


def _vertical_accuracy(value: Any) -> Any:
    """No receiver is exact, and none is wrong by less than nothing: 0 and below mean unknown."""
    found = _quantity(value)
    return None if found is not _OTHER and found <= 0 else found


def _flag(value: Any) -> Any:
    return value if type(value) is bool else _OTHER


def _tow(value: Any) -> Any:
    return None if type(value) is bool else _OTHER  # an alarm, or nothing


def _trigger(value: Any) -> Any:
    return (value or None) if type(value) is str else _OTHER


def _charging(value: Any) -> Any:
    return CHARGING_OF_STATUS.get(value, _OTHER) if type(value) is int else _OTHER


def _activity(value: Any) -> Any:
    """iOS lists all that may be the case; a vehicle that stands still is a vehicle."""
    names = [value] if type(value) is str else value
    if type(names) is not list or not all(type(name) is str for name in names):
        return _OTHER
    found = [ours for name in names if (ours := ACTIVITIES.get(name, name))]
    if "in_vehicle" in found:
        return "in_vehicle"
    return found[0] if found else None


# Key -> our name, and the reader of its value: None leaves it out, _OTHER keeps it as it was sent.
_TRANSLATIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "aiv": ("analog_1_v", _quantity),
    "bs": ("charging", _charging),
    "hmc": ("engine_hours_h", _hours),
    "motionactivities": ("activity", _activity),
    "rpm": ("engine_rpm", _quantity),
    "t": ("trigger", _trigger),
    "temp_c": ("temperature_c", _quantity),
    "tow": ("tow", _tow),
    "trip": ("trip_km", _kilometres),
    "ubatt": ("battery_v", _quantity),
    "uext": ("power_v", _quantity),
    "vac": ("vertical_accuracy_m", _vertical_accuracy),
}
_TRANSLATIONS |= {f"din{n}": (f"input_{n}", _flag) for n in range(1, MAX_INPUTS + 1)}
_TRANSLATIONS |= {f"dout{n}": (f"output_{n}", _flag) for n in range(1, MAX_INPUTS + 1)}
_TRANSLATIONS |= {
    f"temp_c-{n:02d}": ("temperature_c" if n == 0 else f"temperature_{n + 1}_c", _quantity)
    for n in range(MAX_TEMPERATURES)
}
