"""OwnTracks JSON, as its Android and iOS apps, the Greenwich tracker and the qtripp bridge send it.

Facts: the OwnTracks booklet, tech/json.md; the apps and qtripp themselves. What a message is says its
`_type`, not its topic. Two things to know about the times: `tst` is the time of the fix, except on a ping
trigger (`t` = "p"), where the app repeats its last position with the present time; the trigger stays in
the attributes.

| key | normal form | unit |
|---|---|---|
| `tst`, `lat`, `lon` (required) | `time`, `lat`, `lon` | epoch seconds, degrees |
| `vel`, `cog` | `speed_kmh`, `heading_deg` | km/h, degrees |
| `alt`, `acc`, `batt` | `altitude_m`, `accuracy_m`, `battery_pct` | m, m, % |
| `ign`, `mock` | `ignition`, `mock` | boolean |
| `flvl`, `odometer` | `fuel_pct`, `odometer_km` | %, km |
| `t`, `rty`, `tow` | attribute `trigger`, and alarms | see ingest/codecs/owntracks_words.py |
| `vac`, `bs`, `motionactivities` | attributes `vertical_accuracy_m`, `charging`, `activity` | m, code, list |
| `ubatt`, `uext`, `aiv` | attributes `battery_v`, `power_v`, `analog_1_v` | V |
| `rpm`, `hmc`, `trip` | attributes `engine_rpm`, `engine_hours_h`, `trip_km` | 1/min, s, m |
| `temp_c` or `temp_c-00`, `temp_c-01` | attributes `temperature_c`, `temperature_2_c` | degrees Celsius |
| `din1`, `dout1`, ... | attributes `input_1`, `output_1`, ... | boolean |
| `mcc` with `mnc` | attribute `operator` | numbers |
| `image`, `raw_line` | dropped | a picture; the tracker's line over again |
| all others | attributes | as sent |

A location with the trigger `r` is also the answer to the command `reportLocation`.
"""

from typing import Any

import msgspec

from ingest.codecs import body, fields
from ingest.codecs.codec import Codec, Found, Limits, RefusedError, decode_each, refuse_message
from ingest.codecs.formats import owntracks_csv
from ingest.codecs.owntracks_report import report_of_card, report_of_status
from ingest.codecs.owntracks_words import in_our_words
from ingest.ping import CommandResult, Decoded, Ping, Presence

SECOND_US = 1_000_000
REPLY_TRIGGER = "r"

POSITION_TYPES = frozenset({"location", "transition"})
REPORTS = {"card": report_of_card, "status": report_of_status}
# Defined by the format and without a position of the device. A waypoint's lat and lon are a place that the
# driver has drawn in his app, his home perhaps: no telemetry, and fences are the platform's. A
# configuration or dump holds passwords. A `cmd` comes down, and is nobody's to send up.
OTHER_TYPES = frozenset(
    {"beacon", "cmd", "configuration", "dump", "request", "steps", "waypoint", "waypoints"}
)
_TAKEN_KEYS = frozenset(
    {
        *("_type", "lat", "lon", "tst", "vel", "cog", "alt", "acc", "batt", "mock"),
        # Not telemetry: a picture in base64, and the line of the tracker that all the others are read from.
        *("image", "raw_line"),
    }
)


def read_message(message: Any, limits: Limits) -> Found:
    """None = a message that tells nothing. Raises `RefusedError`."""
    if type(message) is not dict:
        raise RefusedError("wrong_type", f"a message must be an object, not {fields.kind(message)}")
    kind = message.get("_type")
    if kind is None:
        raise fields.missing("_type")
    if type(kind) is not str:
        raise RefusedError("wrong_type", f"_type must be text, not {fields.kind(kind)}")
    if kind in POSITION_TYPES:
        return ping_of_location(message, limits)
    if kind == "lwt":
        return _presence_of_will(message)
    if kind == "encrypted":
        raise RefusedError("encrypted", "the app encrypts its payload; the platform holds no key")
    if kind in REPORTS:
        return REPORTS[kind](message, limits)
    if kind in OTHER_TYPES:
        return None
    raise RefusedError("malformed", f"OwnTracks defines no _type {kind[:40]!r:.60}")


def ping_of_location(message: fields.Message, limits: Limits) -> Ping:
    """A location or a transition; everything without a field of its own becomes an attribute."""
    words = in_our_words(message, _TAKEN_KEYS)
    crossed = ("device_geofence",) if message.get("_type") == "transition" else ()
    return Ping(
        time_us=fields.time_us(_epoch(message), "tst", unit_us=SECOND_US),
        lat=fields.latitude(message, "lat"),
        lon=fields.longitude(message, "lon"),
        # A negative number is how iOS writes a speed, course, accuracy or battery it does not know.
        speed_kmh=fields.measured(message, "vel", fields.SPEED_KMH),
        heading_deg=None if fields.is_unknown(message, "cog") else fields.heading(message, "cog"),
        altitude_m=fields.number(message, "alt", fields.ALTITUDE_M),
        # No receiver is exact: 0 is how some Android versions write "unknown".
        accuracy_m=fields.measured(message, "acc", fields.ACCURACY_M) or None,
        battery_pct=fields.measured(message, "batt", fields.PERCENT),
        mock=fields.flag(message, "mock"),
        ignition=words.ignition,
        fuel_pct=words.fuel_pct,
        odometer_km=words.odometer_km,
        alarms=words.alarms + crossed,
        attributes=fields.attributes(words.attributes, frozenset(), limits),
    )


def _epoch(message: fields.Message) -> Any:
    """`tst` is a number by definition; RFC 3339 text is another format's."""
    tst = message.get("tst")
    if type(tst) is str:
        raise RefusedError("wrong_type", "tst must be a number, not text")
    return tst


def _presence_of_will(message: fields.Message) -> Presence:
    """The broker publishes it when the app is gone; `tst` is the time of the app's first connect."""
    if message.get("tst") is None:
        return Presence(online=False)
    return Presence(online=False, composed_us=fields.time_us(_epoch(message), "tst", unit_us=SECOND_US))


def decode_json(payload: bytes, limits: Limits) -> Decoded:
    try:
        decoded = decode_each(body.parse_json(payload), limits, read_message)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)
    if not any(ping.attributes and ping.attributes.get("trigger") == REPLY_TRIGGER for ping in decoded.pings):
        return decoded
    # Asked to report its location it does so, and says that this is why.
    return msgspec.structs.replace(decoded, results=[CommandResult(command_id=None, ok=True)])


def decode(payload: bytes, limits: Limits) -> Decoded:
    """Of the two forms that share the topics, the one that the body begins like."""
    if payload.lstrip()[:1] in (b"{", b"["):
        return decode_json(payload, limits)
    return owntracks_csv.decode(payload, limits)


_DEVICE = "owntracks/{uid}/{device}"
JSON = Codec(
    name="OwnTracks JSON",
    slug="owntracks",
    topics=(
        _DEVICE,
        f"{_DEVICE}/event",
        f"{_DEVICE}/waypoint",
        f"{_DEVICE}/waypoints",
        f"{_DEVICE}/status",
        f"{_DEVICE}/dump",
        f"{_DEVICE}/step",
        f"{_DEVICE}/beacon",
        f"{_DEVICE}/info",
    ),
    decode=decode,
)
CODECS = [JSON]
