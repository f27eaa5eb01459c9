"""Which of the spans that were told are the same as those that are known now. Pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Old = TypeVar("Old")
New = TypeVar("New")
Span = tuple[int, int | None]  # start, end or still open; microseconds

_FOREVER = 2**62


def pair_up(
    old: Sequence[Old],
    new: Sequence[New],
    span_of_old: Callable[[Old], Span],
    span_of_new: Callable[[New], Span],
) -> tuple[list[tuple[Old, New]], list[Old], list[New]]:
    """Pairs, old ones without a partner, and new ones without.

    Two that start together are the same; else one that overlaps in time is taken as the same. No two of `old`
    start together, and no two of `new`.
    """
    left = {span_of_old(each)[0]: each for each in old}
    pairs: list[tuple[Old, New]] = []
    moved: list[New] = []
    for each in sorted(new, key=lambda each: span_of_new(each)[0]):
        same = left.pop(span_of_new(each)[0], None)
        if same is not None:
            pairs.append((same, each))
        else:
            moved.append(each)
    waiting = sorted(left.values(), key=lambda each: span_of_old(each)[0])
    fresh: list[New] = []
    for each in moved:
        twin = _first_overlapping(waiting, span_of_old, span_of_new(each))
        if twin is None:
            fresh.append(each)
        else:
            del left[span_of_old(twin)[0]]
            pairs.append((twin, each))
    return pairs, list(left.values()), fresh


def _first_overlapping(waiting: list[Old], span_of: Callable[[Old], Span], span: Span) -> Old | None:
    """Taken out of `waiting`, which is sorted by start; and so are those that are over before the span begins.

    The spans asked for come sorted by start too, so what is over is over for all that follow: thousands of moments
    that a refold moved are paired in one pass.
    """
    while waiting and not _overlap(span_of(waiting[0]), (span[0], None)):
        waiting.pop(0)
    for place, old in enumerate(waiting):
        if not _overlap((span_of(old)[0], None), span):
            return None
        if _overlap(span_of(old), span):
            return waiting.pop(place)
    return None


def _overlap(a: Span, b: Span) -> bool:
    return a[0] <= (_FOREVER if b[1] is None else b[1]) and b[0] <= (_FOREVER if a[1] is None else a[1])
