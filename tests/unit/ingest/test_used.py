"""What is computed for all vehicles at once is a short cut, never another answer: the slow way tells the same."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import alarm_watch, arbitration, motion
from ingest.arbitration import VehicleInput
from ingest.fold import VehicleOutput
from ingest.geometry import surely_within, way_m
from ingest.odometer import count, least_m, up_to
from ingest.state import VehicleState
from ingest.track import Pings, from_pings
from ingest.used import UsedFixes
from telemetry.rules import VehicleRules
from tests.support.drives import Day
from tests.support.law import METRE, RULE_SETS, Candidate, fold_one, index, tracks


@contextmanager
def the_slow_way() -> Iterator[None]:
    """Every vehicle fix by fix, every speed and every ping looked at."""

    class Slow(UsedFixes):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.drives_unusually = dict.fromkeys(self.drives_unusually, True)
            self.has_fuel = dict.fromkeys(self.has_fuel, True)

    with ExitStack() as stack:
        stack.enter_context(patch("ingest.fold.UsedFixes", Slow))
        stack.enter_context(patch.object(arbitration, "_doubtful", every_row))
        stack.enter_context(patch.object(motion, "drive_on", lambda *_: None))
        stack.enter_context(
            patch.object(alarm_watch, "rows_of_interest", lambda _, vehicles: [True] * len(vehicles))
        )
        yield


def every_row(_: Pings, vehicles: Sequence[VehicleInput]) -> list[list[int]]:
    return [list(range(vehicle.start, vehicle.stop)) for vehicle in vehicles]


def essence(output: VehicleOutput) -> tuple[Any, ...]:
    return output.state, output.used.tolist(), output.transitions, output.told


@settings(max_examples=400, deadline=None)
@given(tracks(), RULE_SETS, st.integers(0, 40))
def test_the_short_cuts_change_nothing(pings: list[Candidate], rules: VehicleRules, cut: int) -> None:
    fences = index()
    first = fold_one(VehicleState(), pings[:cut], fences, rules)
    quick = fold_one(first.state, pings[cut:], fences, rules)
    with the_slow_way():
        slow_first = fold_one(VehicleState(), pings[:cut], fences, rules)
        slow = fold_one(first.state, pings[cut:], fences, rules)
    assert essence(first) == essence(slow_first)
    assert essence(quick) == essence(slow)


def test_the_slow_way_is_another_way() -> None:
    """Else the comparison above shows nothing."""
    fixes = Day().drive(2).stand(5).fixes(10)
    looked_at: list[str] = []

    def take_one(*given: Any) -> Any:
        looked_at.append("one")
        return original(*given)

    original = arbitration._take_one
    with patch.object(arbitration, "_take_one", take_one):
        fold_one(VehicleState(), fixes, index())
        assert looked_at == []
        with the_slow_way():
            fold_one(VehicleState(), fixes, index())
    assert len(looked_at) == len(fixes)


def test_driving_is_a_short_cut_that_is_taken() -> None:
    fixes = Day().drive(20).fixes(10)
    taken: list[bool] = []

    def drive_on(*given: Any) -> Any:
        found = original(*given)
        taken.append(found is not None)
        return found

    original = motion.drive_on
    with patch.object(motion, "drive_on", drive_on):
        fold_one(VehicleState(), fixes, index())
    assert sum(taken) > 0.8 * len(taken) > 50


_DEGREES = st.floats(-90, 90)


@given(st.floats(-180, 180), _DEGREES, st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 300_000))
def test_what_is_surely_near_is_near(
    lon: float, lat: float, east: float, north: float, limit_m: float
) -> None:
    to_lon, to_lat = lon + east, min(max(lat + north, -90), 90)
    columns = [np.array([value]) for value in (lon, lat, to_lon, to_lat, limit_m)]
    if surely_within(*columns)[0]:
        assert way_m(lon, lat, to_lon, to_lat) <= limit_m * (1 + 1e-9)


class TestOdometer:
    """Positions in metres east of a place on the equator."""

    @staticmethod
    def counted(east_m: list[float], accuracy_m: float = math.nan) -> list[int]:
        mm, anchors = count(
            [e * METRE for e in east_m],
            [0.0] * len(east_m),
            least_m(np.full(len(east_m), accuracy_m)),
            0,
            None,
        )
        return [
            round(up_to(m, a, e * METRE, 0.0) / 1000) for m, a, e in zip(mm, anchors, east_m, strict=True)
        ]

    def test_a_straight_way_is_as_long_as_it_is_at_each_fix(self) -> None:
        assert self.counted([0, 7, 14, 21, 28, 300, 301]) == [0, 7, 14, 21, 28, 300, 301]

    def test_to_and_fro_within_twenty_metres_is_nowhere(self) -> None:
        assert self.counted([0, 15, -15, 10, -18, 0]) == [0, 15, 15, 10, 18, 0]

    def test_a_poor_fix_has_to_be_farther(self) -> None:
        assert self.counted([0, 30, 0, 30, 0], accuracy_m=35.0) == [0, 30, 0, 30, 0]
        assert self.counted([0, 30, 0, 30, 0], accuracy_m=8.0) == [0, 30, 60, 90, 120]

    def test_however_poor_fifty_metres_are_enough(self) -> None:
        assert self.counted([0, 60, 120, 180], accuracy_m=400.0) == [0, 60, 120, 180]

    @given(
        st.lists(st.tuples(st.floats(-200, 200), st.sampled_from([math.nan, 5.0, 30.0])), min_size=2),
        st.data(),
    )
    def test_in_pieces_it_is_the_same(self, fixes: list[tuple[float, float]], data: st.DataObject) -> None:
        east, accuracy = [e * METRE for e, _ in fixes], least_m(np.array([a for _, a in fixes]))
        north = [0.0] * len(east)
        cut = data.draw(st.integers(1, len(east) - 1))
        whole = count(east, north, accuracy, 0, None)
        mm, anchors = count(east[:cut], north[:cut], accuracy[:cut], 0, None)
        rest = count(east[cut:], north[cut:], accuracy[cut:], mm[-1], anchors[-1])
        assert whole == (mm + rest[0], anchors + rest[1])


def test_nothing_in_nothing_out() -> None:
    used = UsedFixes(_empty(), [], [])
    assert used.firsts == []
    assert used.way_mm == []


def _empty() -> Pings:
    return from_pings([], np.empty(0, np.int64), np.empty(0, np.int64))
