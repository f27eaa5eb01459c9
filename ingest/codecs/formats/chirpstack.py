"""ChirpStack 4, events of its MQTT integration in JSON: `application/ID/device/EUI/event/NAME`.

Facts: chirpstack-docs, integrations/events.md, and integration.proto. ChirpStack leaves out what is zero or
false, and writes times in RFC 3339 with nanoseconds.

| event | key | becomes | unit |
|---|---|---|---|
| up | object | a ping or a report | see `ingest.codecs.lorawan` |
| | time | time, unless the object has its own | |
| | rxInfo | rssi, snr, gateways | dBm, dB at the gateway that heard it best |
| | fCnt, fPort, dr, deduplicationId | attributes; fCnt starts again at a join, so it is no `seq` | |
| | deviceInfo.deviceName, .tags | attributes | |
| location | time | time | |
| | location.latitude, longitude | lat, lon | degrees |
| | location.altitude, accuracy | altitude_m, accuracy_m (0 = unknown) | m |
| | location.source | attribute, with `approximate` = true for GEO_RESOLVER_... | |
| status | batteryLevel | battery_pct in a report | % |
| | margin | margin in a report | dB |
| | externalPowerSource | external_power in a report | boolean |
| join, ack, txack, log, integration | | nothing | |
"""

from collections.abc import Callable
from typing import Any

from ingest.codecs import body, fields, lenient, lorawan
from ingest.codecs.codec import Codec, Found, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.fields import Message
from ingest.codecs.lorawan import Uplink
from ingest.ping import Decoded, Ping

SECOND_US = 1_000_000
UPLINK_KEYS = ("fCnt", "fPort", "dr", "deduplicationId")
OTHER_EVENTS = ("join", "ack", "txack", "log", "integration")


def read_uplink(message: Any, limits: Limits) -> Ping | dict[str, Any] | None:
    """Raises `RefusedError` for data that no decoder of ChirpStack read: its device profile lacks one."""
    event = _event(message)
    found = fields.nested(event, "object")
    if found is None:
        # Port 0 carries the network's own commands; a frame without data is just a sign of life.
        if not event.get("data") or not event.get("fPort"):
            return None
        raise RefusedError("missing_field", "object is required: give the device profile a payload codec")
    time = event.get("time")
    uplink = Uplink(
        sent_us=None if time is None else fields.time_us(time, "time", unit_us=SECOND_US),
        sent_key="time",
        attributes={**_around(event), **lorawan.strongest(event.get("rxInfo"))},
    )
    return lorawan.ping_of_object(found, uplink, limits)


def read_location(message: Any, limits: Limits) -> Ping:
    event = _event(message)
    place = fields.nested(event, "location")
    if place is None:
        raise fields.missing("location")
    time_us = fields.time_us(event.get("time"), "time", unit_us=SECOND_US)
    return lorawan.solved_place(place, time_us, _around(event), limits)


def read_status(message: Any, limits: Limits) -> dict[str, Any]:
    event = dict(_event(message))
    return lenient.told(
        # Zero is not sent, and a device without a battery to speak of has the next flag.
        battery_pct=lenient.take_number(event, fields.PERCENT, "batteryLevel"),
        external_power=lenient.take_flag(event, "externalPowerSource"),
        margin=lenient.take_number(event, lenient.ANY_NUMBER, "margin"),
    )


def read_other(message: Any, limits: Limits) -> None:
    """Told by ChirpStack, of no interest here; but a body that is none of its events is said to be so."""
    _event(message)


def _event(message: Any) -> Message:
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"an event must be an object, not {fields.kind(message)}")
    return message


def _around(event: Message) -> Message:
    """What the event says of its way here. Whether the platform can keep it is judged with the attributes."""
    info = event.get("deviceInfo")
    info = info if type(info) is dict else {}
    kept = {key: event.get(key) for key in UPLINK_KEYS}
    return lenient.told(**kept, deviceName=info.get("deviceName"), tags=info.get("tags") or None)


def _decoder(read: Callable[[Any, Limits], Found]) -> Callable[[bytes, Limits], Decoded]:
    def decode_json(payload: bytes, limits: Limits) -> Decoded:
        try:
            return decode_each(body.parse_json(payload), limits, read)
        except RefusedError as error:
            return refuse_message(error.reason, error.detail)

    return decode_json


def _topic(event: str) -> str:
    return f"application/{{application}}/device/{{uid}}/event/{event}"


UP = Codec(name="ChirpStack uplink", slug="chirpstack", topics=(_topic("up"),), decode=_decoder(read_uplink))
LOCATION = Codec(
    name="ChirpStack location",
    slug="chirpstack-location",
    topics=(_topic("location"),),
    decode=_decoder(read_location),
)
STATUS = Codec(
    name="ChirpStack status",
    slug="chirpstack-status",
    topics=(_topic("status"),),
    decode=_decoder(read_status),
)
OTHER = Codec(
    name="ChirpStack other events",
    slug="chirpstack-other",
    topics=tuple(_topic(event) for event in OTHER_EVENTS),
    decode=_decoder(read_other),
)
CODECS = [UP, LOCATION, STATUS, OTHER]
