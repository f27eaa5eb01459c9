"""Faults change when and how often pings are sent, never which (but the ones that say so)."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import faults
from simulator.fix import Fix, Message
from simulator.scenario import replay_schedule
from simulator.trouble import DEFAULTS, Trouble, parse_trouble, publish_schedule


def track(count: int = 600, step_s: int = 10) -> list[Fix]:
    return [
        Fix(time_us=i * step_s * 1_000_000, lon=-17.0 + i / 1e4, lat=14.0, seq=i + 1) for i in range(count)
    ]


def pings(messages: list[Message]) -> Counter[Fix]:
    return Counter(fix for message in messages for fix in message.fixes)


def assert_in_due_order(messages: list[Message]) -> None:
    assert all(a.due_us <= b.due_us for a, b in pairwise(messages))


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_the_plain_schedule_sends_each_ping_once_when_its_batch_is_full(batch: int) -> None:
    fixes = track()
    messages = list(faults.scheduled(fixes, batch=batch))
    assert [fix for message in messages for fix in message.fixes] == fixes
    assert all(m.due_us == m.fixes[-1].time_us for m in messages)
    assert max(len(m.fixes) for m in messages) == batch


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("backlog", [False, True])
def test_gaps_hold_pings_back_and_lose_none(newest_first: bool, backlog: bool) -> None:
    fixes = track()
    plain = list(faults.scheduled(fixes))
    messages = list(
        faults.with_gaps(
            plain, seed="g", every_s=900, length_s=300, backlog=backlog, newest_first=newest_first
        )
    )
    assert pings(messages) == Counter(fixes)
    assert_in_due_order(messages)
    uploads = [m for m in messages if len(m.fixes) > 1]
    assert uploads
    assert {m.backlog for m in uploads} == {backlog}
    for upload in uploads:
        times = [fix.time_us for fix in upload.fixes]
        assert times == sorted(times, reverse=newest_first)
        assert upload.due_us >= max(times)
    assert max(m.due_us - fix.time_us for m in messages for fix in m.fixes) > 120e6


def test_duplicates_are_the_same_message_again() -> None:
    fixes = track()
    messages = list(faults.duplicated(faults.scheduled(fixes, batch=3), 0.3, seed="d"))
    counted = Counter(message.fixes for message in messages)
    assert set(counted.values()) == {1, 2}
    assert set(pings(messages)) == set(fixes)
    assert 0.2 < sum(n == 2 for n in counted.values()) / len(counted) < 0.4
    assert_in_due_order(messages)


def test_repeats_put_the_same_ping_into_two_batches() -> None:
    fixes = track()
    messages = list(faults.repeated(faults.scheduled(fixes, batch=3), 1.0, seed="r"))
    assert set(pings(messages)) == set(fixes)
    assert len(messages) == 200
    assert all(b.fixes[0] == a.fixes[-1] for a, b in pairwise(messages))


def test_disorder_delays_but_keeps() -> None:
    fixes = track()
    messages = list(faults.disordered(faults.scheduled(fixes), 0.2, seed="o"))
    assert pings(messages) == Counter(fixes)
    assert_in_due_order(messages)
    order = [m.fixes[0].seq for m in messages]
    assert order != sorted(order)


def test_missing_zero_and_silence_change_what_is_recorded() -> None:
    fixes = track()
    kept = list(faults.dropped(fixes, 0.25, seed="m"))
    assert 0.65 < len(kept) / len(fixes) < 0.85
    assert set(kept) < set(fixes)
    zeroed = list(faults.zeroed(fixes, 0.1, seed="z"))
    zeros = [f for f in zeroed if (f.lon, f.lat) == (0.0, 0.0)]
    assert 30 < len(zeros) < 100
    assert {f.satellites for f in zeros} == {0}
    assert [f.seq for f in zeroed] == [f.seq for f in fixes]
    silent = list(faults.silenced(fixes, seed="q", every_s=1200, length_s=600))
    assert max(b.time_us - a.time_us for a, b in pairwise(silent)) >= 300e6


def test_clock_jumps_change_times_only() -> None:
    fixes = track()
    messages = list(faults.clock_jumped(faults.scheduled(fixes), 0.1, seed="c"))
    assert [m.fixes[0].seq for m in messages] == [f.seq for f in fixes]
    assert [m.due_us for m in messages] == [f.time_us for f in fixes]
    wrong = [m for m in messages if m.fixes[0].time_us != m.due_us]
    assert 10 < len(wrong) < 200


def test_numbers_rise_by_one_in_recording_order() -> None:
    messages = publish_schedule(track(), parse_trouble("all"), seed="n", batch=4, first_seq=100)
    seqs = {fix.seq for message in messages for fix in message.fixes}
    assert seqs == set(range(100, 100 + len(seqs)))
    assert 450 < len(seqs) < 600  # some were never recorded


sending = st.builds(
    Trouble,
    gaps_per_h=st.sampled_from([0.0, 2.0]),
    gaps_live=st.booleans(),
    newest_first=st.booleans(),
    duplicates=st.sampled_from([0.0, 0.3]),
    repeats=st.sampled_from([0.0, 0.3]),
    disorder=st.sampled_from([0.0, 0.3]),
)


@given(sending, st.integers(1, 60), st.text("ab", max_size=3), st.integers(0, 120))
def test_no_mixture_of_sending_faults_loses_or_invents_a_ping(
    trouble: Trouble, batch: int, seed: str, count: int
) -> None:
    fixes = track(count)
    messages = list(publish_schedule(fixes, trouble, seed=seed, batch=batch))
    again = list(publish_schedule(fixes, trouble, seed=seed, batch=batch))
    assert messages == again
    assert_in_due_order(messages)
    counted = pings(messages)
    assert set(counted) == set(fixes)
    if not (trouble.duplicates or trouble.repeats):
        assert counted == Counter(fixes)
    assert all(1 <= len(m.fixes) <= 500 for m in messages)


@pytest.mark.parametrize("order", ["recorded", "shuffled", "newest-first"])
@pytest.mark.parametrize("duplicate", [False, True])
def test_replay_orders_keep_every_ping(order: str, duplicate: bool) -> None:
    fixes = track(101)
    messages = list(replay_schedule(fixes, batch=10, order=order, duplicate=duplicate))  # type: ignore[arg-type]
    counted = pings(messages)
    assert set(counted) == set(fixes)
    assert (max(counted.values()) > 1) == duplicate
    assert_in_due_order(messages)
    first = messages[0].fixes[0].seq
    assert {"recorded": first == 1, "newest-first": first == 101, "shuffled": True}[order]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Trouble()),
        ("gaps", Trouble(gaps_per_h=1.0)),
        ("duplicates=0.5, zero", Trouble(duplicates=0.5, zero=0.02)),
        ("newest-first", Trouble(gaps_per_h=1.0, newest_first=True)),
        ("gaps=3,gap-minutes=5", Trouble(gaps_per_h=3.0, gap_minutes=5.0)),
    ],
)
def test_faults_are_read_as_written(text: str, expected: Trouble) -> None:
    assert parse_trouble(text) == expected


@pytest.mark.parametrize("text", ["rain", "duplicates=2", "duplicates=x", "newest-first=1", "zero=-1"])
def test_what_is_not_a_fault_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=text.split("=", maxsplit=1)[0]):
        parse_trouble(text)


def test_every_fault_has_a_default() -> None:
    assert {field for field, _ in DEFAULTS.values()} == set(Trouble.__dataclass_fields__)


def test_a_batch_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 500"):
        list(faults.scheduled(track(3), batch=501))
