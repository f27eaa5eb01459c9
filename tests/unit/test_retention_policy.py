"""What a fleet may set about how long its telemetry is kept, and which pings of a device are too many."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.retention import MAX_DAYS, RetentionError, RetentionPolicy, check, cutoffs, surplus

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "policy",
    [
        RetentionPolicy(),
        RetentionPolicy(ping_days=35),
        RetentionPolicy(ping_days=MAX_DAYS, interval_days=MAX_DAYS, visit_days=MAX_DAYS),
        RetentionPolicy(ping_days=365, thin_after_days=90, thin_to_s=60, interval_days=730),
        RetentionPolicy(thin_after_days=90, thin_to_s=60),
    ],
)
def test_what_can_be(policy: RetentionPolicy) -> None:
    check(policy, lateness_days=35)


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (RetentionPolicy(ping_days=34), "retention_too_short"),
        (RetentionPolicy(ping_days=90, thin_after_days=34, thin_to_s=60), "retention_too_short"),
        (RetentionPolicy(ping_days=MAX_DAYS + 1), "retention_too_long"),
        (RetentionPolicy(ping_days=90, interval_days=89), "retention_order"),
        (RetentionPolicy(ping_days=90, visit_days=40), "retention_order"),
        (RetentionPolicy(interval_days=400), "retention_order"),
        (RetentionPolicy(ping_days=90, thin_after_days=40), "thinning"),
        (RetentionPolicy(ping_days=90, thin_to_s=60), "thinning"),
        (RetentionPolicy(ping_days=90, thin_after_days=40, thin_to_s=9), "thinning"),
        (RetentionPolicy(ping_days=90, thin_after_days=40, thin_to_s=86_401), "thinning"),
        (RetentionPolicy(ping_days=90, thin_after_days=90, thin_to_s=60), "thinning"),
    ],
)
def test_what_cannot_be(policy: RetentionPolicy, code: str) -> None:
    with pytest.raises(RetentionError) as raised:
        check(policy, lateness_days=35)
    assert raised.value.code == code
    if code == "retention_too_short":
        assert "35" in raised.value.detail


def test_days_are_whole_and_never_fewer_than_late_pings_need() -> None:
    rules = cutoffs(RetentionPolicy(90, 40, 60, 365), NOW, lateness_days=35)
    assert rules.pings == MIDNIGHT - timedelta(days=90)
    assert rules.thin == rules.complete_from == MIDNIGHT - timedelta(days=40)
    assert rules.intervals == MIDNIGHT - timedelta(days=365)
    assert rules.visits is None
    # Set before the lateness was made longer.
    assert cutoffs(RetentionPolicy(90), NOW, lateness_days=100).pings == MIDNIGHT - timedelta(days=100)
    assert cutoffs(RetentionPolicy(), NOW, lateness_days=35).complete_from is None


@given(
    st.lists(st.integers(-5_000, 5_000), max_size=60),
    st.integers(1, 500),
    st.lists(st.integers(1, 10), min_size=1),
    st.randoms(),
)
def test_one_of_each_interval_stays_however_it_is_cut_and_again(
    times: list[int], interval: int, cuts: list[int], dice: random.Random
) -> None:
    times = sorted(times)
    gone, _ = surplus(times, interval)
    left = list(times)
    for time in gone:
        left.remove(time)
    assert left == [
        min(t for t in times if t // interval == b) for b in sorted({t // interval for t in times})
    ]
    pieces: list[int] = []
    bucket, place = None, 0
    while place < len(times):
        size = dice.choice(cuts)
        found, bucket = surplus(times[place : place + size], interval, bucket)
        pieces += found
        place += size
    assert pieces == gone
    assert surplus(left, interval)[0] == []
