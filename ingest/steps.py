"""Checks of a decoded ping that need nothing but the ping and the server's clock.

Only checks whose answer is the same in whatever order pings arrive have a place here. What compares a
ping with its neighbours (an implausible jump, a fix too inaccurate to move the state) is decided by the
fold, in event time: judged here, in order of arrival, the same pings in another order would leave other
pings stored, and other visits.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from ingest.ping import Ping, Rejected, rfc3339
from ingest.track import Ints, Pings

GPS_WEEKS: Final = 1024
ROLLOVER_WITHIN_DAYS: Final = 30
_DAY_US: Final = 86_400_000_000
_ROLLOVER_US: Final = GPS_WEEKS * 7 * _DAY_US
# Attributes by which a device says openly whether it has a fix.
_OPENLY: Final = frozenset({"fix", "valid"})


class StepContext(msgspec.Struct, frozen=True):
    """The server's side of the checks; microseconds since the epoch, UTC."""

    received_us: int
    earliest_us: int  # device times before it are a broken clock
    max_future_us: int  # how far a device clock may run ahead of `received_us`
    max_past_us: int = 0  # how long before `received_us` a ping may have been made; 0 = as long as it likes


def no_fix(ping: Ping, context: StepContext) -> Rejected | None:
    """0/0 is what a receiver without a fix sends; no truck of ours is in the Gulf of Guinea.

    The attributes `fix` (false or 0) and `valid` (false) say it openly. `sat` = 0 does not count:
    phones with a network position send it.
    """
    if ping.lat == 0.0 and ping.lon == 0.0:
        return Rejected("no_fix", "latitude and longitude are both 0", ping.seq)
    attributes = ping.attributes
    if attributes:
        if attributes.get("valid") is False:
            return Rejected("no_fix", "the device says valid = false", ping.seq)
        if attributes.get("fix") == 0:  # False too
            return Rejected("no_fix", "the device says it has no fix", ping.seq)
    return None


def time_too_old(ping: Ping, context: StepContext) -> Rejected | None:
    if ping.time_us >= context.earliest_us:
        return None
    detail = f"{rfc3339(ping.time_us)} is before {rfc3339(context.earliest_us)}"
    return Rejected("time_too_old", detail, ping.seq)


def time_in_past(ping: Ping, context: StepContext) -> Rejected | None:
    age_us = context.received_us - ping.time_us
    if not context.max_past_us or age_us <= context.max_past_us:
        return None
    age, limit = age_us / _DAY_US, context.max_past_us / _DAY_US
    return Rejected(
        "time_in_past", f"{rfc3339(ping.time_us)} is {age:.0f} days ago, the limit is {limit:g}", ping.seq
    )


def time_in_future(ping: Ping, context: StepContext) -> Rejected | None:
    ahead_us = ping.time_us - context.received_us
    if ahead_us <= context.max_future_us:
        return None
    ahead, limit = ahead_us / 1_000_000, context.max_future_us / 1_000_000
    detail = f"{rfc3339(ping.time_us)} is {ahead:.0f} s ahead, the limit is {limit:.0f} s"
    return Rejected("time_in_future", detail, ping.seq)


Step = Callable[[Ping, StepContext], Rejected | None]

# In this order; the first that objects names the reason. A device without a fix often has no clock either.
STEPS: tuple[Step, ...] = (no_fix, time_too_old, time_in_past, time_in_future)


def apply_steps(pings: Sequence[Ping], context: StepContext) -> tuple[list[Ping], list[Rejected]]:
    """The pings that pass every step, in their order, and a rejection for each other one."""
    rejected: list[Rejected] = []
    kept: list[Ping] = []
    for each in pings:
        ping = unrolled(each, context)
        for step in STEPS:
            refusal = step(ping, context)
            if refusal is not None:
                rejected.append(refusal)
                break
        else:
            kept.append(ping)
    return kept, rejected


def unrolled(ping: Ping, context: StepContext) -> Ping:
    """The ping with the weeks back that its receiver lost, if that is surely what happened.

    GPS counts weeks modulo 1024 (IS-GPS-200, 20.3.3.3.1.1); a receiver with old firmware dates its fixes 1024 weeks
    too early. Believed when the time so mended is no more than ROLLOVER_WITHIN_DAYS before the arrival. The attribute
    `gps_weeks_added` says what was done.
    """
    if ping.time_us >= context.earliest_us:
        return ping
    for rounds in (1, 2):
        mended_us = ping.time_us + rounds * _ROLLOVER_US
        ahead_us = mended_us - context.received_us
        if -ROLLOVER_WITHIN_DAYS * _DAY_US <= ahead_us <= context.max_future_us:
            attributes = {**(ping.attributes or {}), "gps_weeks_added": rounds * GPS_WEEKS}
            return msgspec.structs.replace(ping, time_us=mended_us, attributes=attributes)
    return ping


def needs_a_look(pings: Pings, earliest_us: int, max_future_us: int, max_past_us: int) -> Ints:
    """The rows that some step may object to or change; all others pass. Limits as in StepContext."""
    age_us = pings.received_us - pings.time_us
    doubtful = (pings.time_us < earliest_us) | (age_us < -max_future_us)
    doubtful |= (pings.lat == 0.0) & (pings.lon == 0.0)
    if max_past_us:
        doubtful |= age_us > max_past_us
    for row, extra in pings.extra.items():
        if extra.attributes and not _OPENLY.isdisjoint(extra.attributes):
            doubtful[row] = True
    return np.flatnonzero(doubtful)
