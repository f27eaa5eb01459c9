"""A waiting truck whose fixes stray across the border makes one visit; real comings and goings are all seen."""

import pytest

from geofence.geojson import parse_shape
from geofence.index import Fence, FenceIndex
from geofence.settings import DEFAULTS, FenceSettings
from ingest.diff import Visit, visits_of
from ingest.ping import Ping
from ingest.state import VehicleState
from tests.support.brute_force import Place
from tests.support.jitter import (
    ROAD_MS,
    Drive,
    Feature,
    Observed,
    Receiver,
    circle,
    observe,
    parked,
    passing,
    visits,
    waiting,
    yard,
)
from tests.support.law import TRACKER, Candidate, fold_one

FENCES: dict[str, tuple[Feature, float]] = {
    "circle of 80 m": (circle(80), 80.0),
    "circle of 300 m": (circle(300), 300.0),
    "polygon of 150 m": (yard(150), 150.0),
}
SEEDS = range(3)
MINUTES_45, HOURS_3, HOURS_6 = 2700.0, 10_800.0, 21_600.0

# seconds between fixes, scatter in metres on each axis, memory in seconds, seconds of waiting
STRAYING = {
    "every 1 s": (Receiver(1, 30.0, 60.0), MINUTES_45),
    "every 10 s, wandering": (Receiver(10, 30.0, 300.0), HOURS_3),
    "every 30 s": (Receiver(30, 45.0), HOURS_6),
    "every 30 s, wandering": (Receiver(30, 45.0, 60.0), HOURS_3),
    "every 60 s": (Receiver(60, 60.0), HOURS_6),
    "every 60 s, wandering": (Receiver(60, 30.0, 300.0), HOURS_6),
    "every 300 s": (Receiver(300, 45.0), HOURS_6),
}
STRAYING_A_LITTLE = {
    "every 1 s": (Receiver(1, 15.0), MINUTES_45),
    "every 10 s, wandering": (Receiver(10, 15.0, 300.0), HOURS_3),
    "every 30 s": (Receiver(30, 20.0, 60.0), HOURS_6),
    "every 60 s": (Receiver(60, 15.0, 60.0), HOURS_6),
    "every 300 s": (Receiver(300, 20.0), HOURS_6),
}


def visits_seen(feature: Feature, settings: FenceSettings, fixes: list[Observed]) -> list[Visit]:
    index = FenceIndex([Fence(1, parse_shape(feature), settings)])
    pings = [Ping(time_us=f.time_us, lon=f.lon, lat=f.lat, accuracy_m=f.accuracy_m) for f in fixes]
    output = fold_one(VehicleState(), [Candidate(ping, 1, TRACKER) for ping in pings], index)
    return visits_of({}, output.transitions)


def inside(feature: Feature, fixes: list[Observed]) -> list[bool]:
    place = Place(feature)
    return [place.inside(place.plane(fix.lon, fix.lat)) for fix in fixes]


def one_visit_from_first_to_last_fix_inside(
    feature: Feature, settings: FenceSettings, drive: Drive, fixes: list[Observed]
) -> Visit:
    within = inside(feature, fixes)
    first, last = within.index(True), len(within) - 1 - within[::-1].index(True)
    assert not all(within[first:last]), "the fixes never strayed out, so this shows nothing"
    (visit,) = visits_seen(feature, settings, fixes)
    assert visit.entered_us == fixes[first].time_us
    assert visit.exited_us == fixes[last + 1].time_us
    return visit


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", STRAYING)
@pytest.mark.parametrize("fence", FENCES)
def test_a_truck_that_waits_at_the_border_makes_one_visit(fence: str, case: str, seed: int) -> None:
    (feature, border_m), (receiver, wait_s) = FENCES[fence], STRAYING[case]
    drive = waiting(border_m, wait_s)
    fixes = list(observe(drive, receiver, f"{fence}/{seed}"))
    visit = one_visit_from_first_to_last_fix_inside(feature, DEFAULTS, drive, fixes)
    _, left_us = drive.crossings_us(border_m)
    assert visit.exited_us is not None
    latest_s = receiver.every_s + 4 * receiver.scatter_m / ROAD_MS
    assert visit.exited_us <= left_us + latest_s * 1e6


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", STRAYING_A_LITTLE)
@pytest.mark.parametrize("fence", FENCES)
def test_the_defaults_hold_against_scatter_of_three_times_the_claim(fence: str, case: str, seed: int) -> None:
    (feature, border_m), (receiver, wait_s) = FENCES[fence], STRAYING_A_LITTLE[case]
    drive = waiting(border_m, wait_s)
    fixes = list(observe(drive, receiver, f"{fence}/{seed}"))
    one_visit_from_first_to_last_fix_inside(feature, DEFAULTS, drive, fixes)


@pytest.mark.parametrize("every_s", [1, 10, 30, 60, 300])
def test_times_are_right_within_the_interval(every_s: int) -> None:
    drive = waiting(150.0, HOURS_3, depth_m=60.0)
    arrived_us, left_us = drive.crossings_us(150.0)
    for seed in range(5):
        fixes = list(observe(drive, Receiver(every_s, 8.0, 60.0), seed))
        (visit,) = visits_seen(circle(150), DEFAULTS, fixes)
        assert visit.exited_us is not None
        noise_us = 4 * 8.0 / ROAD_MS * 1e6
        assert -noise_us <= visit.entered_us - arrived_us <= every_s * 1e6 + noise_us
        assert -noise_us <= visit.exited_us - left_us <= every_s * 1e6 + noise_us


@pytest.mark.parametrize(
    ("away_min", "every_s"), [(5, 1), (5, 10), (5, 30), (5, 60), (10, 60), (10, 120), (30, 60), (30, 300)]
)
def test_leaving_and_coming_back_is_two_visits(away_min: int, every_s: int) -> None:
    drive = visits(150.0, [(1800.0, away_min * 60.0), (1800.0, 0.0)], depth_m=40.0)
    truth = drive.crossings_us(150.0)
    assert len(truth) == 4
    for seed in SEEDS:
        seen = visits_seen(circle(150), DEFAULTS, list(observe(drive, Receiver(every_s, 8.0, 60.0), seed)))
        assert len(seen) == 2
        times = [time for visit in seen for time in (visit.entered_us, visit.exited_us or 0)]
        assert all(abs(a - b) <= (every_s + 10) * 1e6 for a, b in zip(times, truth, strict=True))


@pytest.mark.parametrize("speed_kmh", [80, 110])
@pytest.mark.parametrize("every_s", [10, 20, 30])
@pytest.mark.parametrize("radius_m", [60.0, 100.0])
def test_a_fast_pass_is_one_visit_though_no_fix_may_be_inside(
    radius_m: float, every_s: int, speed_kmh: int
) -> None:
    drive = passing(speed_kmh)
    truth_us = drive.crossings_us(radius_m) + drive.crossings_us(-radius_m)
    inferred = 0
    for seed in range(8):
        fixes = list(observe(drive, Receiver(every_s, 4.0), seed))
        (visit,) = visits_seen(circle(radius_m), DEFAULTS, fixes)
        assert visit.exited_us is not None
        assert visit.inferred is not any(inside(circle(radius_m), fixes))
        inferred += visit.inferred
        allowed_us = 1e6 if visit.inferred else every_s * 1e6
        assert abs(visit.entered_us - truth_us[0]) <= allowed_us
        assert abs(visit.exited_us - truth_us[1]) <= allowed_us
    if radius_m == 60.0:
        assert inferred, "no drive without a fix inside"


def test_a_pass_between_fixes_five_minutes_apart_is_not_believed() -> None:
    for seed in range(8):
        fixes = list(observe(passing(80), Receiver(301, 4.0), seed))
        if not any(inside(circle(60), fixes)):
            assert visits_seen(circle(60), DEFAULTS, fixes) == []


@pytest.mark.parametrize("away_m", [30.0, 50.0, 80.0])
def test_a_truck_in_the_yard_next_door_is_no_visitor(away_m: float) -> None:
    """With the scatter of an open sky: one fix inside is an arrival, so more scatter makes visitors of neighbours."""
    scatter_m = {30.0: 6.0, 50.0: 10.0, 80.0: 15.0}[away_m]
    for seed in SEEDS:
        fixes = list(observe(parked(150.0 + away_m, HOURS_3), Receiver(30, scatter_m, 60.0), seed))
        assert visits_seen(circle(150), DEFAULTS, fixes) == []
