"""The state machine of one vehicle at one fence: plain examples of each rule, and what holds for any fixes."""

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geofence.crossings import US, FenceState, Fix, Sample, Transition, expire, fold, step
from geofence.settings import FenceSettings

RULES = FenceSettings(exit_margin_m=50.0, exit_confirmations=2, exit_dwell_s=120, accuracy_cap_m=200.0)
Told = tuple[str, float]  # enter or exit, seconds


def fix(seconds: float, accuracy_m: float | None = None) -> Fix:
    return Fix(round(seconds * US), 0.0, 0.0, accuracy_m, 1)


def samples(*rows: tuple[float, float] | tuple[float, float, float]) -> list[Sample]:
    """(seconds, metres to the border[, accuracy])."""
    return [Sample(fix(row[0], row[2] if len(row) == 3 else None), row[1]) for row in rows]


def told(rows: Sequence[Sample], settings: FenceSettings = RULES) -> list[Told]:
    _, transitions = fold(None, rows, settings)
    return [(t.kind, t.time_us / US) for t in transitions]


def passing(seconds: float = 30.0, **changes: object) -> Sample:
    """Outside at 0 s and now, 300 m further, through the fence from 10 s to 20 s."""
    sample = Sample(
        fix(seconds), 100.0, pass_in_us=10 * US, pass_out_us=20 * US, way_m=300.0, way_us=round(seconds * US)
    )
    return msgspec.structs.replace(sample, **changes)


def test_the_first_fix_inside_opens_and_the_first_after_the_last_inside_closes() -> None:
    rows = samples((0, 500), (60, -5), (120, -80), (180, 10), (240, 400), (300, 900), (360, 1500))
    assert told(rows) == [("enter", 60.0), ("exit", 180.0)]


def test_on_the_border_is_inside() -> None:
    assert told(samples((0, 0.0))) == [("enter", 0.0)]


def test_one_wild_fix_is_no_exit() -> None:
    assert told(samples((0, -5), (60, 5000), (120, -5), (180, 5000), (600, -5))) == [("enter", 0.0)]


def test_a_fix_inside_takes_the_leaving_back() -> None:
    rows = samples((0, -5), (60, 400), (110, 400), (120, -1), (180, 400), (300, 400))
    assert told(rows) == [("enter", 0.0), ("exit", 180.0)]


def test_a_fix_within_the_margin_breaks_the_row_but_not_the_departure() -> None:
    rows = samples((0, -5), (60, 400), (119, 30), (130, 400), (240, 400))
    assert told(rows) == [("enter", 0.0)], "110 s of clear fixes in a row"
    assert told([*rows, *samples((250, 400))]) == [("enter", 0.0), ("exit", 60.0)]


def test_parked_within_the_margin_never_leaves() -> None:
    assert told(samples(*[(t, 49.9 if t else -1.0) for t in range(0, 86_400, 60)])) == [("enter", 0.0)]


@pytest.mark.parametrize(("distance_m", "leaves"), [(50.0, False), (50.1, True)])
def test_the_margin(distance_m: float, leaves: bool) -> None:
    rows = samples((0, -5), (60, distance_m), (180, distance_m))
    assert (("exit", 60.0) in told(rows)) is leaves


@pytest.mark.parametrize(
    ("accuracy_m", "distance_m", "leaves"),
    [(30.0, 80.0, False), (30.0, 80.5, True), (2000.0, 250.0, False), (2000.0, 250.5, True)],
)
def test_a_claimed_accuracy_widens_the_margin_up_to_its_cap(
    accuracy_m: float, distance_m: float, leaves: bool
) -> None:
    rows = samples((0, -5), (60, distance_m, accuracy_m), (180, distance_m, accuracy_m))
    assert (("exit", 60.0) in told(rows)) is leaves


@pytest.mark.parametrize(
    ("confirmations", "dwell_s", "exits_at_fix"), [(1, 0, 1), (2, 0, 2), (3, 0, 3), (1, 100, 3), (2, 101, 4)]
)
def test_confirmations_and_dwell_of_an_exit(confirmations: int, dwell_s: int, exits_at_fix: int) -> None:
    """Fixes clearly outside every 50 s: the exit is certain with one of them and dated with the first."""
    settings = FenceSettings(exit_confirmations=confirmations, exit_dwell_s=dwell_s)
    rows = samples((0, -5), *[(50 * n, 1000) for n in range(1, 6)])
    assert told(rows[:exits_at_fix], settings) == [("enter", 0.0)]
    assert told(rows[: exits_at_fix + 1], settings) == [("enter", 0.0), ("exit", 50.0)]


@pytest.mark.parametrize(
    ("confirmations", "dwell_s", "enters_at_fix"), [(1, 0, 0), (2, 0, 1), (3, 0, 2), (1, 100, 2), (4, 100, 3)]
)
def test_confirmations_and_dwell_of_an_entry(confirmations: int, dwell_s: int, enters_at_fix: int) -> None:
    settings = FenceSettings(enter_confirmations=confirmations, enter_dwell_s=dwell_s)
    rows = samples(*[(50 * n, -10) for n in range(6)])
    assert told(rows[:enters_at_fix], settings) == []
    assert told(rows[: enters_at_fix + 1], settings) == [("enter", 0.0)]


def test_an_entry_that_is_not_confirmed_was_none() -> None:
    settings = FenceSettings(enter_confirmations=2, enter_dwell_s=60)
    assert told(samples((0, -5), (30, 1000), (60, -5), (90, -5)), settings) == []
    assert told(samples((0, -5), (30, 1000), (60, -5), (120, -5)), settings) == [("enter", 60.0)]


def test_out_of_reach_is_clearly_outside() -> None:
    assert told(samples((0, -5), (60, math.inf, 5000), (180, math.inf, 5000)))[-1] == ("exit", 60.0)


def test_a_second_stay_is_a_second_visit() -> None:
    rows = samples((0, -5), (60, 900), (180, 900), (600, -5), (660, 900), (780, 900))
    assert told(rows) == [("enter", 0.0), ("exit", 60.0), ("enter", 600.0), ("exit", 660.0)]


def test_an_exit_tells_of_its_visit() -> None:
    _, (_, exit_) = fold(None, samples((0, -5), (30, -5), (60, 900), (180, 900)), RULES)
    assert exit_ == Transition("exit", 0, 60 * US, fix(60), 30 * US, False)


def test_a_pass_is_a_visit_with_the_times_of_the_way() -> None:
    _, transitions = fold(None, [passing()], RULES)
    assert [(t.kind, t.entered_us, t.time_us, t.inferred) for t in transitions] == [
        ("enter", 10 * US, 10 * US, True),
        ("exit", 10 * US, 20 * US, True),
    ]
    assert step(None, passing(), RULES)[0] is None


@pytest.mark.parametrize(
    ("sample", "believed"),
    [
        (passing(pass_in_us=None), False),
        (passing(seconds=300.0), True),
        (passing(seconds=300.1), False),
        (passing(way_m=100.0), False),
        (passing(way_m=100.1), True),
        (passing(way_m=130.0, way_accuracy_m=30.0), False),
        (passing(way_m=130.1, way_accuracy_m=30.0), True),
    ],
)
def test_which_passes_are_believed(sample: Sample, believed: bool) -> None:
    assert bool(told([sample])) is believed


def test_a_fence_can_do_without_passes() -> None:
    assert told([passing()], FenceSettings(segment_crossing=False)) == []


def test_no_pass_while_a_visit_is_open() -> None:
    assert told([*samples((0, -5)), passing()]) == [("enter", 0.0)]


class TestExpire:
    """The end of a fence's validity, at 1000 s."""

    END_US, AT = 1000 * US, fix(1010)

    def after(self, *rows: tuple[float, float]) -> FenceState:
        state, _ = fold(None, samples(*rows), RULES)
        assert state is not None
        return state

    def test_a_truck_still_inside_stayed_to_the_end(self) -> None:
        (exit_,) = expire(self.after((0, -5), (900, -5)), self.END_US, self.AT)
        assert exit_ == Transition("exit", 0, self.END_US, self.AT, 900 * US, True)

    def test_a_truck_that_was_leaving_left_then(self) -> None:
        (exit_,) = expire(self.after((0, -5), (800, 900)), self.END_US, self.AT)
        assert exit_ == Transition("exit", 0, 800 * US, fix(800), 0, True)

    def test_an_entry_that_was_never_confirmed_stays_untold(self) -> None:
        state, transitions = fold(None, samples((0, -5)), FenceSettings(enter_confirmations=2))
        assert state is not None
        assert transitions == []
        assert expire(state, self.END_US, self.AT) == ()


@st.composite
def any_samples(draw: st.DrawFn) -> list[Sample]:
    moves = draw(
        st.lists(
            st.tuples(
                st.integers(0, 200),
                st.sampled_from([-200.0, -1.0, 0.0, 1.0, 49.0, 51.0, 90.0, 260.0, 900.0, math.inf]),
                st.sampled_from([None, 0.0, 8.0, 100.0, 3000.0]),
                st.booleans(),
            ),
            max_size=60,
        )
    )
    seconds, before_m, rows = 0, -1.0, []
    for pause, distance_m, accuracy_m, through in moves:
        sample = Sample(fix(seconds + pause, accuracy_m), distance_m)
        if through and pause and distance_m > 0 and before_m > 0:
            way = {"pass_in_us": seconds * US + 1, "pass_out_us": (seconds + pause) * US - 1}
            sample = msgspec.structs.replace(sample, **way, way_m=400.0, way_us=pause * US)
        rows.append(sample)
        seconds, before_m = seconds + pause, distance_m
    return rows


any_settings = st.builds(
    FenceSettings,
    enter_confirmations=st.integers(1, 4),
    enter_dwell_s=st.sampled_from([0, 0, 60, 300]),
    exit_margin_m=st.sampled_from([0.0, 50.0, 100.0]),
    exit_confirmations=st.integers(1, 4),
    exit_dwell_s=st.sampled_from([0, 120, 400]),
    segment_crossing=st.booleans(),
)


@given(any_samples(), any_settings, st.lists(st.integers(0, 60), max_size=6))
def test_batches_make_no_difference(rows: list[Sample], settings: FenceSettings, cuts: list[int]) -> None:
    whole = fold(None, rows, settings)
    state: FenceState | None = None
    transitions: list[Transition] = []
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in pairwise(edges):
        state, made = fold(state, rows[start:end], settings)
        transitions += made
    assert (state, transitions) == whole


@given(any_samples(), any_settings)
def test_entries_and_exits_take_turns_and_time_goes_forward(
    rows: list[Sample], settings: FenceSettings
) -> None:
    state, transitions = fold(None, rows, settings)
    assert [t.kind for t in transitions] == ["enter", "exit"] * (len(transitions) // 2) + ["enter"] * (
        len(transitions) % 2
    )
    open_at_the_end = state is not None and state.entered
    assert open_at_the_end is bool(transitions and transitions[-1].kind == "enter")
    for enter, exit_ in zip(transitions[::2], transitions[1::2], strict=False):
        assert enter.time_us == enter.entered_us == exit_.entered_us
        assert enter.time_us <= exit_.last_inside_us <= exit_.time_us
    times = [t.time_us for t in transitions]
    assert times == sorted(times)


@given(any_samples(), any_settings)
def test_every_border_time_is_that_of_a_fix_or_inferred(rows: list[Sample], settings: FenceSettings) -> None:
    inside = {row.fix.time_us for row in rows if row.distance_m <= 0}
    outside = {row.fix.time_us for row in rows if row.distance_m > 0}
    for transition in fold(None, rows, settings)[1]:
        if not transition.inferred:
            assert transition.time_us == transition.fix.time_us
            assert transition.time_us in (inside if transition.kind == "enter" else outside)


@given(any_samples(), st.floats(0, 150), st.floats(0, 150))
def test_a_wider_margin_never_makes_more_visits(rows: list[Sample], a_m: float, b_m: float) -> None:
    """With entry at the first fix, and passes aside: the margin decides of exits alone."""
    counts = []
    for margin_m in sorted((a_m, b_m)):
        settings = FenceSettings(exit_margin_m=margin_m, segment_crossing=False)
        counts.append(sum(kind == "enter" for kind, _ in told(rows, settings)))
    assert counts[0] >= counts[1]
