"""Which of the spans that were told are the same as those that are known now."""

import time

from hypothesis import given
from hypothesis import strategies as st

from ingest.pairing import Span, pair_up


def paired(old: list[Span], new: list[Span]) -> tuple[list[tuple[Span, Span]], list[Span], list[Span]]:
    pairs, gone, fresh = pair_up(old, new, lambda span: span, lambda span: span)
    return sorted(pairs, key=lambda pair: pair[0][0]), gone, fresh


def test_the_same_are_the_same() -> None:
    assert paired([(0, 10), (20, None)], [(0, 10), (20, None)]) == (
        [((0, 10), (0, 10)), ((20, None), (20, None))], [], []
    )  # fmt: skip


def test_a_later_end_is_the_same_by_its_start() -> None:
    assert paired([(0, 10)], [(0, 30)]) == ([((0, 10), (0, 30))], [], [])


def test_an_earlier_start_is_the_same_by_its_overlap() -> None:
    assert paired([(5, None)], [(2, None)]) == ([((5, None), (2, None))], [], [])


def test_without_overlap_one_goes_and_one_comes() -> None:
    assert paired([(0, 10)], [(11, 20)]) == ([], [(0, 10)], [(11, 20)])


def test_one_that_starts_together_is_preferred_to_one_that_overlaps() -> None:
    assert paired([(0, 30), (40, 50)], [(20, 45), (40, 60)]) == (
        [((0, 30), (20, 45)), ((40, 50), (40, 60))], [], []
    )  # fmt: skip


def test_one_that_falls_into_two_is_kept_once() -> None:
    assert paired([(0, 100)], [(10, 20), (30, 40)]) == ([((0, 100), (10, 20))], [], [(30, 40)])


def test_two_that_become_one_leave_one() -> None:
    assert paired([(0, 10), (20, 30)], [(5, 25)]) == ([((0, 10), (5, 25))], [(20, 30)], [])


@st.composite
def spans(draw: st.DrawFn) -> list[Span]:
    """One after the other, the last one maybe open; some are moments."""
    steps = draw(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), max_size=12))
    made: list[Span] = []
    time_us = 0
    for gap, length in steps:
        made.append((time_us + gap, time_us + gap + length))
        time_us += gap + length
    if made and draw(st.booleans()):
        made[-1] = (made[-1][0], None)
    return made


@given(spans(), spans())
def test_all_are_accounted_for_and_no_pair_is_missed(old: list[Span], new: list[Span]) -> None:
    pairs, gone, fresh = paired(old, new)
    assert sorted([o for o, _ in pairs] + gone, key=lambda s: s[0]) == old
    assert sorted([n for _, n in pairs] + fresh, key=lambda s: s[0]) == new
    for (old_start, old_end), (new_start, new_end) in pairs:
        assert old_start <= (2**62 if new_end is None else new_end)
        assert new_start <= (2**62 if old_end is None else old_end)
    assert not {start for start, _ in gone} & {start for start, _ in fresh}


def test_thousands_of_moments_that_moved_are_paired_in_one_pass() -> None:
    old: list[Span] = [(10 * n, 10 * n) for n in range(20_000)]
    new: list[Span] = [(10 * n + 1, 10 * n + 1) for n in range(20_000)]
    begin = time.process_time()
    _, gone, fresh = paired(old, new)
    assert len(gone) == len(fresh) == 20_000
    assert time.process_time() - begin < 3
