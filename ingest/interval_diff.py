"""What changed between the intervals that were told and those that the pings now show. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from ingest.interval import Interval, Key, family_of
from ingest.pairing import pair_up

# `reseen`: only the ping that made it certain is another; written down, told to nobody.
Change = Literal["created", "ended", "revised", "retracted", "reseen"]


class StoredInterval(msgspec.Struct, frozen=True):
    """A row of `intervals` that was not retracted."""

    id: int
    interval: Interval


class IntervalChange(msgspec.Struct, frozen=True):
    """`created`: no `stored`; `retracted`: no `interval`; else both. `ended` takes nothing back."""

    change: Change
    stored: StoredInterval | None
    interval: Interval | None


def in_scope(
    stored: Iterable[StoredInterval], since_us: int, open_at_start: Iterable[Interval]
) -> list[StoredInterval]:
    """Those that a refold decides anew: became certain after `since_us`, or were not over then.

    `since_us` is the time of the snapshot it starts from. Without one, just before the first ping there is: what
    older pings showed before retention removed them stays.
    """
    not_over = {interval.key for interval in open_at_start}
    return [each for each in stored if each.interval.seen_us > since_us or each.interval.key in not_over]


def with_seen(
    known: Mapping[Key, Interval],
    stored: Iterable[StoredInterval],
    open_at_start: Iterable[Interval],
    since_us: int,
) -> list[Interval]:
    """The intervals that are known now; those that were open at the start became certain before it, as told."""
    told = {each.interval.key: each.interval.seen_us for each in stored}
    at_start = {interval.key for interval in open_at_start}
    return [
        msgspec.structs.replace(interval, seen_us=told.get(key, since_us)) if key in at_start else interval
        for key, interval in known.items()
    ]


def diff(stored: Sequence[StoredInterval], intervals: Iterable[Interval]) -> list[IntervalChange]:
    """The fewest changes that make `stored` say what `intervals` say."""
    old: dict[tuple[str, str, int], list[StoredInterval]] = {}
    new: dict[tuple[str, str, int], list[Interval]] = {}
    for each in stored:
        old.setdefault(_sort(each.interval), []).append(each)
    for interval in intervals:
        new.setdefault(_sort(interval), []).append(interval)
    changes: list[IntervalChange] = []
    for sort in sorted(old.keys() | new.keys()):
        pairs, gone, fresh = pair_up(
            old.get(sort, ()),
            new.get(sort, ()),
            lambda s: (s.interval.started_us, s.interval.ended_us),
            lambda i: (i.started_us, i.ended_us),
        )
        for before, after in pairs:
            change = change_of(before.interval, after)
            if change is not None:
                changes.append(IntervalChange(change, before, after))
        changes.extend(IntervalChange("retracted", each, None) for each in gone)
        changes.extend(IntervalChange("created", None, each) for each in fresh)
    return changes


def change_of(before: Interval, after: Interval) -> Change | None:
    """What to call the step from one telling of an interval to the next; None when they say the same."""
    if before == after:
        return None
    if before == msgspec.structs.replace(after, seen_us=before.seen_us):
        return "reseen"
    only_ended = (
        before.ended_us is None and after.ended_us is not None and before.started_us == after.started_us
    )
    return "ended" if only_ended and before.kind == after.kind else "revised"


def _sort(interval: Interval) -> tuple[str, str, int]:
    return (family_of(interval.kind), interval.origin, interval.device_id)
