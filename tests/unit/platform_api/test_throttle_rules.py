"""How much of a limit is left, how long a lock lasts, and whom an address belongs to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.throttle import rules
from platform_api.throttle.rules import Limit, Lock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIVE = Limit("five", 5, timedelta(hours=1))
LOCK = Lock()
S = timedelta(seconds=1)


def taken_at(limit: Limit, times: list[datetime]) -> list[datetime]:
    """Those of the times at which one was allowed."""
    full_at, taken = None, []
    for time in times:
        if not rules.wait_for(limit, full_at, time):
            full_at = rules.spend(limit, full_at, time)
            taken.append(time)
    return taken


def test_all_at_once_and_then_one_after_the_other() -> None:
    tries = [NOW + timedelta(minutes=minute) for minute in (0, 0, 0, 0, 0, 0, 11, 12, 12, 23, 24)]
    minutes = [(time - NOW).total_seconds() / 60 for time in taken_at(FIVE, tries)]
    assert minutes == [0, 0, 0, 0, 0, 12, 24]


def test_whoever_waits_as_told_is_let_in() -> None:
    full_at = None
    for _ in range(5):
        full_at = rules.spend(FIVE, full_at, NOW)
    wait = rules.wait_for(FIVE, full_at, NOW)
    assert wait == timedelta(minutes=12)
    assert rules.wait_for(FIVE, full_at, NOW + wait - S) == S
    assert not rules.wait_for(FIVE, full_at, NOW + wait)


@given(st.lists(st.integers(min_value=0, max_value=20_000), max_size=60), st.integers(1, 10))
def test_never_more_than_the_limit_in_any_stretch_of_time(seconds: list[int], times: int) -> None:
    limit = Limit("any", times, timedelta(hours=1))
    taken = taken_at(limit, sorted(NOW + second * S for second in seconds))
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= times + (taken[last] - taken[first]) / limit.step


@pytest.mark.parametrize(
    ("failures", "lock"),
    [(0, 0), (4, 0), (5, 30), (6, 60), (7, 120), (11, 1920), (12, 3600), (5000, 3600)],
)
def test_a_lock_grows_and_is_never_for_ever(failures: int, lock: int) -> None:
    assert rules.lock_left(LOCK, failures, NOW, NOW) == lock * S
    assert rules.lock_left(LOCK, failures, NOW, NOW + lock * S) == timedelta()


def test_a_request_with_an_earlier_clock_is_not_locked_out_by_that() -> None:
    assert rules.lock_left(LOCK, 4, NOW + S, NOW) == timedelta()


def test_a_clock_that_was_set_back_locks_nobody() -> None:
    full_at = None
    for _ in range(5):
        full_at = rules.spend(FIVE, full_at, NOW + timedelta(days=1))
    assert not rules.wait_for(FIVE, full_at, NOW)
    assert rules.spend(FIVE, full_at, NOW) == NOW + FIVE.step


def test_old_failures_are_forgotten() -> None:
    assert rules.failures_now(LOCK, 9, NOW, NOW + LOCK.forget - S) == 9
    assert rules.failures_now(LOCK, 9, NOW, NOW + LOCK.forget) == 0


@pytest.mark.parametrize(("wait", "told"), [(timedelta(), 1), (0.2 * S, 1), (S, 1), (1.01 * S, 2)])
def test_nobody_is_told_to_come_back_too_early(wait: timedelta, told: int) -> None:
    assert rules.seconds(wait) == told


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("41.82.1.2", "41.82.1.2"),
        ("::ffff:41.82.1.2", "41.82.1.2"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_whom_an_address_belongs_to(host: str | None, network: str) -> None:
    assert rules.network_of(host) == network
