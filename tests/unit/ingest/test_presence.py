"""The state machine of presence, with plain values."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.presence import (
    MAX_REPORT_NAMES,
    MUTE_US,
    Change,
    Known,
    PresenceLimits,
    Word,
    heard,
    merged_report,
    overdue,
)

S = 1_000_000
LIMITS = PresenceLimits(grace_us=120 * S, silence_us=1800 * S)
ONLINE = Known(state="online", since_us=10 * S, seen_us=100 * S)


def test_a_first_message_brings_it_online_at_once() -> None:
    known, change = heard(Known(), 5 * S, [])
    assert change == Change("online", 5 * S)
    assert (known.state, known.since_us, known.seen_us, known.tells) == ("online", 5 * S, 5 * S, False)


def test_a_sign_of_life_while_online_is_no_news() -> None:
    known, change = heard(ONLINE, 160 * S, [])
    assert change is None
    assert (known.seen_us, known.since_us) == (160 * S, 10 * S)


def test_its_own_word_is_a_sign_of_life() -> None:
    known, change = heard(Known(state="offline", since_us=50 * S, seen_us=50 * S), None, [Word(True, 60 * S)])
    assert change == Change("online", 60 * S)
    assert known.tells


def test_a_goodbye_is_told_after_the_grace_and_not_before() -> None:
    known, change = heard(ONLINE, None, [Word(False, 130 * S)])
    assert change is None
    assert known.leaving
    assert overdue(known, 249 * S, LIMITS)[1] is None
    gone, change = overdue(known, 250 * S, LIMITS)
    assert change == Change("offline", 130 * S)  # since the goodbye, and not since it was told
    assert (gone.state, gone.since_us) == ("offline", 130 * S)
    assert overdue(gone, 9999 * S, LIMITS)[1] is None


def test_whoever_is_heard_within_the_grace_was_not_away() -> None:
    known, _ = heard(ONLINE, None, [Word(False, 130 * S)])
    known, change = heard(known, 140 * S, [])
    assert change is None
    assert not known.leaving
    assert overdue(known, 300 * S, LIMITS)[1] is None


def test_a_flapping_connection_tells_nobody() -> None:
    known = ONLINE
    for second in range(100, 4000, 60):
        known, change = heard(known, None, [Word(False, second * S)])
        assert change is None
        assert overdue(known, (second + 20) * S, LIMITS)[1] is None
        known, change = heard(known, None, [Word(True, (second + 30) * S)])
        assert change is None


def test_a_will_in_the_same_batch_as_what_came_before_it() -> None:
    away = Known(state="offline", since_us=S, seen_us=S)
    known, change = heard(away, 61 * S, [Word(True, 60 * S), Word(False, 62 * S)])
    assert change is None  # gone again: it was never there for anybody
    assert known.state == "offline"


def test_a_goodbye_from_one_nobody_ever_heard() -> None:
    known, change = heard(Known(), None, [Word(False, 10 * S)])
    assert (known.state, change) == ("unknown", None)
    assert overdue(known, 130 * S, LIMITS)[1] == Change("offline", 10 * S)


def test_silence_tells_of_those_who_never_say_goodbye() -> None:
    assert overdue(ONLINE, 1899 * S, LIMITS)[1] is None
    assert overdue(ONLINE, 1900 * S, LIMITS)[1] == Change("offline", 100 * S)


def test_one_that_says_goodbye_may_be_silent_for_a_day() -> None:
    known, _ = heard(ONLINE, None, [Word(True, 100 * S)])
    assert overdue(known, 24 * 3600 * S, LIMITS)[1] is None
    assert overdue(known, 100 * S + MUTE_US, LIMITS)[1] == Change("offline", 100 * S)


def test_the_end_of_an_old_connection_is_not_the_end_of_the_new_one() -> None:
    known, _ = heard(ONLINE, None, [Word(True, 200 * S, 20), Word(False, 201 * S, 10)])
    assert not known.leaving
    assert known.tells
    known, _ = heard(known, None, [Word(False, 202 * S, 20)])
    assert known.leaving


def test_the_beginning_of_a_connection_told_after_its_end() -> None:
    known, _ = heard(Known(), None, [Word(False, 200 * S, 20)])
    known, change = heard(known, None, [Word(True, 201 * S, 20)])
    assert change is None
    assert known.leaving
    _, change = heard(known, None, [Word(True, 202 * S, 30)])
    assert change == Change("online", 202 * S)


def test_online_is_never_dated_before_what_was_told() -> None:
    away = Known(state="offline", since_us=50 * S, seen_us=10 * S, goodbye_us=20 * S)
    known, change = heard(away, 40 * S, [])  # another worker's clock is behind
    assert change == Change("online", 50 * S)
    assert known.since_us == 50 * S


SIGNS = st.lists(
    st.tuples(st.integers(1, 50).map(lambda s: s * S), st.sampled_from(["seen", "hello", "goodbye"])),
    min_size=1,
    max_size=5,
    unique_by=lambda sign: sign[0],
)


@given(SIGNS)
def test_what_is_known_does_not_depend_on_who_writes_first(signs: list[tuple[int, str]]) -> None:
    """Two workers that saw parts of it end in the same knowledge, but for when it began."""
    ends = set()
    for order in permutations(signs):
        known = Known()
        for at_us, kind in order:
            seen_us = at_us if kind == "seen" else None
            words = [] if kind == "seen" else [Word(kind == "hello", at_us)]
            known, _ = heard(known, seen_us, words)
        ends.add((known.seen_us, known.goodbye_us, known.leaving, known.tells))
    assert len(ends) == 1


@given(SIGNS)
def test_in_the_end_it_is_online_exactly_if_it_was_heard_last(signs: list[tuple[int, str]]) -> None:
    known = Known()
    for at_us, kind in sorted(signs):
        seen_us = at_us if kind == "seen" else None
        known, _ = heard(known, seen_us, [] if kind == "seen" else [Word(kind == "hello", at_us)])
    known, _ = overdue(known, 500 * S, LIMITS)
    assert known.state == ("offline" if max(signs)[1] == "goodbye" else "online")


def test_a_report_keeps_the_newest_of_each_name_and_only_so_many() -> None:
    assert merged_report({"a": 1, "b": 2}, {"b": 3, "c": 4}) == {"a": 1, "b": 3, "c": 4}
    many = merged_report({f"old{n}": n for n in range(MAX_REPORT_NAMES)}, {"new": True})
    assert len(many) == MAX_REPORT_NAMES
    assert many["new"] is True


@pytest.mark.parametrize("tells", [True, False])
def test_patience(tells: bool) -> None:
    assert LIMITS.patience_us(tells=tells) == (MUTE_US if tells else 1800 * S)
    assert PresenceLimits(S, 10 * MUTE_US).patience_us(tells=tells) == 10 * MUTE_US
