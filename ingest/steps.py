"""Checks of a decoded ping that need nothing but the ping and the server's clock.

Only checks whose answer is the same in whatever order pings arrive have a place here. What compares a
ping with its neighbours (an implausible jump, a fix too inaccurate to move the state) is decided by the
fold, in event time: judged here, in order of arrival, the same pings in another order would leave other
pings stored, and other visits.
"""

from collections.abc import Callable

import msgspec

from ingest.ping import Ping, Rejected, rfc3339


class StepContext(msgspec.Struct, frozen=True):
    """The server's side of the checks; microseconds since the epoch, UTC."""

    received_us: int
    earliest_us: int  # device times before it are a broken clock, e.g. a GPS week rollover
    max_future_us: int  # how far a device clock may run ahead of `received_us`


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


def time_in_future(ping: Ping, context: StepContext) -> Rejected | None:
    ahead_us = ping.time_us - context.received_us
    if ahead_us <= context.max_future_us:
        return None
    ahead, limit = ahead_us / 1_000_000, context.max_future_us / 1_000_000
    detail = f"{rfc3339(ping.time_us)} is {ahead:.0f} s ahead, the limit is {limit:.0f} s"
    return Rejected("time_in_future", detail, ping.seq)


Step = Callable[[Ping, StepContext], Rejected | None]

# In this order; the first that objects names the reason. A device without a fix often has no clock either.
STEPS: tuple[Step, ...] = (no_fix, time_too_old, time_in_future)


def apply_steps(pings: list[Ping], context: StepContext) -> tuple[list[Ping], list[Rejected]]:
    """The pings that pass every step, in their order, and a rejection for each other one."""
    earliest_us, latest_us = context.earliest_us, context.received_us + context.max_future_us
    for ping in pings:
        # What nearly every ping is like; whatever is not goes through the steps, which decide.
        if not (earliest_us <= ping.time_us <= latest_us and ping.lat != 0.0 and ping.attributes is None):
            return _one_by_one(pings, context)
    return pings, []


def _one_by_one(pings: list[Ping], context: StepContext) -> tuple[list[Ping], list[Rejected]]:
    rejected: list[Rejected] = []
    kept: list[Ping] = []
    for ping in pings:
        for step in STEPS:
            refusal = step(ping, context)
            if refusal is not None:
                rejected.append(refusal)
                break
        else:
            kept.append(ping)
    return kept, rejected
