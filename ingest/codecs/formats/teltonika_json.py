"""Teltonika Codec JSON over MQTT: `{"state": {"reported": {...}}}`, one message or a list of them.

| key | becomes | unit |
|---|---|---|
| `ts` (required) | time of the record | epoch milliseconds |
| `latlng` (required) | latitude and longitude | text "lat,lon", degrees |
| `alt` | altitude | m |
| `ang` | heading | degrees from north |
| `sat` | satellites | 0 = no fix at that moment: the coordinates are the last ones |
| `sp` | speed | km/h |
| `pr` | attribute `pr`; 2 = panic: alarm `sos` | 0 low, 1 high, 2 panic |
| `evt` | attribute `trigger` | AVL id that caused the record, 0 = periodic |
| a number | AVL element: `ingest.codecs.teltonika_avl` | |

Every value may be a number or text. `{"RSP": "..."}` answers a command, and says nothing of which one or whether it
went well. On the same topic a tracker sends Codec 8 when it is set to that: the first byte tells.

Facts: Teltonika's wiki, "Codec JSON"; openremote/fleet-management, whose topics these are; traccar.
"""

import re
from typing import Any

from ingest.codecs import body, fields, teltonika_avl
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.formats import teltonika_codec8
from ingest.ping import CommandResult, Decoded, Ping

# No binary packet begins with these: there it is a zero or the number of a codec.
_JSON_STARTS = (b"{", b"[", b" ", b"\t", b"\r", b"\n")
_AVL_KEY = re.compile(r"0|[1-9][0-9]{0,4}", re.ASCII)
_RECORD_KEYS = ("ts", "alt", "ang", "sat", "sp", "pr", "evt")
# A bridge from TCP to MQTT writes so what the device itself calls RSP.
_BRIDGED_ANSWER = "command_response"


def read_message(message: Any, limits: Limits) -> Ping | CommandResult:
    """Raises `RefusedError`."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a message must be an object, not {fields.kind(message)}")
    if "RSP" in message:
        return _answer(message, "RSP", limits)
    reported = _object(_object(message, "state"), "reported")
    if _BRIDGED_ANSWER in reported and "latlng" not in reported:
        return _answer(reported, _BRIDGED_ANSWER, limits)
    return _ping(reported, limits)


def _object(message: fields.Message, key: str) -> fields.Message:
    value = message.get(key)
    if value is None:
        raise fields.missing(key)
    if type(value) is not dict:
        raise RefusedError("wrong_type", f"{key} must be an object, not {fields.kind(value)}")
    return value


def _answer(message: fields.Message, key: str, limits: Limits) -> CommandResult:
    text = message[key]
    if type(text) is not str:
        raise RefusedError("wrong_type", f"{key} must be text, not {fields.kind(text)}")
    return CommandResult(command_id=None, ok=True, text=teltonika_avl.answer_text(text, limits))


def _ping(reported: fields.Message, limits: Limits) -> Ping:
    record = {key: fields.loose(reported.get(key)) for key in _RECORD_KEYS}
    record["lat"], record["lon"] = _coordinates(reported.get("latlng"))
    elements: dict[int, Any] = {}
    extras: fields.Message = {}
    for key, value in reported.items():
        if _AVL_KEY.fullmatch(key) and int(key) <= teltonika_avl.MAX_ID:
            # A VIN may be all digits.
            is_text = int(key) in teltonika_avl.TEXT_IDS
            elements[int(key)] = value if is_text else fields.loose_if_kept(value)
        elif key != "latlng" and key not in record:
            extras[key] = value
    return teltonika_avl.ping_of_record(record, elements, extras, limits)


def _coordinates(latlng: Any) -> tuple[float, float]:
    if latlng is None:
        raise fields.missing("latlng")
    parts = [fields.loose(part) for part in latlng.split(",")] if type(latlng) is str else []
    if len(parts) != 2 or any(type(part) is str for part in parts):
        raise RefusedError("wrong_type", "latlng must be text of two numbers, latitude and longitude")
    return parts[0], parts[1]


def decode(payload: bytes, limits: Limits) -> Decoded:
    """Of either kind."""
    if not payload.startswith(_JSON_STARTS):
        return teltonika_codec8.decode(payload, limits)
    try:
        return decode_each(body.parse_json(payload), limits, read_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


JSON = Codec(
    name="Teltonika Codec JSON",
    slug="teltonika-json",
    topics=("teltonika/{uid}/data", "{realm}/{client}/teltonika/{uid}/data"),
    decode=decode,
)
CODECS = [JSON]
