"""What goes wrong between a receiver and a broker, as pure transforms that compose.

Fix transforms (`Iterable[Fix] -> Iterator[Fix]`) change what the device records; message transforms
(`Iterable[Message] -> Iterator[Message]`) change when, how often and in which order it is sent.
All are lazy, deterministic by seed, and message transforms yield by rising `due_us`.
No message transform loses a fix; only `duplicated` and `repeated` send one again.
Kinds and shares follow the disorder of the TSBS `iot` benchmark and of trackers in the field.
"""

import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from .fix import Fix, Message

MAX_BATCH = 500  # the native payload's limit of pings in one message
CLOCK_JUMPS_S = (-20 * 365.25 * 86400, 14 * 365.25 * 86400, 3 * 3600.0)  # week rollover, 2040, zone error


def dropped(fixes: Iterable[Fix], share: float, *, seed: str) -> Iterator[Fix]:
    """Fixes the device never recorded."""
    rng = random.Random(f"{seed}/dropped")
    return (fix for fix in fixes if rng.random() >= share)


def zeroed(fixes: Iterable[Fix], share: float, *, seed: str) -> Iterator[Fix]:
    """Fixes without reception, reported at 0/0 as many trackers do."""
    rng = random.Random(f"{seed}/zeroed")
    for fix in fixes:
        if rng.random() < share:
            yield msgspec.structs.replace(fix, lon=0.0, lat=0.0, satellites=0, speed_kmh=0.0)
        else:
            yield fix


def silenced(
    fixes: Iterable[Fix], *, seed: str, every_s: float = 7200.0, length_s: float = 1800.0
) -> Iterator[Fix]:
    """A tracker without power for about `length_s`, about each `every_s`: nothing is recorded."""
    rng = random.Random(f"{seed}/silenced")
    begin_us, end_us = None, 0
    for fix in fixes:
        if begin_us is None or fix.time_us >= end_us:
            begin_us = fix.time_us + round(rng.expovariate(1 / every_s) * 1e6)
            end_us = begin_us + round(rng.uniform(0.5, 1.5) * length_s * 1e6)
        if not begin_us <= fix.time_us < end_us:
            yield fix


def numbered(fixes: Iterable[Fix], first: int = 1) -> Iterator[Fix]:
    """Give each fix the next sequence number, in recording order."""
    return (msgspec.structs.replace(fix, seq=seq) for seq, fix in enumerate(fixes, first))


def scheduled(fixes: Iterable[Fix], *, batch: int = 1) -> Iterator[Message]:
    """The undisturbed device: `batch` fixes leave together at the time of the last of them."""
    for group in grouped(fixes, batch):
        yield Message(due_us=group[-1].time_us, fixes=group)


def clock_jumped(messages: Iterable[Message], share: float, *, seed: str, run: int = 5) -> Iterator[Message]:
    """Runs of messages stamped by a wrong clock (2006, 2040, or three hours ahead)."""
    rng = random.Random(f"{seed}/clock")
    left, offset_us = 0, 0
    for message in messages:
        if left == 0 and rng.random() < share / run:
            left, offset_us = run, round(rng.choice(CLOCK_JUMPS_S) * 1e6)
        if left == 0:
            yield message
            continue
        left -= 1
        wrong = tuple(msgspec.structs.replace(f, time_us=f.time_us + offset_us) for f in message.fixes)
        yield msgspec.structs.replace(message, fixes=wrong)


def with_gaps(
    messages: Iterable[Message],
    *,
    seed: str,
    every_s: float = 3600.0,
    length_s: float = 900.0,
    backlog: bool = True,
    newest_first: bool = False,
    batch: int = 50,
) -> Iterator[Message]:
    """No coverage for about `length_s`, about each `every_s`; what was kept is uploaded after it.

    `backlog` sends the kept fixes in the lane of old pings, else among the live ones.
    """
    rng = random.Random(f"{seed}/gaps")
    begin_us, end_us = None, 0
    kept: list[Fix] = []
    for message in messages:
        if begin_us is None or message.due_us >= end_us:
            yield from _uploads(kept, message.due_us, backlog, newest_first, batch)
            kept = []
            begin_us = message.due_us + round(rng.expovariate(1 / every_s) * 1e6)
            end_us = begin_us + round(rng.uniform(0.5, 1.5) * length_s * 1e6)
        if begin_us <= message.due_us < end_us:
            kept.extend(message.fixes)
        else:
            yield message
    if kept:
        yield from _uploads(kept, end_us, backlog, newest_first, batch)


def _uploads(
    kept: Sequence[Fix], due_us: int, backlog: bool, newest_first: bool, batch: int
) -> Iterator[Message]:
    ordered = list(reversed(kept)) if newest_first else kept
    for group in grouped(ordered, batch):
        yield Message(due_us=due_us, fixes=group, backlog=backlog)


def repeated(messages: Iterable[Message], share: float, *, seed: str) -> Iterator[Message]:
    """The same ping in two batches: a message that begins with the last fix of the one before."""
    rng = random.Random(f"{seed}/repeated")
    last: Fix | None = None
    for message in messages:
        if last is not None and len(message.fixes) < MAX_BATCH and rng.random() < share:
            yield msgspec.structs.replace(message, fixes=(last, *message.fixes))
        else:
            yield message
        last = message.fixes[-1]


def duplicated(
    messages: Iterable[Message], share: float, *, seed: str, within_s: float = 120.0
) -> Iterator[Message]:
    """The same message twice, the copy up to `within_s` later."""
    rng = random.Random(f"{seed}/duplicated")

    def copies() -> Iterator[tuple[int, list[Message]]]:
        for message in messages:
            sent = [message]
            if rng.random() < share:
                sent.append(_later(message, rng.uniform(0, within_s)))
            yield message.due_us, sent

    return _by_due(copies())


def disordered(
    messages: Iterable[Message], share: float, *, seed: str, within_s: float = 300.0
) -> Iterator[Message]:
    """Messages held back up to `within_s`, so that later ones overtake them."""
    rng = random.Random(f"{seed}/disordered")

    def held() -> Iterator[tuple[int, list[Message]]]:
        for message in messages:
            late = rng.random() < share
            yield message.due_us, [_later(message, rng.uniform(0, within_s)) if late else message]

    return _by_due(held())


def shuffled(fixes: Sequence[Fix], *, seed: str, batch: int = 1) -> Iterator[Message]:
    """Trial: the whole track in random order, spread over the time it took."""
    slots = sorted(fix.time_us for fix in fixes)
    order = list(fixes)
    random.Random(f"{seed}/shuffled").shuffle(order)
    return _over(slots, order, batch)


def newest_first(fixes: Sequence[Fix], *, batch: int = 1) -> Iterator[Message]:
    """Trial: the whole track from its end to its beginning, spread over the time it took."""
    slots = sorted(fix.time_us for fix in fixes)
    return _over(slots, sorted(fixes, key=lambda f: f.time_us, reverse=True), batch)


def _over(slots: Sequence[int], order: Sequence[Fix], batch: int) -> Iterator[Message]:
    for start, group in enumerate(grouped(order, batch)):
        due_us = slots[min(start * batch + len(group), len(slots)) - 1]
        yield Message(due_us=due_us, fixes=group)


def grouped(fixes: Iterable[Fix], size: int) -> Iterator[tuple[Fix, ...]]:
    """Consecutive groups of `size`, the last may be shorter. ValueError outside 1..500."""
    if not 1 <= size <= MAX_BATCH:
        raise ValueError(f"a batch holds 1 to {MAX_BATCH} pings, not {size}")
    source = iter(fixes)
    while group := tuple(islice(source, size)):
        yield group


def _later(message: Message, seconds: float) -> Message:
    return msgspec.structs.replace(message, due_us=message.due_us + round(seconds * 1e6))


def _by_due(timed: Iterable[tuple[int, list[Message]]]) -> Iterator[Message]:
    """Merge messages by due time; input is (now, messages due now or later) with rising now."""
    waiting: list[tuple[int, int, Message]] = []
    count = 0
    for now_us, messages in timed:
        # Strictly before: a message due exactly now could still be preceded by one held earlier.
        while waiting and waiting[0][0] < now_us:
            yield heapq.heappop(waiting)[2]
        for message in messages:
            heapq.heappush(waiting, (message.due_us, count, message))
            count += 1
    while waiting:
        yield heapq.heappop(waiting)[2]
