"""The Things Stack 3 (The Things Network), uplinks and solved locations of its MQTT server in JSON.

Facts: thethingsindustries.com/docs, "Data Formats"; pkg/applicationserver of lorawan-stack. Zeros and
false are left out; times are RFC 3339 with nanoseconds.

| message | key | becomes | unit |
|---|---|---|---|
| up | uplink_message.decoded_payload | a ping or a report | see `ingest.codecs.lorawan` |
| | uplink_message.rx_metadata[0].time, received_at | time, unless the payload has its own | |
| | uplink_message.rx_metadata | rssi, snr, gateways | dBm, dB at the gateway that heard it best |
| | uplink_message.f_cnt, f_port | attributes | |
| | simulated | mock | boolean |
| location/solved | received_at | time | |
| | location_solved.location.latitude, longitude | lat, lon | degrees |
| | location_solved.location.altitude, accuracy | altitude_m, accuracy_m (0 = unknown) | m |
| | location_solved.location.source, .service | attributes, with `approximate` = true for ..._GEOLOCATION | |

`uplink_message.locations` is not read: it repeats the last known places, also one that was typed in.
"""

from typing import Any

from ingest.codecs import body, fields, lenient, lorawan
from ingest.codecs.codec import Codec, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.fields import Message
from ingest.codecs.lorawan import Uplink
from ingest.ping import Decoded, Ping

SECOND_US = 1_000_000
# A gateway without a clock of its own may be wrong by years; one with a good one is a moment ahead of the server.
MAX_GATEWAY_CLOCK_OFF_US = 60 * SECOND_US
# The server solves these from the payload of an uplink, which comes by itself and with its own time.
FROM_PAYLOAD = "frm-payload"


def read_message(message: Any, limits: Limits) -> Ping | dict[str, Any] | None:
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a message must be an object, not {fields.kind(message)}")
    uplink = fields.nested(message, "uplink_message")
    if uplink is not None:
        return _read_uplink(message, uplink, limits)
    solved = fields.nested(message, "location_solved")
    if solved is not None:
        return _read_solved(message, solved, limits)
    raise fields.missing("uplink_message")


def _read_uplink(message: Message, uplink: Message, limits: Limits) -> Ping | dict[str, Any] | None:
    found = fields.nested(uplink, "decoded_payload")
    if found is None:
        # Port 0 carries the network's own commands; a frame without payload is just a sign of life.
        if not uplink.get("frm_payload") or not uplink.get("f_port"):
            return None
        raise RefusedError(
            "missing_field", "decoded_payload is required: give the device a payload formatter"
        )
    around = {key: uplink.get(key) for key in ("f_cnt", "f_port")}
    heard = uplink.get("rx_metadata")
    return lorawan.ping_of_object(
        found,
        Uplink(
            sent_us=_heard_us(message, uplink),
            sent_key="received_at",
            attributes={**lenient.told(**around), **lorawan.strongest(heard)},
            mock=True if message.get("simulated") is True else None,
        ),
        limits,
    )


def _heard_us(message: Message, uplink: Message) -> int | None:
    """The first gateway's time if it agrees with the server's, else the server's."""
    heard = uplink.get("rx_metadata")
    first = heard[0] if type(heard) is list and heard else None
    gateway_us = _time_us(first.get("time")) if type(first) is dict else None
    server_us = _time_us(uplink.get("received_at"))
    if server_us is None:
        server_us = _time_us(message.get("received_at"))
    if gateway_us is None or server_us is None:
        return server_us if gateway_us is None else gateway_us
    return gateway_us if abs(server_us - gateway_us) <= MAX_GATEWAY_CLOCK_OFF_US else server_us


def _time_us(value: Any) -> int | None:
    if type(value) is not str:
        return None
    try:
        return fields.time_us(value, "time", unit_us=SECOND_US)
    except RefusedError:
        return None


def _read_solved(message: Message, solved: Message, limits: Limits) -> Ping | None:
    service = solved.get("service")
    if service == FROM_PAYLOAD:
        return None
    place = fields.nested(solved, "location")
    if place is None:
        raise fields.missing("location")
    time_us = fields.time_us(message.get("received_at"), "received_at", unit_us=SECOND_US)
    return lorawan.solved_place(place, time_us, lenient.told(service=service), limits)


def decode_json(payload: bytes, limits: Limits) -> Decoded:
    try:
        return decode_each(body.parse_json(payload), limits, read_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


JSON = Codec(
    name="The Things Stack",
    slug="ttn",
    topics=("v3/{application}/devices/{uid}/up", "v3/{application}/devices/{uid}/location/solved"),
    decode=decode_json,
)
CODECS = [JSON]
