"""The buckets of lateness, and what is read from counts in them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.lateness import BOUNDS_MS, BUCKETS, FIRST_MS, bucket_of, mean_ms, quantile_ms

DAY_MS = 86_400_000
HUNDRED_YEARS_MS = 36_525 * DAY_MS


def counts_of(values: list[int]) -> list[int]:
    return np.bincount(bucket_of(np.array(values, np.int64))).tolist() if values else []


def test_the_buckets_never_change() -> None:
    """Counts in them are stored for years: these numbers are a promise, as is their mirror in migration 0003."""
    assert (len(BOUNDS_MS), BOUNDS_MS[0], BOUNDS_MS[25], BOUNDS_MS[-1]) == (264, 100, 1000, 3_311_311_214_826)
    assert BOUNDS_MS[:12] == (100, 110, 120, 132, 145, 158, 174, 191, 209, 229, 251, 275)
    assert [BOUNDS_MS[n] for n in (50, 100, 150, 200, 250)] == [10_000, 1_000_000, 10**8, 10**10, 10**12]


def test_no_bucket_is_wider_than_a_tenth() -> None:
    assert all(b <= a * 1.1 + 1 for a, b in pairwise(BOUNDS_MS)), "but for whole milliseconds"
    assert BOUNDS_MS[-1] > HUNDRED_YEARS_MS


@pytest.mark.parametrize(
    ("lateness_ms", "bucket"),
    [(0, 0), (FIRST_MS, 0), (FIRST_MS + 1, 1), (110, 1), (111, 2), (10**15, BUCKETS - 1)],
)
def test_a_bucket_holds_its_upper_bound(lateness_ms: int, bucket: int) -> None:
    assert bucket_of(np.array([lateness_ms])).tolist() == [bucket]


LATENESS = st.one_of(st.integers(0, 5000), st.integers(0, HUNDRED_YEARS_MS))


@settings(deadline=None)
@given(st.lists(LATENESS, min_size=1, max_size=60), st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_at_most_a_tenth_too_high(values: list[int], share: float) -> None:
    exact = sorted(values)[max(1, int(np.ceil(share * len(values)))) - 1]
    told = quantile_ms(counts_of(values), share)
    assert told is not None
    assert exact <= told <= max(FIRST_MS, exact * 1.1 + 1)


def test_of_nothing_there_is_no_quantile_and_no_mean() -> None:
    assert quantile_ms([], 0.99) is None
    assert quantile_ms([0, 0], 0.99) is None
    assert mean_ms(0, 0) is None


def test_the_mean_is_exact() -> None:
    assert mean_ms(10, 4) == 2.5
