"""Every kind of interval there is: parts of a journey, changes of the source, and alarms. Pure."""

from typing import NamedTuple

from telemetry.alarms import ALARMS, Severity


class Kind(NamedTuple):
    """`lasting`: open until it is over; else told once it is known, with its beginning and its end."""

    meaning: str
    severity: Severity
    lasting: bool


STOPS = ("stop", "parking")
# What the platform makes of the positions themselves; the rest of KINDS are alarms.
JOURNEY: dict[str, Kind] = {
    "trip": Kind("on the way from one parking to the next, short stops included", "info", True),
    "stop": Kind("standing at one place, part of a trip; grows into parking", "info", True),
    "parking": Kind("standing for so long that the trip ended", "info", True),
    "gap": Kind("no position for long, and elsewhere afterwards", "warning", False),
    "takeover": Kind("another device speaks for the vehicle, as the one before is silent", "info", False),
    "handback": Kind("a better device speaks for the vehicle again", "info", False),
}
KINDS: dict[str, Kind] = JOURNEY | {name: Kind(*alarm) for name, alarm in ALARMS.items()}
