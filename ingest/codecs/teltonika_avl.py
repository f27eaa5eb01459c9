"""What the numbered elements ("AVL ids") of Teltonika trackers mean; the same in Codec JSON and in the binary codecs.

The ids are those of the FMB, FMC, FMM and FMU trackers with one, two or three digits that do not begin with 6, and of
the FT platform (Teltonika's wiki, "Data Sending Parameters ID"). The heavy-duty family FMx6xx numbers its CAN
elements 79 to 113 otherwise, and a payload does not say its model: see docs/codecs.md.

An element never refuses a position. What is in no table here, what is outside its range (a sensor that is not
connected says 3000) and what another element says better stays an attribute `avl_<id>`, raw, as the device sent it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ingest.codecs import fields
from ingest.codecs.codec import Limits, RefusedError
from ingest.ping import Ping

Elements = Mapping[int, Any]

MAX_ID = 0xFFFF
MILLISECOND_US = 1000
UNKNOWN = 0xFFFF  # a speed or an angle with every bit set
PANIC = 2
_ANY = fields.Range(0.0, 1e9)
_DALLAS_C = fields.Range(-55.0, 115.0)
_PING_FIELDS = frozenset(Ping.__struct_fields__)


class Source(NamedTuple):
    """One element that knows a quantity: its value divided by `divisor` is in the unit of the name."""

    id: int
    divisor: int = 1


class Quantity(NamedTuple):
    name: str
    bounds: fields.Range  # in the unit of the name, both ends included
    sources: tuple[Source, ...]  # the first one that knows it counts
    invalid: frozenset[float] = frozenset()  # raw values that say "not ready"


# A sensor that was not read yet says 850: 85.0 degrees, the value a DS18B20 wakes up with.
_NOT_READY = frozenset({850.0})
NUMBERS = (
    Quantity("battery_pct", fields.PERCENT, (Source(113),)),
    Quantity("fuel_pct", fields.PERCENT, (Source(89), Source(48))),
    Quantity("odometer_km", fields.ODOMETER_KM, (Source(16, 1000), Source(87, 1000), Source(389))),
    Quantity("hdop", fields.HDOP, (Source(182, 10),)),
    Quantity("pdop", fields.HDOP, (Source(181, 10),)),
    Quantity("power_v", _ANY, (Source(66, 1000), Source(800, 1000))),
    Quantity("battery_v", _ANY, (Source(67, 1000),)),
    Quantity("analog_1_v", _ANY, (Source(9, 1000),)),
    Quantity("analog_2_v", _ANY, (Source(6, 1000),)),
    Quantity("engine_rpm", fields.Range(0.0, 20_000.0), (Source(36), Source(85))),
    Quantity("engine_hours_h", _ANY, (Source(102, 60), Source(103, 60))),
    Quantity("fuel_l", _ANY, (Source(84, 10), Source(390, 10))),
    # The engine's own count before what the tracker estimates from the distance.
    Quantity("fuel_used_l", _ANY, (Source(83, 10), Source(12, 1000))),
    Quantity("fuel_rate_lph", _ANY, (Source(110, 10), Source(60, 100))),
    Quantity("trip_km", fields.ODOMETER_KM, (Source(199, 1000),)),
    Quantity("temperature_c", _DALLAS_C, (Source(72, 10),), _NOT_READY),
    Quantity("temperature_2_c", _DALLAS_C, (Source(73, 10),), _NOT_READY),
    Quantity("temperature_3_c", _DALLAS_C, (Source(74, 10),), _NOT_READY),
    Quantity("temperature_4_c", _DALLAS_C, (Source(75, 10),), _NOT_READY),
    Quantity("gsm_bars", fields.Range(0.0, 5.0), (Source(21),)),
)
FLAGS = {
    "ignition": 239,
    "motion": 240,
    "charging": 116,
    "input_1": 1,
    "input_2": 2,
    "input_3": 3,
    "output_1": 179,
    "output_2": 180,
    "output_3": 380,
}
OPERATOR, IBUTTON = 241, 78
VINS = (256, 325)
# VIN, barcode, fault codes, VIN, ISO 6709 position, driver's name: characters, where the others hold bytes.
TEXT_IDS = frozenset({*VINS, 264, 281, 387, 403})
# Two's complement on the wire: accelerometer, temperatures, fuel trim, timing, EGR error, LLS and UL202 probes.
SIGNED_IDS = frozenset(
    {*range(17, 20), *range(25, 29), 32, 33, 38, 39, 47, 53, 59, *range(72, 76), 115, 151}
    | {*range(201, 205), *range(210, 216), 327, 544, 1152, *range(10_800, 10_804)}
)

ALARM_BUTTON = 236
# Element: its values that are an alarm. Crash traces (247: 2 to 5) and crashes that the tracker itself takes for
# potholes (7, 8) are none; 318 says 1 while the receiver still holds its fix.
ALARMS: dict[int, dict[float, str]] = {
    ALARM_BUTTON: {1: "sos"},
    246: {1: "tow"},
    247: {1: "accident", 6: "accident"},
    249: {1: "jamming"},
    251: {1: "idling"},
    252: {1: "power_cut"},
    253: {1: "harsh_acceleration", 2: "harsh_braking", 3: "harsh_cornering"},
    318: {2: "jamming"},
    20_019: {0: "device_removed", 3: "device_removed"},
}
OVER_SPEEDING = 255  # holds the speed, at the start and at the end
# Zones 1 to 50 and the automatic one: 0 left, 1 entered.
GEOFENCES = frozenset(
    {*range(155, 160), *range(61, 66), 70, 88, *range(91, 100), 153, 154, *range(190, 199), 208, 209}
    | {*range(216, 232), 175}
)
# On FMx6xx trackers these are an axis of the accelerometer and counters: they count only as the event of their record.
_EVENTS_ONLY = GEOFENCES | {ALARM_BUTTON}
_EVENTS_WITH_NAMES = ALARMS.keys() | GEOFENCES | {OVER_SPEEDING}


def ping_of_record(
    record: fields.Message, elements: Elements, extras: fields.Message, limits: Limits
) -> Ping:
    """One record. `record` holds `ts`, `lat`, `lon`, `alt`, `ang`, `sat`, `sp`, `pr` and `evt` as Codec JSON means
    them, `extras` what else the device said by name. Raises `RefusedError`.
    """
    satellites = fields.integer(record, "sat", 0, fields.MAX_SATELLITES)
    lat, lon = fields.latitude(record, "lat"), fields.longitude(record, "lon")
    # By definition: no fix at the moment, the last one's coordinates, and speed and angle 0 for want of any.
    stale = satellites == 0
    speed_known = not stale and record.get("sp") != UNKNOWN
    heading_known = not stale and record.get("ang") != UNKNOWN
    numbers, flags, texts, rest = named(elements)
    attributes = extras | {f"avl_{number}": value for number, value in rest.items()}
    attributes |= {
        name: value for name, value in (numbers | flags | texts).items() if name not in _PING_FIELDS
    }
    attributes |= _about(record)
    if stale and (lat, lon) != (0.0, 0.0):
        attributes["last_known_position"] = True
    return Ping(
        time_us=_time_us(record.get("ts")),
        lat=lat,
        lon=lon,
        speed_kmh=fields.number(record, "sp", fields.SPEED_KMH) if speed_known else None,
        heading_deg=fields.heading(record, "ang") if heading_known else None,
        altitude_m=fields.number(record, "alt", fields.ALTITUDE_M),
        satellites=satellites,
        hdop=_field(numbers, "hdop"),
        ignition=flags.get("ignition"),
        battery_pct=_field(numbers, "battery_pct"),
        fuel_pct=_field(numbers, "fuel_pct"),
        odometer_km=_field(numbers, "odometer_km"),
        alarms=alarms_of(elements, record.get("evt"), record.get("pr")),
        attributes=fields.attributes(attributes, frozenset(), limits),
    )


def _field(numbers: dict[str, float], name: str) -> float | None:
    value = numbers.get(name)
    return None if value is None else float(value)


def _time_us(value: Any) -> int:
    """`ts` is a number by definition; RFC 3339 text is another format's."""
    if type(value) is str:
        raise RefusedError("wrong_type", "ts must be a number, not text")
    return fields.time_us(value, "ts", unit_us=MILLISECOND_US)


def _about(record: fields.Message) -> fields.Message:
    """The priority, and the element that made the device send this record."""
    about = {"pr": record["pr"]} if record.get("pr") is not None else {}
    event = record.get("evt")
    if type(event) is int and 0 <= event <= MAX_ID:
        about["trigger"] = f"avl_{event}" if event else "periodic"
    elif event is not None:
        about["evt"] = event
    return about


def alarms_of(elements: Elements, event: Any, priority: Any) -> tuple[str, ...]:
    """The alarms in the words of `telemetry.alarms`, each once.

    Panic priority is the panic button, unless the record is about something that has a name of its own: a scenario
    such as jamming may be set to that priority too.
    """
    found = [name for number, value in elements.items() if (name := _alarm(number, value, event))]
    if _is_number(priority) and priority == PANIC and not _has_name(event):
        found.insert(0, "sos")
    return tuple(dict.fromkeys(found))


def _has_name(event: Any) -> bool:
    return type(event) is int and event in _EVENTS_WITH_NAMES


def _alarm(number: int, value: Any, event: Any) -> str | None:
    if type(value) is not bool and not _is_number(value):
        return None
    if number in _EVENTS_ONLY and number != event:
        return None
    if number == OVER_SPEEDING:
        return "speeding" if value > 0 else None
    if number in GEOFENCES:
        return "device_geofence" if value in (0, 1) else None
    return ALARMS.get(number, {}).get(value)


class Named(NamedTuple):
    """What the tables know of a record's elements, by name; and the elements that nothing was taken from."""

    numbers: dict[str, float]
    flags: dict[str, bool]
    texts: dict[str, str]
    rest: dict[int, Any]


def named(elements: Elements) -> Named:
    rest = dict(elements)
    return Named(_take_numbers(rest), _take_flags(rest), _take_texts(rest), rest)


def _take_numbers(rest: dict[int, Any]) -> dict[str, float]:
    taken = {}
    for quantity in NUMBERS:
        for source in quantity.sources:
            value = _scaled(rest.get(source.id), source, quantity)
            if value is not None:
                taken[quantity.name] = value
                del rest[source.id]
                break
    return taken


def _scaled(value: Any, source: Source, quantity: Quantity) -> float | None:
    if not _is_number(value) or value in quantity.invalid:
        return None
    # Compared before it is divided: a whole number may be too large for a double.
    low, high = quantity.bounds.low * source.divisor, quantity.bounds.high * source.divisor
    if not low <= value <= high:
        return None
    scaled: float = value if source.divisor == 1 else value / source.divisor
    return scaled


def _take_flags(rest: dict[int, Any]) -> dict[str, bool]:
    taken = {}
    for name, number in FLAGS.items():
        value = rest.get(number)
        # A counter, or a state beyond yes and no (240 on TAT trackers), is no flag.
        if type(value) is bool or (_is_number(value) and value in (0, 1)):
            taken[name] = bool(value)
            del rest[number]
    return taken


def _take_texts(rest: dict[int, Any]) -> dict[str, str]:
    taken = {}
    operator = rest.get(OPERATOR)
    if type(operator) is int and 10_000 <= operator <= 999_999:
        taken["operator"] = str(operator)
        del rest[OPERATOR]
    button = rest.get(IBUTTON)
    if type(button) is int and 0 < button < 2**64:
        # The bus sends the family code (01) first; engraved on the button, it stands last.
        taken["driver_id"] = button.to_bytes(8, "little").hex().upper()
        del rest[IBUTTON]
    for number in VINS:
        vin = rest.get(number)
        if type(vin) is str and vin.strip():
            taken["vin"] = vin.strip()
            del rest[number]
            break
    return taken


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def element_of_bytes(number: int, raw: bytes) -> int:
    """The value of an element of 1, 2, 4 or 8 bytes on the wire."""
    return int.from_bytes(raw, "big", signed=number in SIGNED_IDS)


def element_of_any_bytes(number: int, raw: bytes) -> str:
    """The value of an element of variable length: characters where it is made of them, else hexadecimal."""
    text = raw.rstrip(b"\x00").decode("utf-8", "replace") if number in TEXT_IDS else ""
    return text if text and text.isprintable() and "\ufffd" not in text else raw.hex()


def answer_text(text: str, limits: Limits) -> str:
    """What a device answers to a command, as the database can hold it: cut rather than refused."""
    clean = text.replace("\x00", "").strip()[: limits.max_attribute_bytes]
    return clean.encode("utf-8", "replace").decode()
