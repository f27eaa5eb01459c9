import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from platform_api.tracking import route
from platform_api.tracking.route import Fix
from platform_api.tracking.rules import GEOD
from telemetry.rules import VehicleRules

T0 = datetime(2026, 1, 26, 8, 0, tzinfo=UTC)
RULES = VehicleRules(takeover_s=300, max_speed_kmh=250.0, max_accuracy_m=500.0)
TRACKER, PHONE = (1, 100), (2, 200)  # device, priority


def fix(seconds: float, lat: float, lon: float, device: tuple[int, int] = TRACKER, **more: Any) -> Fix:
    return Fix(T0 + timedelta(seconds=seconds), lat, lon, *device, **more)


def eastward(count: int, device: tuple[int, int] = TRACKER, *, offset_s: float = 0, **more: Any) -> list[Fix]:
    """About 54 km/h along a parallel near Dakar."""
    return [
        fix(index * 10 + offset_s, 14.7, -17.4 + index * 0.0014, device, **more) for index in range(count)
    ]


def in_order(*fixes: Fix) -> list[Fix]:
    return sorted(fixes, key=lambda each: (each.time, each.priority, each.device_id))


def test_the_way_is_measured_on_the_geodesic() -> None:
    fixes = eastward(100)
    way = route.actual_way(fixes, RULES)
    _, _, metres = GEOD.inv(fixes[0].lon, fixes[0].lat, fixes[-1].lon, fixes[-1].lat)
    assert way.distance_km == pytest.approx(metres / 1000, rel=1e-4)
    assert (way.started_at, way.ended_at, way.fixes) == (fixes[0].time, fixes[-1].time, 100)
    assert way.points[0] == (-17.4, 14.7)


def test_a_phone_beside_the_tracker_does_not_double_the_way() -> None:
    tracker, phone = eastward(100), eastward(100, PHONE, offset_s=5)
    assert route.actual_way(in_order(*tracker, *phone), RULES) == route.actual_way(tracker, RULES)


def test_the_best_of_three_speaks_and_of_equals_the_one_that_did() -> None:
    better, equal = eastward(10, (3, 50), offset_s=4), eastward(10, (4, 100), offset_s=2)
    assert route.arbitrate(in_order(*eastward(10), *equal), RULES) == eastward(10)
    used = route.arbitrate(in_order(*eastward(10), *better), RULES)
    assert used == [eastward(1)[0], *better]


def test_the_phone_fills_the_silence_of_the_tracker() -> None:
    whole = eastward(200)
    tracker = whole[:50] + whole[150:]
    used = route.arbitrate(in_order(*tracker, *eastward(200, PHONE, offset_s=5)), RULES)
    phones = [item for item in used if item.device_id == PHONE[0]]
    assert phones
    assert phones[0].time == T0 + timedelta(seconds=490 + 305)
    assert phones[-1].time < T0 + timedelta(seconds=1500)


def test_a_truck_with_a_phone_alone_uses_it_at_once() -> None:
    phone = eastward(3, PHONE)
    assert route.arbitrate(phone, RULES) == phone


def test_thinned_fixes_are_no_silence() -> None:
    """Of every 200 s the first: two of a tracker that reports every 10 s may be nearly 400 s apart."""
    tracker = [fix(0, 14.7, -17.4), fix(390, 14.7, -17.39)]
    phone = fix(320, 14.7, -17.392, PHONE)
    assert route.arbitrate(in_order(*tracker, phone), RULES, bucket_s=200) == tracker
    assert phone in route.arbitrate(in_order(*tracker, phone), RULES)


def test_what_was_before_says_who_is_the_source_and_no_more() -> None:
    tracker, phone = eastward(40), eastward(40, PHONE, offset_s=5)
    since = T0 + timedelta(seconds=205)
    silent = tracker[:20]
    way = route.actual_way(in_order(*silent, *phone), RULES, since=since)
    # The tracker spoke until 190 s: the phone may not before 490.
    assert way.fixes == 0
    way = route.actual_way(in_order(*tracker, *phone), RULES, since=since)
    assert (way.started_at, way.fixes) == (tracker[21].time, 19)


def test_made_up_positions_are_marked_or_ignored_as_the_fleet_says() -> None:
    honest, made_up = eastward(20), eastward(40, mock=True)[20:]
    way = route.actual_way([*honest, *made_up], RULES)
    assert (way.fixes, way.untrusted_fixes) == (40, 20)
    assert way.untrusted == tuple((each.lon, each.lat) for each in made_up)
    ignoring = msgspec.structs.replace(RULES, mock="ignore")
    assert route.actual_way([*honest, *made_up], ignoring) == route.actual_way(honest, RULES)
    assert route.actual_way(honest, RULES).untrusted == ()


def test_marks_are_thinned() -> None:
    way = route.actual_way(eastward(1001, mock=True), RULES)
    assert way.untrusted_fixes == 1001
    assert 100 < len(way.untrusted) <= route.MAX_UNTRUSTED_POINTS


def test_a_repeated_position_is_none() -> None:
    fixes = eastward(5)
    repeated = fix(45, 14.7, -17.5, repeated=True)
    assert route.arbitrate(in_order(*fixes, repeated), RULES) == fixes


def test_a_lone_spike_is_dropped_and_a_ferry_is_not() -> None:
    fixes = eastward(10)
    spike = [*fixes[:5], fix(45, 15.9, -16.0), *fixes[5:]]
    assert route.without_spikes(spike, 250) == fixes
    # Two consistent fixes elsewhere are where the truck was: the tracker was off in between.
    moved = fixes + [fix(95 + index * 10, 15.9, -16.0 + index * 0.001) for index in range(2)]
    assert route.without_spikes(moved, 250) == moved


def test_imprecise_fixes_are_left_out() -> None:
    fixes = eastward(3)
    cell = fix(15, 14.75, -17.3, accuracy_m=2000)
    assert route.actual_way(in_order(*fixes, cell), RULES).fixes == 3


def test_a_parked_truck_drives_no_distance() -> None:
    jitter = [fix(index * 10, 14.7 + 0.00005 * math.sin(index), -17.4) for index in range(1000)]
    way = route.actual_way(jitter, RULES)
    assert way.distance_km == 0
    assert route.line_geometry(way.points) == {"type": "Point", "coordinates": [-17.4, 14.7]}


def test_no_fix_no_line() -> None:
    way = route.actual_way([], RULES)
    assert (way.points, way.distance_km, way.started_at) == ((), 0.0, None)
    assert route.line_geometry(way.points) is None


def test_simplified_to_the_limit_with_both_ends_kept() -> None:
    points = [
        (-17.4 + index * 1e-4, 14.7 + 0.003 * math.sin(index / 7) + 0.001 * math.sin(index / 2))
        for index in range(20_000)
    ]
    line = route.simplify(points)
    assert 50 < len(line) <= route.MAX_ROUTE_POINTS
    assert line[0] == pytest.approx(points[0], abs=1e-7)
    assert line[-1] == pytest.approx(points[-1], abs=1e-7)
    assert route.simplify(points[:10]) == tuple(points[:10])
