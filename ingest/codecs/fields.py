"""Checked reading of single fields out of a parsed message; every codec's ranges are these.

Each reader takes the message and the key as the device spells it, returns None where the key is absent
or null (unknown), and raises `RefusedError` with the reason otherwise.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import msgspec

from brokers.topics import is_device_uid
from ingest.codecs.codec import MAX_SEQ, Limits, RefusedError

Message = dict[str, Any]


class Range(NamedTuple):
    """Both ends belong to it."""

    low: float
    high: float


# Wide enough for every sensor, narrow enough for the columns (real, smallint). What is implausible for
# a truck is judged later, in event time.
LATITUDE_DEG = Range(-90.0, 90.0)
LONGITUDE_DEG = Range(-180.0, 180.0)
SPEED_KMH = Range(0.0, 10_000.0)
HEADING_DEG = Range(0.0, 360.0)
ALTITUDE_M = Range(-100_000.0, 100_000.0)
ACCURACY_M = Range(0.0, 100_000_000.0)
HDOP = Range(0.0, 10_000.0)
PERCENT = Range(0.0, 100.0)
ODOMETER_KM = Range(0.0, 1_000_000_000.0)
MAX_SATELLITES = 32_767
MAX_ALARMS = 32
MAX_ALARM_CHARS = 64

# From here on a heading becomes 360 when it is stored with single precision; 360 is 0.
HEADING_WRAP_DEG = 359.99998

MAX_TIME_US = 253_402_300_800_000_000 - 1  # the last microsecond of the year 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**64 - 1  # what MessagePack can carry
_KINDS = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text"}
_KINDS |= {list: "a list", dict: "an object", bytes: "binary", datetime: "a timestamp"}

_MAX_NUMBER_CHARS = 40
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)

AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]


def kind(value: Any) -> str:
    """The type of a value in the words of JSON."""
    return _KINDS.get(type(value), "an extension type")


def _shown(value: float) -> str:
    return repr(value) if -(2**64) < value < 2**64 else "a number beyond 64 bits"


def missing(key: str) -> RefusedError:
    return RefusedError("missing_field", f"{key} is required")


def number(message: Message, key: str, bounds: Range, *, reason: str = "value_out_of_range") -> float | None:
    value = message.get(key)
    if value is None:
        return None
    if type(value) is not float and type(value) is not int:
        raise RefusedError("wrong_type", f"{key} must be a number, not {kind(value)}")
    if bounds.low <= value <= bounds.high:
        return float(value)
    if type(value) is float and not math.isfinite(value):
        raise RefusedError("not_finite", f"{key} is {value}")
    raise RefusedError(reason, f"{key} {_shown(value)} is outside {bounds.low:g}..{bounds.high:g}")


def scaled(message: Message, key: str, bounds: Range, factor: float) -> float | None:
    """As `number`, for a value in another unit: times `factor` it is in the unit of `bounds`."""
    value = number(message, key, Range(bounds.low / factor, bounds.high / factor))
    # Seven decimals are beyond every sensor; without them 87 thousandths are 0.08700000000000001.
    return None if value is None else round(value * factor, 7)


def is_unknown(message: Message, key: str) -> bool:
    """Whether the value is a negative number, which is how phones write a measurement they do not have.

    Beyond any such number (minus infinity) it is a defect, and left to the readers to refuse.
    """
    value = message.get(key)
    return (type(value) is int or type(value) is float) and -MAX_TIME_US < value < 0


def measured(message: Message, key: str, bounds: Range, factor: float = 1.0) -> float | None:
    """As `scaled`, where a negative number means unknown."""
    return None if is_unknown(message, key) else scaled(message, key, bounds, factor)


def loose(value: Any) -> Any:
    """A number that a device wrote as text, as the number it is; anything else as it came.

    For formats whose devices do both; the readers here stay strict.
    """
    if type(value) is not str or len(value) > _MAX_NUMBER_CHARS:
        return value
    text = value.strip()
    if not _NUMBER.fullmatch(text):
        return value
    return int(text) if _INTEGER.fullmatch(text) else float(text)


def loose_if_kept(value: Any) -> Any:
    """As `loose`, but digits beyond what an attribute holds (1e999, the number of a SIM card) stay text."""
    found = loose(value)
    if type(found) is int:
        return found if _MIN_INTEGER <= found <= _MAX_INTEGER else value
    return found if type(found) is not float or math.isfinite(found) else value


def latitude(message: Message, key: str) -> float:
    value = number(message, key, LATITUDE_DEG, reason="latitude_out_of_range")
    if value is None:
        raise missing(key)
    return value


def longitude(message: Message, key: str) -> float:
    value = number(message, key, LONGITUDE_DEG, reason="longitude_out_of_range")
    if value is None:
        raise missing(key)
    return value


def heading(message: Message, key: str) -> float | None:
    """Degrees in [0, 360)."""
    value = number(message, key, HEADING_DEG)
    return 0.0 if value is not None and value >= HEADING_WRAP_DEG else value


def integer(message: Message, key: str, low: int, high: int) -> int | None:
    """Also takes 7.0 for 7: some devices know but one kind of number."""
    value = message.get(key)
    if value is None:
        return None
    if type(value) is float:
        if not math.isfinite(value):
            raise RefusedError("not_finite", f"{key} is {value}")
        if value.is_integer():
            value = int(value)
    if type(value) is not int:
        raise RefusedError("wrong_type", f"{key} must be a whole number, not {_number_or_kind(value)}")
    if low <= value <= high:
        return value
    raise RefusedError("value_out_of_range", f"{key} {_shown(value)} is outside {low}..{high}")


def _number_or_kind(value: Any) -> str:
    return repr(value) if type(value) is float else kind(value)


def nested(message: Message, key: str) -> Message | None:
    """The object under a key."""
    value = message.get(key)
    if value is None or type(value) is dict:
        return value
    raise RefusedError("wrong_type", f"{key} must be an object, not {kind(value)}")


def device_uid(message: Message, key: str) -> str | None:
    """The device that a body names; None also for a name that no device can be registered under."""
    value = message.get(key)
    return value if type(value) is str and is_device_uid(value) else None


def sequence(message: Message, key: str) -> int | None:
    return integer(message, key, 0, MAX_SEQ)


def flag(message: Message, key: str) -> bool | None:
    value = message.get(key)
    if value is None or type(value) is bool:
        return value
    raise RefusedError("wrong_type", f"{key} must be true or false, not {kind(value)}")


def time_us(value: Any, key: str, *, unit_us: int) -> int:
    """Microseconds since the epoch from a number of `unit_us` each, RFC 3339 text with a zone, or a
    MessagePack timestamp. Never guesses the unit: seconds read as milliseconds are January 1970, which
    `ingest.steps` refuses by name.
    """
    if value is None:
        raise missing(key)
    if type(value) is str:
        value = _rfc3339(value, key)
    if type(value) is datetime:
        found = datetime_us(value)
    elif type(value) is int:
        found = value * unit_us
    elif type(value) is float:
        if not math.isfinite(value):
            raise RefusedError("not_finite", f"{key} is {value}")
        found = round(min(max(value, -1e18), 1e18) * unit_us)  # bounded: the product must stay finite
    else:
        raise RefusedError("wrong_type", f"{key} must be a time, not {kind(value)}")
    if found < 0:
        raise RefusedError("time_too_old", f"{key} is before 1970")
    if found > MAX_TIME_US:
        raise RefusedError("value_out_of_range", f"{key} is beyond the year 9999")
    return found


def datetime_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def _rfc3339(text: str, key: str) -> datetime:
    try:
        return msgspec.convert(text, AwareDatetime)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for an unpaired surrogate
        raise RefusedError("wrong_type", f"{key} is text, but not an RFC 3339 time with a zone") from None


def alarms(message: Message) -> tuple[str, ...]:
    """The names in `alarms` (a list) and `alarm` (one), in order, each once; empty text is no alarm."""
    listed = message.get("alarms")
    if listed is None:
        listed = []
    if type(listed) is not list:
        raise RefusedError("wrong_type", f"alarms must be a list of text, not {kind(listed)}")
    single = message.get("alarm")
    names = listed if single is None else [*listed, single]
    if len(names) > MAX_ALARMS:
        raise RefusedError("value_out_of_range", f"{len(names)} alarms, the limit is {MAX_ALARMS}")
    for name in names:
        if type(name) is not str:
            raise RefusedError("wrong_type", f"an alarm must be text, not {kind(name)}")
        if len(name) > MAX_ALARM_CHARS:
            raise RefusedError("value_out_of_range", f"an alarm is longer than {MAX_ALARM_CHARS} characters")
        checked_text(name, "an alarm")
    return tuple(dict.fromkeys(name for name in names if name))


def attributes(message: Message, known: frozenset[str], limits: Limits) -> dict[str, Any] | None:
    """Every key that is not in `known`, as sent, if the database can keep it as JSON; None if no such key.

    MessagePack's timestamps become RFC 3339 text and its binaries hexadecimal text.
    """
    # A plain set difference is the quick answer for the usual ping, which has none.
    unknown = message.keys() - known
    if not unknown:
        return None
    if len(unknown) > limits.max_attribute_keys:
        raise RefusedError(
            "value_out_of_range", f"{len(unknown)} attributes, the limit is {limits.max_attribute_keys}"
        )
    kept = {key: value for key, value in message.items() if key in unknown}
    result: dict[str, Any] = _storable(kept, "attributes", limits.max_attribute_depth + 1)
    size = len(msgspec.json.encode(result))
    if size > limits.max_attribute_bytes:
        raise RefusedError(
            "value_out_of_range", f"attributes of {size} bytes, the limit is {limits.max_attribute_bytes}"
        )
    return result


def _storable(value: Any, name: str, levels: int) -> Any:
    """`value` as JSON can hold it, or `RefusedError`; `levels` = how deep it may still nest."""
    if levels == 0:
        raise RefusedError("value_out_of_range", f"{name} is nested too deeply")
    if value is None or type(value) is bool:
        return value
    if type(value) is dict:
        return {_key(key, name): _storable(item, key[:40], levels - 1) for key, item in value.items()}
    if type(value) is list:
        return [_storable(item, name, levels - 1) for item in value]
    return _storable_scalar(value, name)


def _storable_scalar(value: Any, name: str) -> Any:
    if type(value) is str:
        return checked_text(value, name)
    if type(value) is float:
        if math.isfinite(value):
            return value
        raise RefusedError("not_finite", f"{name} is {value}")
    if type(value) is int:
        if _MIN_INTEGER <= value <= _MAX_INTEGER:
            return value
        raise RefusedError("value_out_of_range", f"{name} is a number beyond 64 bits")
    if type(value) is bytes:
        return value.hex()
    if type(value) is datetime:
        return value.isoformat().replace("+00:00", "Z")
    raise RefusedError("wrong_type", f"{name} is {kind(value)}")


def _key(key: Any, name: str) -> str:
    if type(key) is not str:
        raise RefusedError("wrong_type", f"{name} has a key that is not text")
    return checked_text(key, "a key")


def checked_text(text: str, name: str) -> str:
    """PostgreSQL's jsonb holds neither U+0000 nor a lone surrogate."""
    if "\x00" in text:
        raise RefusedError("value_out_of_range", f"{name} holds the character U+0000")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise RefusedError("value_out_of_range", f"{name} holds an unpaired surrogate")
    return text
