"""The normal form of a ping: what every codec makes and everything after it trusts."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec


class Ping(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One position of one device. Validated by the codec and `ingest.steps`; None = unknown."""

    time_us: int  # device time of the fix, microseconds since the Unix epoch, UTC
    lat: float  # degrees, WGS 84
    lon: float
    speed_kmh: float | None = None
    heading_deg: float | None = None  # from north, clockwise, [0, 360)
    altitude_m: float | None = None
    accuracy_m: float | None = None  # radius
    satellites: int | None = None
    hdop: float | None = None
    ignition: bool | None = None
    battery_pct: float | None = None
    fuel_pct: float | None = None
    odometer_km: float | None = None
    seq: int | None = None
    mock: bool | None = None
    alarms: tuple[str, ...] = ()
    attributes: dict[str, Any] | None = None


class Rejected(msgspec.Struct, frozen=True):
    """Why one payload, or one ping of it, is not stored as a ping."""

    reason: str  # stable code, see REASONS
    detail: str = ""  # plain words for people
    seq: int | None = None  # sequence number of the refused ping, if it could be read


class Presence(msgspec.Struct, frozen=True):
    """Whether a device says it is connected: a status message, or the last will the broker sends for it."""

    online: bool
    # Device time at which the message was composed, microseconds. A last will is composed when the
    # device connects: the time of the loss is the arrival time, never this one.
    composed_us: int | None = None
    # The MQTT broker says it, of the connection made at this time by its clock, microseconds.
    connection_us: int | None = None


class CommandResult(msgspec.Struct, frozen=True):
    """What a device answers to a command. `command_id` None = the format cannot say to which one.

    `receipt`: it has the command and has not done it yet; another answer follows.
    """

    command_id: str | None
    ok: bool
    text: str = ""
    receipt: bool = False


class Decoded(msgspec.Struct, frozen=True):
    """What one message came to. `pings` and `rejected` together are what counts as received.

    Both are empty for a message that carries no position by design (status, last will, waypoint, card).
    """

    pings: list[Ping]
    rejected: list[Rejected] = []
    presence: Presence | None = None
    # The device that the body names, on a topic that names none.
    uid: str | None = None
    results: list[CommandResult] = []
    # What the device tells of itself besides positions, by name (battery optimisation on, ...).
    report: dict[str, Any] | None = None


# Every reason a ping may be refused for; metrics, rejected_pings and `mess decode` use these words.
REASONS = {
    "payload_too_large": "the message is larger than the limit",
    "payload_empty": "the message has no content",
    "malformed": "the body cannot be parsed in the format of its topic",
    "wrong_type": "a field has a value of the wrong type",
    "missing_field": "a required field is absent",
    "too_many_pings": "more pings in one message than the limit",
    "not_finite": "a number is NaN or infinite",
    "latitude_out_of_range": "latitude outside -90..90",
    "longitude_out_of_range": "longitude outside -180..180",
    "value_out_of_range": "a field other than the coordinates is outside its range",
    "no_fix": "the device says it has no fix, or sends 0/0",
    "time_too_old": "the device clock is before the earliest plausible year",
    "time_in_past": "the ping was made longer ago than the limit",
    "time_in_future": "the device clock runs ahead of the server by more than the limit",
    "encrypted": "the payload is encrypted and the platform holds no key",
    "off_duty": "the phone's driver was neither on an order nor on duty; nothing of the position is kept",
    "unknown_topic": "no codec reads this topic",
    "unstorable": "the database refuses the values",
    "unknown_device": "no such device is registered, or it is disabled",
    "codec_failed": "a defect of the platform's codec; the payload is kept to repeat it",
}


def rfc3339(time_us: int) -> str:
    """UTC with as many fractional digits as needed, e.g. 2026-01-26T15:57:02Z."""
    text = _to_the_second(time_us // 1_000_000)
    fraction = time_us % 1_000_000
    return f"{text}.{fraction:06d}".rstrip("0") + "Z" if fraction else text + "Z"


# Live pings of a fleet share their seconds, and strftime is slow.
@lru_cache(maxsize=4096)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def normal_form(ping: Ping) -> dict[str, Any]:
    """The ping as `mess decode` prints it and the API shows it; null where unknown."""
    return {
        "time": rfc3339(ping.time_us),
        "lat": ping.lat,
        "lon": ping.lon,
        "speed_kmh": ping.speed_kmh,
        "heading_deg": ping.heading_deg,
        "altitude_m": ping.altitude_m,
        "accuracy_m": ping.accuracy_m,
        "satellites": ping.satellites,
        "hdop": ping.hdop,
        "ignition": ping.ignition,
        "battery_pct": ping.battery_pct,
        "fuel_pct": ping.fuel_pct,
        "odometer_km": ping.odometer_km,
        "seq": ping.seq,
        "mock": ping.mock,
        "alarms": list(ping.alarms),
        "attributes": ping.attributes or {},
    }
