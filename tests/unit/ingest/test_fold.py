"""Which fixes of a truck count, and which fences are judged: plain examples of each rule."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from geofence.geojson import parse_shape
from geofence.index import Fence, FenceIndex
from geofence.settings import FenceSettings
from ingest.arbitration import VehicleInput, is_jump
from ingest.fold import VehicleOutput, late_rows
from ingest.geometry import way_m
from ingest.ping import Ping
from ingest.state import VehicleState
from telemetry.rules import VehicleRules
from tests.support.law import PHONE, TRACKER, Candidate, fold_one, track_of

RULES = VehicleRules(max_speed_kmh=120.0, max_accuracy_m=500.0, takeover_s=300)
US = 1_000_000
LON, LAT = -17.43, 14.71
DEGREE_M = 111_320.0
NO_FENCES = FenceIndex([])


def at(
    seconds: float, north_m: float = 0.0, *, accuracy_m: float | None = None, priority: int = TRACKER
) -> Candidate:
    """A fix of the tracker (device 1) or the phone (device 2), metres north of the fence's middle."""
    ping = Ping(time_us=round(seconds * US), lon=LON, lat=LAT + north_m / DEGREE_M, accuracy_m=accuracy_m)
    return Candidate(ping, 1 if priority == TRACKER else 2, priority)


def phone(seconds: float, north_m: float = 0.0, **more: float) -> Candidate:
    return at(seconds, north_m, accuracy_m=more.get("accuracy_m"), priority=PHONE)


def run(
    candidates: Sequence[Candidate], state: VehicleState | None = None, fences: FenceIndex = NO_FENCES
) -> VehicleOutput:
    return fold_one(state or VehicleState(), candidates, fences, RULES, vehicle_id=7)


def used(candidates: Sequence[Candidate], state: VehicleState | None = None) -> list[tuple[float, str]]:
    pings, _ = track_of(candidates)
    rows = run(candidates, state).used.tolist()
    return [(pings.time_us[row] / US, {1: "tracker", 2: "phone"}[int(pings.device[row])]) for row in rows]


def late(state: VehicleState, candidates: Sequence[Candidate]) -> tuple[list[float], float | None]:
    """Times of those that come after the state, and from when the others change something; seconds."""
    pings, priority = track_of(candidates)
    count, changed_us = late_rows(pings, priority, VehicleInput(7, -1, state, RULES, 0, len(pings)))
    return [us / US for us in pings.time_us[count:].tolist()], None if changed_us is None else changed_us / US


def circle(fence_id: int = 1, radius_m: float = 100.0, **more: Any) -> Fence:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [LON, LAT]},
        "properties": {"radius_m": radius_m},
    }
    settings = FenceSettings(exit_margin_m=50.0, exit_confirmations=1, exit_dwell_s=0)
    return replace(Fence(fence_id, parse_shape(feature), settings), **more)


def told(output: VehicleOutput) -> list[tuple[int, str, float]]:
    return [(fence, t.kind, t.time_us / US) for fence, t in output.transitions]


class TestArbitration:
    def test_the_phone_is_silent_while_the_tracker_reports(self) -> None:
        rows = [at(0), phone(10), at(60), phone(70), phone(360), at(361)]
        assert used(rows) == [(0, "tracker"), (60, "tracker"), (361, "tracker")]

    def test_the_phone_takes_over_after_the_gap_and_hands_back_at_once(self) -> None:
        rows = [at(0), phone(300), phone(301), phone(330), at(340), phone(350), at(400)]
        assert used(rows) == [
            (0, "tracker"),
            (301, "phone"),
            (330, "phone"),
            (340, "tracker"),
            (400, "tracker"),
        ]

    def test_a_phone_alone_counts(self) -> None:
        assert used([phone(0), phone(30)]) == [(0, "phone"), (30, "phone")]

    def test_at_the_same_time_the_tracker_comes_first(self) -> None:
        assert used([phone(0), at(0)]) == [(0, "tracker")]

    def test_the_takeover_gap_starts_the_trackers_run_anew(self) -> None:
        source = run([at(0), at(100), at(500), at(560)]).state.source
        assert source is not None
        assert (source.device_id, source.since_us, source.last_us) == (1, 500 * US, 560 * US)

    def test_a_tracker_fix_that_does_not_count_keeps_no_phone_silent(self) -> None:
        rows = [at(0), at(200, accuracy_m=900.0), phone(310)]
        assert used(rows) == [(0, "tracker"), (310, "phone")]


class TestRepeated:
    def test_a_last_known_position_at_a_new_time_does_not_count(self) -> None:
        attributes = {"last_known_position": True}
        repeated = Candidate(Ping(time_us=10 * US, lon=LON, lat=LAT, attributes=attributes), 1, TRACKER)
        assert used([at(0), repeated, at(20)]) == [(0, "tracker"), (20, "tracker")]


class TestAccuracy:
    def test_a_fix_worse_than_the_limit_says_nothing(self) -> None:
        assert used([at(0), at(10, accuracy_m=500.0), at(20, accuracy_m=500.1)]) == [
            (0, "tracker"),
            (10, "tracker"),
        ]

    def test_it_leaves_no_trace_in_the_state(self) -> None:
        before = run([at(0)]).state
        after = run([at(10, accuracy_m=501.0)], before).state
        assert msgspec.structs.replace(after, alarms={}) == before


class TestJumps:
    FAR = 20_000.0

    def test_a_lonely_jump_is_left_out(self) -> None:
        assert used([at(0), at(30, self.FAR), at(60), at(90)]) == [
            (0, "tracker"),
            (60, "tracker"),
            (90, "tracker"),
        ]

    def test_two_that_agree_are_not_enough(self) -> None:
        rows = [at(0), at(30, self.FAR), at(60, self.FAR), at(90)]
        assert used(rows) == [(0, "tracker"), (90, "tracker")]

    def test_three_that_agree_moved_the_truck(self) -> None:
        rows = [at(0), at(30, self.FAR), at(60, self.FAR), at(90, self.FAR + 100), at(120, self.FAR)]
        assert used(rows) == [(0, "tracker"), (90, "tracker"), (120, "tracker")]

    def test_three_that_disagree_did_not(self) -> None:
        rows = [at(0), at(30, self.FAR), at(60, -self.FAR), at(90, 3 * self.FAR)]
        assert used(rows) == [(0, "tracker")]

    def test_a_fix_that_counts_clears_the_suspicion(self) -> None:
        rows = [at(0), at(30, self.FAR), at(60, self.FAR), at(90), at(120, self.FAR), at(150, self.FAR)]
        assert used(rows) == [(0, "tracker"), (90, "tracker")]

    def test_a_suspicion_survives_between_batches(self) -> None:
        rows = [at(0), at(30, self.FAR), at(60, self.FAR), at(90, self.FAR)]
        state = VehicleState()
        for row in rows:
            counted, state = used([row], state), run([row], state).state
        assert counted == [(90, "tracker")]
        assert state == run(rows).state

    def test_time_makes_a_long_way_plausible(self) -> None:
        assert used([at(0), at(3600, self.FAR)]) == [(0, "tracker"), (3600, "tracker")]

    @pytest.mark.parametrize(("metres", "jump"), [(1190.0, False), (1210.0, True)])
    def test_the_limit_is_the_speed_and_what_noise_explains(self, metres: float, jump: bool) -> None:
        """30 s at 120 km/h are 1000 m, and two fixes may be 200 m off."""
        assert is_jump(at(0).fix, at(30, metres).fix, 120.0) is jump

    def test_claimed_accuracies_are_granted(self) -> None:
        assert not is_jump(at(0, accuracy_m=300).fix, at(30, 1500, accuracy_m=50).fix, 120.0)

    def test_the_way_is_measured_in_metres(self) -> None:
        assert way_m(LON, LAT, LON, LAT + 1000.0 / DEGREE_M) == pytest.approx(1000.0, rel=0.01)
        assert way_m(LON, LAT, LON + 0.01, LAT) == pytest.approx(1077.0, rel=0.01)


class TestLate:
    def test_what_precedes_the_state_is_late(self) -> None:
        state = run([at(0), at(100)]).state
        assert late(state, [at(300), at(50), at(200), at(20)]) == ([200, 300], 20)

    def test_a_late_phone_beside_the_reporting_tracker_changes_nothing(self) -> None:
        state = run([at(0), at(200), at(400)]).state
        assert late(state, [phone(0), phone(100), phone(399)]) == ([], None)

    def test_before_the_trackers_run_a_late_phone_counts(self) -> None:
        state = run([at(0), at(1000), at(1100)]).state
        assert late(state, [phone(700), phone(1050)]) == ([], 700)

    def test_a_late_tracker_always_counts(self) -> None:
        assert late(run([at(0), at(100)]).state, [at(50)]) == ([], 50)

    def test_a_late_fix_that_is_too_inaccurate_changes_nothing(self) -> None:
        state = run([at(0), at(100)]).state
        assert late(state, [at(50, accuracy_m=800.0)]) == ([], None)

    def test_without_a_tracker_late_phones_count(self) -> None:
        assert late(run([phone(0), phone(100)]).state, [phone(50)]) == ([], 50)

    def test_a_late_alarm_matters_whoever_raises_it(self) -> None:
        state = run([at(0), at(200), at(400)]).state
        pressed = Candidate(Ping(time_us=100 * US, lon=LON, lat=LAT, alarms=("sos",)), 2, PHONE)
        assert late(state, [pressed]) == ([], 100)

    @pytest.mark.parametrize("seconds", [0.0, 150.0, 350.0, 420.0, 699.0])
    def test_what_is_called_without_effect_has_none(self, seconds: float) -> None:
        rows = [at(0), at(200), at(400)]
        one = phone(seconds, 90.0)
        state = run(rows).state
        on_time, changed = late(state, [one])
        if not on_time and changed is None:
            after = msgspec.structs.replace(run([*rows, one]).state, alarms={})
            assert after == state
        else:
            assert seconds > 400


class TestFences:
    """Fence 1: 100 m around the origin, left with one fix beyond 150 m."""

    THERE, AWAY = 10.0, 2000.0

    def track(self, *rows: tuple[float, float]) -> list[Candidate]:
        return [at(seconds, metres) for seconds, metres in rows]

    def test_in_and_out(self) -> None:
        output = run(self.track((0, self.AWAY), (200, 0), (400, self.AWAY)), fences=FenceIndex([circle()]))
        assert told(output) == [(1, "enter", 200), (1, "exit", 400)]
        assert output.state.fences == {}

    def test_fixes_that_do_not_count_cross_no_fence(self) -> None:
        rows = [at(0, self.AWAY), phone(10, 0), at(30, accuracy_m=900.0), at(200, self.AWAY)]
        assert told(run(rows, fences=FenceIndex([circle()]))) == []

    def test_before_it_is_valid_a_fence_sees_nothing(self) -> None:
        fences = FenceIndex([circle(valid_from_us=300 * US)])
        rows = self.track((0, 0), (299, 0), (300, 5), (600, self.AWAY))
        assert told(run(rows, fences=fences)) == [(1, "enter", 300), (1, "exit", 600)]

    def test_a_visit_ends_with_the_fences_validity(self) -> None:
        fences = FenceIndex([circle(valid_until_us=300 * US)])
        output = run(self.track((0, 0), (200, 0), (400, 0), (500, self.AWAY)), fences=fences)
        assert told(output) == [(1, "enter", 0), (1, "exit", 300)]
        assert output.transitions[1][1].inferred
        assert output.state.fences == {}

    def test_after_its_validity_a_fence_sees_nothing(self) -> None:
        fences = FenceIndex([circle(valid_until_us=300 * US)])
        assert told(run(self.track((0, self.AWAY), (300, 0), (600, self.AWAY)), fences=fences)) == []

    def test_a_retired_fence_is_forgotten_and_tells_nothing(self) -> None:
        inside = run(self.track((0, 0)), fences=FenceIndex([circle()])).state
        assert list(inside.fences) == [1]
        after = run(self.track((200, self.AWAY)), inside, FenceIndex([circle(2)]))
        assert told(after) == []
        assert after.state.fences == {}

    def test_a_fence_of_another_vehicle_sees_nothing(self) -> None:
        fences = FenceIndex([circle(1, vehicle_id=8), circle(2, vehicle_id=7)])
        assert told(run(self.track((0, 0)), fences=fences)) == [(2, "enter", 0)]

    def test_the_way_from_the_last_fix_of_the_batch_before_counts(self) -> None:
        fences = FenceIndex([circle()])
        before = run(self.track((0, -500)), fences=fences).state
        output = run(self.track((60, 500)), before, fences)
        assert [(fence, kind) for fence, kind, _ in told(output)] == [(1, "enter"), (1, "exit")]
        assert [t.time_us / US for _, t in output.transitions] == pytest.approx([24, 36], abs=0.3)

    def test_several_fences_are_told_in_event_time(self) -> None:
        fences = FenceIndex([circle(5, radius_m=300.0), circle(3, radius_m=100.0)])
        output = run(self.track((0, self.AWAY), (200, 250), (230, 0), (400, self.AWAY)), fences=fences)
        assert told(output) == [(5, "enter", 200), (3, "enter", 230), (3, "exit", 400), (5, "exit", 400)]

    def test_the_state_given_is_not_changed(self) -> None:
        fences = FenceIndex([circle()])
        before = run(self.track((0, 0)), fences=fences).state
        copy = msgspec.msgpack.decode(msgspec.msgpack.encode(before), type=VehicleState)
        run(self.track((200, self.AWAY), (300, 0)), before, fences)
        assert before == copy
