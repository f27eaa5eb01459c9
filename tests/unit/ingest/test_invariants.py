"""What holds of anything that is told, whatever devices send and whatever rules a fleet sets."""

import math
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import motion_phases
from ingest.arbitration import VehicleInput
from ingest.fold import VehicleOutput, fold
from ingest.geometry import way_m
from ingest.interval import Interval, family_of, latest
from ingest.ping import Ping
from ingest.state import VehicleState, decode_state, encode_state
from ingest.track import from_pings
from telemetry.alarms import ALARMS
from telemetry.rules import DEFAULTS, VehicleRules
from tests.support.drives import NO_FENCES, Day, at, tell
from tests.support.law import PRIORITIES, RULE_SETS, SHAPES, Candidate, fold_one, index, track_of, tracks

FOREVER = 2**62
# In one family only one at a time.
LASTING = {"trip", "stop", "gap", "idling", "tow", "speeding"} | {n for n, a in ALARMS.items() if a.lasting}
MOTION = {"trip", "stop", "idling", "tow"}


def folded(pings: Sequence[Candidate], rules: VehicleRules) -> tuple[VehicleOutput, list[Interval]]:
    output = fold_one(VehicleState(), pings, index(), rules)
    return output, list(latest(output.told).values())


def of_family(intervals: Iterable[Interval], *families: str) -> list[Interval]:
    found = [i for i in intervals if family_of(i.kind) in families]
    return sorted(found, key=lambda i: (i.started_us, i.ended_us or FOREVER))


@settings(max_examples=400, deadline=None)
@given(tracks(), RULE_SETS)
def test_intervals_of_one_kind_never_overlap(pings: list[Candidate], rules: VehicleRules) -> None:
    _, intervals = folded(pings, rules)
    by_key: dict[Any, list[Interval]] = {}
    for interval in intervals:
        if family_of(interval.kind) in LASTING:
            by_key.setdefault(interval.key[:3], []).append(interval)
    for same in by_key.values():
        for one, other in pairwise(sorted(same, key=lambda i: i.started_us)):
            assert one.ended_us is not None, (one, other)
            assert one.ended_us <= other.started_us, (one, other)


@settings(max_examples=400, deadline=None)
@given(tracks(), RULE_SETS)
def test_nothing_is_known_of_the_motion_in_a_gap(pings: list[Candidate], rules: VehicleRules) -> None:
    _, intervals = folded(pings, rules)
    for gap in of_family(intervals, "gap"):
        assert gap.ended_us is not None
        assert gap.ended_us - gap.started_us > rules.gap_s * 1_000_000
        for other in of_family(intervals, *MOTION):
            assert (other.ended_us or FOREVER) <= gap.started_us or other.started_us >= gap.ended_us


@settings(max_examples=400, deadline=None)
@given(tracks(), RULE_SETS)
def test_a_parked_vehicle_is_on_no_trip(pings: list[Candidate], rules: VehicleRules) -> None:
    _, intervals = folded(pings, rules)
    for parking in intervals:
        if parking.kind == "parking":
            assert (parking.ended_us or FOREVER) - parking.started_us >= 0
            for trip in of_family(intervals, "trip"):
                assert (trip.ended_us or FOREVER) <= parking.started_us or trip.started_us >= (
                    parking.ended_us or FOREVER
                )


@settings(max_examples=600, deadline=None)
@given(tracks(), RULE_SETS)
def test_a_trip_is_no_shorter_than_the_straight_line_and_no_slower_than_its_speeds(
    pings: list[Candidate], rules: VehicleRules
) -> None:
    output, intervals = folded(pings, rules)
    track, _ = track_of(pings)
    for trip in of_family(intervals, "trip"):
        if trip.ended_us is None:
            continue
        assert trip.start is not None
        assert trip.end is not None
        distance_m = float(trip.values["distance_m"])
        stops = sum(trip.started_us <= s.started_us <= trip.ended_us for s in of_family(intervals, "stop"))
        # At each place the way may begin and end up to 50 m from the anchors it is counted between.
        assert distance_m >= max(0.0, way_m(*trip.start, *trip.end) - 200 * (stops + 1))
        speeds = [
            float(track.speed_kmh[row])
            for row in output.used
            if trip.started_us < track.time_us[row] <= trip.ended_us
            and track.speed_kmh[row] <= rules.max_speed_kmh
        ]
        top_kmh = max(speeds, default=0.0)
        assert float(trip.values.get("max_speed_kmh", 0.0)) >= round(top_kmh, 1)


_TIMES = st.integers(0, 253_402_300_799_999_999)  # 1970 to 9999
_EXTREME = st.sampled_from([0.0, -0.0, 5e-324, 90.0, -90.0, 89.999999])
_HUGE = st.sampled_from([0.0, 5e-324, 10_000.0, 3.4028234663852886e38])


@st.composite
def hostile(draw: st.DrawFn) -> list[Candidate]:
    """Poles, the 180th meridian, any year, two devices in one microsecond, values beyond reason."""
    begin = draw(_TIMES)
    step = draw(st.sampled_from([1, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000 * 365]))
    pings = {}
    for number in range(draw(st.integers(1, 30))):
        time_us = min(begin + number // 2 * step, 253_402_300_799_999_999)
        device_id = draw(st.integers(1, 3))
        values = {
            "speed_kmh": draw(st.none() | _HUGE),
            "accuracy_m": draw(st.none() | st.sampled_from([0.0, 5e-324, 400.0, 1.7976931348623157e308])),
            "odometer_km": draw(st.none() | st.sampled_from([0.0, 1.7976931348623157e308])),
            "fuel_pct": draw(st.none() | st.floats(0, 100)),
            "ignition": draw(st.none() | st.booleans()),
            "mock": draw(st.none() | st.booleans()),
            "alarms": draw(st.sampled_from([(), ("sos", "power_cut"), tuple(ALARMS)])),
            "attributes": draw(st.sampled_from([None, {"power_v": -1e308}, {"last_known_position": True}])),
        }
        lat = draw(_EXTREME | st.floats(-90, 90))
        lon = draw(st.sampled_from([-180.0, 180.0, 179.9999999, -0.0]) | st.floats(-180, 180))
        pings[device_id, time_us] = Candidate(
            Ping(time_us=time_us, lat=lat, lon=lon, **values), device_id, PRIORITIES[device_id]
        )
    return list(pings.values())


@settings(max_examples=600, deadline=None)
@given(hostile(), RULE_SETS)
def test_no_value_that_passes_the_checks_breaks_anything(pings: list[Candidate], rules: VehicleRules) -> None:
    output, intervals = folded(pings, rules)
    assert decode_state(encode_state(output.state)) == output.state
    for interval in intervals:
        msgspec.json.encode(interval)
        assert interval.ended_us is None or interval.ended_us >= interval.started_us
        assert not any(isinstance(value, float) and math.isnan(value) for value in interval.values.values())
    one_by_one = VehicleState()
    for candidate in sorted(pings, key=lambda c: c.key):
        one_by_one = fold_one(one_by_one, [candidate], index(), rules).state
    assert one_by_one == output.state


# A vehicle with one device, no fence and no alarm; each further device and fence at the place add so much at most.
STATE_BYTES, DEVICE_BYTES, FENCE_BYTES = 6_000, 1_400, 400


@settings(max_examples=300, deadline=None)
@given(st.one_of(tracks(), hostile()), RULE_SETS)
def test_the_state_has_a_bound(pings: list[Candidate], rules: VehicleRules) -> None:
    state = fold_one(VehicleState(), pings, index(), rules).state
    assert len(encode_state(state)) <= STATE_BYTES + 3 * DEVICE_BYTES + len(SHAPES) * FENCE_BYTES


@pytest.mark.parametrize(
    "rules", [DEFAULTS, VehicleRules(stop_min_s=7_200, stop_radius_m=5_000, parking_min_s=60)]
)
def test_it_does_not_grow_over_a_long_day(rules: VehicleRules) -> None:
    """Everything at once, and the fullest window: a day of creeping with a loose ignition wire and every alarm."""
    words = tuple(ALARMS)
    fixes = [
        at(
            second,
            second * 0.5,
            speed_kmh=95.0,
            ignition=second % 3 == 0,
            fuel_pct=50.0,
            alarms=words,
            mock=True,
        )
        for second in range(0, 20_000, 5)
    ]
    sizes = [len(encode_state(tell(fixes[:count], rules).state)) for count in (1000, 2000, 4000)]
    assert sizes[2] <= max(sizes[:2]) + 200
    assert sizes[2] <= STATE_BYTES + DEVICE_BYTES


def test_many_devices_on_one_vehicle_are_remembered_each() -> None:
    """All that can raise an alarm must be: a phone that is not the source presses its button all the same."""
    fixes = [Candidate(at(number * 10).ping, number, 200) for number in range(1, 1001)]
    state = fold_one(VehicleState(), fixes, NO_FENCES, DEFAULTS).state
    assert len(encode_state(state)) < STATE_BYTES + 1000 * 60


class TestEffort:
    """Nothing grows with the square of what comes in."""

    @pytest.mark.parametrize("radius_m", [20.0, 200.0, 5_000.0])
    @pytest.mark.parametrize("mps", [0.003, 0.03, 0.3, 3.0, 30.0])
    def test_a_window_of_two_hours_with_a_fix_a_second(
        self, monkeypatch: pytest.MonkeyPatch, radius_m: float, mps: float
    ) -> None:
        calls = [0]

        def counting(*places: float) -> float:
            calls[0] += 1
            return way_m(*places)

        monkeypatch.setattr(motion_phases, "way_m", counting)
        rules = VehicleRules(stop_min_s=7_200, stop_radius_m=radius_m, use_ignition=False)
        tell([at(second, second * mps, speed_kmh=mps * 3.6) for second in range(20_000)], rules)
        assert calls[0] <= 20_000 / 10 * 80, "80 distances a sample at most, on average"

    def test_fifty_thousand_rows_of_one_vehicle(self) -> None:
        assert self.per_row(1, 50_000) < 3 * self.per_row(1, 5_000) + 5e-6

    def test_five_thousand_vehicles_of_one_row(self) -> None:
        assert self.per_row(5_000, 1) < 3 * self.per_row(500, 1) + 5e-6

    @staticmethod
    def per_row(vehicles: int, rows: int) -> float:
        """CPU seconds a row, the least of three."""
        template = Day().stand(5).drive(20).stand(5, engine=True).fixes(1)[: max(rows, 1)]
        pings = [
            msgspec.structs.replace(template[n % len(template)].ping, time_us=at(n).ping.time_us)
            for n in range(rows)
        ]
        track = from_pings(
            pings * vehicles, np.repeat(np.arange(vehicles), rows), np.zeros(rows * vehicles, np.int64)
        )
        inputs = [
            VehicleInput(n, -1, VehicleState(), DEFAULTS, n * rows, (n + 1) * rows) for n in range(vehicles)
        ]
        priority = np.full(len(track), 100)
        took = []
        for _ in range(3):
            begin = time.process_time()
            fold(track, priority, inputs, NO_FENCES)
            took.append(time.process_time() - begin)
        return min(took) / len(track)
