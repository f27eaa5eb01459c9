"""How often a device should report, from where its vehicle is and what it does there. Pure.

| seconds | order, 5 km or less from the next place | order, farther | no order |
|---|---|---|---|
| moving | 10 | 60 | 120 |
| stopped | 30 | 120 | 300 |
| parked | 90 | 900 | 900 |

The next place is the pickup until the goods are on the truck, then the delivery. Near it a minute is the difference
between a driver who waited and one who did not; on the open road it is a kilometre of a long line; parked it is
nothing. A vehicle that leaves the place stays near until it is 6 km away. An interval is shortened at once, as an
arrival does not wait, and lengthened five minutes after the last change at the earliest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

NEAR_M = 5_000.0
# Hysteresis: of a vehicle that reports as one that is near.
STILL_NEAR_M = 6_000.0
NEAR: Mapping[str, int] = MappingProxyType({"moving": 10, "stopped": 30, "parked": 90})
ON_THE_WAY: Mapping[str, int] = MappingProxyType({"moving": 60, "stopped": 120, "parked": 900})
WITHOUT_ORDER: Mapping[str, int] = MappingProxyType({"moving": 120, "stopped": 300, "parked": 900})

SHORTEN_AFTER = timedelta(seconds=30)
LENGTHEN_AFTER = timedelta(minutes=5)
# A device that did not take an interval is left alone for so long.
AFTER_FAILURE = timedelta(hours=1)
# What a person has set is that person's business for so long.
BY_PERSON = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Situation:
    """`motion` None = nobody knows; `place_m`: to the next place's border, negative inside, None without an order."""

    motion: str | None
    place_m: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """The last interval that the device was told, by whom, and whether it took it (or may still)."""

    seconds: int
    at: datetime
    by_person: bool
    taken: bool


def wanted_s(situation: Situation, current_s: int | None) -> int | None:
    """The interval that fits, in seconds; None = nobody can tell."""
    if situation.motion is None:
        return None
    if situation.place_m is None:
        return WITHOUT_ORDER.get(situation.motion)
    limit_m = STILL_NEAR_M if current_s in NEAR.values() else NEAR_M
    return (NEAR if situation.place_m <= limit_m else ON_THE_WAY).get(situation.motion)


def change_s(situation: Situation, told: Told | None, now: datetime) -> int | None:
    """The interval to tell the device now; None = leave it."""
    if told is None:
        return wanted_s(situation, None)
    wanted = wanted_s(situation, told.seconds)
    if wanted is None or (told.taken and wanted == told.seconds):
        return None
    if told.by_person:
        pause = BY_PERSON
    elif not told.taken:
        pause = AFTER_FAILURE
    else:
        pause = SHORTEN_AFTER if wanted < told.seconds else LENGTHEN_AFTER
    return wanted if told.at + pause <= now else None
