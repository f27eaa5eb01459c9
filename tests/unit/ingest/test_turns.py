"""Live first, backlog in between, nobody starved."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.turns import STARVED_S, Pace, Turn, Waiting, next_turn

WAIT_S = 0.02
IDLE = Waiting(
    now_s=100.0,
    live_since_s=None,
    live_is_full=False,
    backlog=False,
    last_live_s=99.9,
    last_backlog_s=99.9,
)


def turn(**changes: object) -> Turn:
    return next_turn(msgspec.structs.replace(IDLE, **changes), WAIT_S)  # type: ignore[arg-type]


def test_with_nothing_there_is_nothing_to_do_until_something_comes() -> None:
    assert turn() == Turn("wait", None)


def test_a_live_message_waits_for_company_and_no_longer() -> None:
    waits = turn(live_since_s=99.995)
    assert waits.kind == "wait"
    assert waits.wait_s == pytest.approx(0.015)
    assert turn(live_since_s=99.97) == Turn("live")
    assert turn(live_since_s=99.995, live_is_full=True) == Turn("live")


def test_backlog_is_worked_on_while_live_messages_gather() -> None:
    assert turn(live_since_s=99.995, backlog=True) == Turn("backlog")
    assert turn(backlog=True) == Turn("backlog")


def test_a_live_batch_that_is_due_goes_before_the_backlog() -> None:
    assert turn(live_since_s=99.97, backlog=True) == Turn("live")


def test_backlog_that_has_waited_long_gets_a_slice_all_the_same() -> None:
    starved = {
        "live_since_s": 99.0,
        "live_is_full": True,
        "backlog": True,
        "last_backlog_s": 100.0 - STARVED_S,
    }
    assert turn(**starved) == Turn("backlog")
    assert turn(**starved | {"backlog": False}) == Turn("live")


def test_who_leaves_finishes_what_is_there_without_waiting() -> None:
    assert turn(closing=True, live_since_s=100.0, backlog=True) == Turn("live")
    assert turn(closing=True, backlog=True) == Turn("backlog")
    assert turn(closing=True) == Turn("done")


def test_a_slice_fits_its_time_once_the_rate_is_known() -> None:
    pace = Pace()
    for _ in range(50):
        pace.took(20_000_000, 1.0)
    assert pace.slice_bytes(calm=False) == pytest.approx(300_000, rel=0.01)
    assert pace.slice_bytes(calm=True) == pytest.approx(1_200_000, rel=0.01)


def test_a_slow_moment_does_not_make_slices_so_small_that_they_stay_slow() -> None:
    """Each costs 20 ms besides what is in it: measured by its bytes alone, ever smaller ones would look right."""
    pace = Pace()
    for _ in range(50):
        size = pace.slice_bytes(calm=False)
        pace.took(size, 0.020 + size / 20_000_000)
    assert pace.slice_bytes(calm=False) >= 128 * 1024


@given(st.lists(st.tuples(st.integers(0, 10**8), st.floats(0, 1000)), max_size=20))
def test_a_slice_is_never_empty(slices: list[tuple[int, float]]) -> None:
    pace = Pace()
    for size_bytes, seconds in slices:
        pace.took(size_bytes, seconds)
    assert pace.slice_bytes(calm=False) > 0
