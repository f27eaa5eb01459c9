import math
from datetime import UTC, datetime, timedelta

import pytest

from platform_api.tracking import route
from platform_api.tracking.route import Fix
from platform_api.tracking.rules import GEOD

T0 = datetime(2026, 1, 26, 8, 0, tzinfo=UTC)
LIMITS = {"phone_takeover_s": 300.0, "max_speed_kmh": 250.0, "max_accuracy_m": 500.0}


def fix(
    seconds: float, lat: float, lon: float, *, tracker: bool = True, accuracy_m: float | None = None
) -> Fix:
    return Fix(T0 + timedelta(seconds=seconds), lat, lon, tracker, accuracy_m)


def eastward(count: int, step_s: float = 10) -> list[Fix]:
    """About 54 km/h along a parallel near Dakar."""
    return [fix(index * step_s, 14.7, -17.4 + index * 0.0014) for index in range(count)]


def test_the_way_is_measured_on_the_geodesic() -> None:
    fixes = eastward(100)
    way = route.actual_way(fixes, **LIMITS)
    _, _, metres = GEOD.inv(fixes[0].lon, fixes[0].lat, fixes[-1].lon, fixes[-1].lat)
    assert way.distance_km == pytest.approx(metres / 1000, rel=1e-4)
    assert (way.started_at, way.ended_at, way.fixes) == (fixes[0].time, fixes[-1].time, 100)
    assert way.points[0] == (-17.4, 14.7)


def test_a_phone_beside_the_tracker_does_not_double_the_way() -> None:
    tracker = eastward(100)
    phone = [fix(index * 10 + 5, 14.7003, -17.4 + index * 0.0014, tracker=False) for index in range(100)]
    both = sorted(tracker + phone, key=lambda item: item.time)
    assert route.actual_way(both, **LIMITS) == route.actual_way(tracker, **LIMITS)


def test_the_phone_fills_the_silence_of_the_tracker() -> None:
    whole = eastward(200)
    tracker = whole[:50] + whole[150:]
    phone = [fix(index * 10 + 5, 14.7, -17.4 + index * 0.0014, tracker=False) for index in range(200)]
    used = route.arbitrate(sorted(tracker + phone, key=lambda item: item.time), 300)
    phones = [item for item in used if not item.tracker]
    assert phones
    assert phones[0].time == T0 + timedelta(seconds=490 + 305)
    assert phones[-1].time < T0 + timedelta(seconds=1500)


def test_a_truck_with_a_phone_alone_uses_it_at_once() -> None:
    phone = [fix(index, 14.7, -17.4, tracker=False) for index in range(3)]
    assert route.arbitrate(phone, 300) == phone


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
    assert route.actual_way(sorted([*fixes, cell], key=lambda item: item.time), **LIMITS).fixes == 3


def test_a_parked_truck_drives_no_distance() -> None:
    jitter = [fix(index * 10, 14.7 + 0.00005 * math.sin(index), -17.4) for index in range(1000)]
    way = route.actual_way(jitter, **LIMITS)
    assert way.distance_km == 0
    assert route.line_geometry(way.points) == {"type": "Point", "coordinates": [-17.4, 14.7]}


def test_no_fix_no_line() -> None:
    way = route.actual_way([], **LIMITS)
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
