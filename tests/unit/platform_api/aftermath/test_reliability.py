"""What the last loads say of a carrier."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.reliability.rules import LOADS, Fault, Grade, Load, reliability

GOOD = Load(pickup_on_time=True, delivery_on_time=True)
LATE = Load(pickup_on_time=True, delivery_on_time=False)
GONE = Load(withdrawn=True)

loads = st.builds(
    Load,
    st.booleans(),
    st.sampled_from([True, False, None]),
    st.sampled_from([True, False, None]),
    st.frozensets(st.sampled_from(list(Fault))),
)


@pytest.mark.parametrize(
    ("given_loads", "grade"),
    [
        ([GOOD] * 4, Grade.NEW),
        ([GOOD] * 20, Grade.TOP),
        ([GOOD] * 19 + [GONE], Grade.TOP),
        ([GOOD] * 18 + [GONE] * 2, Grade.GOOD),
        ([GOOD] * 17 + [GONE] * 3, Grade.AT_RISK),
        ([GOOD] * 19 + [LATE], Grade.TOP),
        ([GOOD] * 18 + [LATE] * 2, Grade.GOOD),
        ([GOOD] * 16 + [LATE] * 4, Grade.AT_RISK),
    ],
)
def test_the_limits_of_the_grades(given_loads: list[Load], grade: Grade) -> None:
    assert reliability(given_loads).grade is grade


def test_only_the_last_twenty_count() -> None:
    assert reliability([GOOD] * LOADS + [GONE] * 50) == reliability([GOOD] * LOADS)


def test_what_was_waived_counts_as_if_it_had_gone_well() -> None:
    storm = Load(pickup_on_time=True, delivery_on_time=False, waived=frozenset({Fault.LATE_DELIVERY}))
    closed = Load(withdrawn=True, waived=frozenset({Fault.WITHDRAWN}))
    assert reliability([storm] * 6 + [closed]).score == 100
    wrong = Load(pickup_on_time=True, delivery_on_time=False, waived=frozenset({Fault.LATE_PICKUP}))
    assert reliability([wrong] * 6).delivery_on_time == 0.0


def test_loads_without_a_time_say_nothing_of_punctuality() -> None:
    found = reliability([Load()] * 6)
    assert (found.pickup_on_time, found.delivery_on_time, found.score) == (None, None, 100)


@given(st.lists(loads, max_size=30))
def test_shares_and_score_are_in_their_bounds(given_loads: list[Load]) -> None:
    found = reliability(given_loads)
    for share in (found.withdrawn_share, found.pickup_on_time, found.delivery_on_time):
        assert share is None or 0 <= share <= 1
    assert (found.score is None) == (len(given_loads) < 5)
    assert found.score is None or 0 <= found.score <= 100


@given(st.lists(loads, min_size=5, max_size=19))
def test_one_more_that_was_given_back_never_helps(given_loads: list[Load]) -> None:
    before, after = reliability(given_loads).score, reliability([GONE, *given_loads]).score
    assert before is not None
    assert after is not None
    assert after <= before
