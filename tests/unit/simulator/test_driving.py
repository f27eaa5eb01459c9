"""Trucks obey physics, plans and seeds; receivers err as much as asked."""

import math
import statistics
from itertools import pairwise

import pytest

from simulator.plans import Delivery, plan_corridor, plan_delivery
from simulator.receiver import PHONE, TRACKER, Receiver, drive, observe
from simulator.route import GEOD, Waypoint, build_route, corridors
from simulator.scenario import journey
from simulator.truck import Profile, State, Stop, travel

START_US = 1_760_000_000_000_000
NAMES = sorted(corridors())
# Road distances between the ends by published road maps, km; our straight lines run a little short.
ROAD_KM = {
    "dakar-kidira": 680,
    "dakar-rosso": 370,
    "dakar-touba": 195,
    "kaolack-ziguinchor": 250,
    "tambacounda-ziguinchor": 410,
    "dakar-mbour-kaolack": 190,
}


def distance_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    return float(GEOD.inv(*a, *b)[2])


@pytest.mark.parametrize("name", NAMES)
def test_corridors_lie_in_senegal_and_have_plausible_lengths(name: str) -> None:
    corridor = corridors()[name]
    for waypoint in corridor.waypoints:
        assert -17.6 < waypoint.lon < -11.3
        assert 12.3 < waypoint.lat < 16.7
    length_km = corridor.route().length_m / 1000
    assert 0.83 * ROAD_KM[name] < length_km < 1.05 * ROAD_KM[name]
    assert corridor.route(reverse=True).length_m == pytest.approx(corridor.route().length_m)


def test_a_route_is_followed_by_distance() -> None:
    route = corridors()["dakar-kidira"].route()
    assert route.position(0)[:2] == pytest.approx((-17.4262, 14.6795))
    assert route.position(route.length_m)[:2] == pytest.approx((-12.2130, 14.4570))
    for along_m in (1_000.0, 77_777.0, 400_000.0):
        here, ahead = route.position(along_m)[:2], route.position(along_m + 100)[:2]
        assert distance_m(here, ahead) == pytest.approx(100, rel=0.01)
    before = route.along_of("Kaolack")
    assert route.position(before)[:2] == pytest.approx((-16.0720, 14.1460))


def test_heading_is_the_way_ahead() -> None:
    east = build_route("e", (Waypoint("a", -17.0, 14.0), Waypoint("b", -16.0, 14.0)))
    assert east.position(east.length_m / 2)[2] == pytest.approx(90, abs=0.5)
    assert east.position(east.length_m / 2)[1] == pytest.approx(14.0, abs=0.01)


def test_the_way_back_keeps_each_legs_road() -> None:
    corridor = corridors()["dakar-kidira"]

    def share_m(reverse: bool) -> float:
        route = corridor.route(reverse=reverse)
        ends = [*(z.from_m for z in route.zones[1:]), route.length_m]
        return sum(end - z.from_m for z, end in zip(route.zones, ends, strict=True) if z.road == "bad")

    assert share_m(reverse=True) == pytest.approx(share_m(reverse=False))
    assert share_m(reverse=False) > 100_000


@pytest.fixture(scope="module")
def trip() -> list[State]:
    plan = plan_corridor(corridors()["dakar-mbour-kaolack"], seed="s")
    return list(travel(plan.route, stops=plan.stops, seed="s", start_us=START_US))


def test_speed_and_acceleration_are_those_of_a_truck(trip: list[State]) -> None:
    profile = Profile()
    speeds = [state.speed_mps for state in trip]
    assert max(speeds) * 3.6 <= profile.motorway_kmh * 1.13
    changes = [after - before for before, after in pairwise(speeds)]
    assert max(changes) <= 0.75
    assert min(changes) >= -1.5 * profile.braking_mps2 - 0.2
    moving = [s for s in speeds if s > 0]
    assert 35 < statistics.mean(moving) * 3.6 < 80


def test_distance_is_the_integral_of_speed(trip: list[State]) -> None:
    for before, after in pairwise(trip):
        assert after.time_us - before.time_us == 1_000_000
        assert -1e-6 <= after.along_m - before.along_m <= after.speed_mps + 0.06
    assert trip[-1].along_m == pytest.approx(181_000, rel=0.02)
    assert all(state.fuel_l > 0 for state in trip)


def test_towns_are_slower_than_the_road(trip: list[State]) -> None:
    route = corridors()["dakar-mbour-kaolack"].route()
    mbour = route.along_of("Mbour")
    town = [s.speed_mps * 3.6 for s in trip if abs(s.along_m - mbour) < 3000 and s.speed_mps > 3]
    road = [s.speed_mps * 3.6 for s in trip if 8000 < s.along_m - mbour < 20000 and s.speed_mps > 3]
    assert statistics.mean(town) < 40
    assert statistics.mean(road) > 60


def test_stops_last_as_long_as_planned_and_switch_the_engine() -> None:
    route = corridors()["dakar-touba"].route()
    stops = (Stop(20_000, 600, "checkpoint", engine_on=True), Stop(50_000, 1800, "meal"))
    states = list(travel(route, stops=stops, seed="x", start_us=START_US))
    for stop in stops:
        standing = [s for s in states if s.standing == stop.reason]
        assert len(standing) == stop.duration_s
        assert {s.ignition for s in standing} == {stop.engine_on}
        assert {s.speed_mps for s in standing} == {0.0}
        assert {s.along_m for s in standing} == {stop.along_m}


def test_the_same_seed_gives_the_same_fixes_and_another_does_not() -> None:
    route = corridors()["dakar-touba"].route()
    one, same, other = (list(drive(route, seed=s, start_us=START_US)) for s in ("a", "a", "b"))
    assert one == same
    assert one != other
    assert len({fix.time_us for fix in one}) == len(one)


@pytest.mark.parametrize("jitter", [1.0, 4.0])
def test_errors_are_as_large_as_claimed_times_jitter_also_when_standing(jitter: float) -> None:
    receiver = Receiver(jitter=jitter, accuracy_m=8.0, standing_interval_s=60, correlation_s=60)
    route = corridors()["dakar-touba"].route()
    states = [State(START_US + s * 1_000_000, 9000.0, 0.0, False, "loading", 300.0) for s in range(200_000)]
    here = route.position(9000.0)[:2]
    fixes = list(observe(states, route, receiver, seed="n"))
    errors = [distance_m(here, (f.lon, f.lat)) for f in fixes]
    within = sum(e <= 8.0 * jitter for e in errors) / len(errors)
    assert within == pytest.approx(0.683, abs=0.04)
    claimed = statistics.median(f.accuracy_m or 0 for f in fixes)
    assert claimed == pytest.approx(8.0, rel=0.1)  # whatever the truth is
    assert statistics.mean(f.lat for f in fixes) == pytest.approx(here[1], abs=2 * jitter / 111_000)


def test_neighbouring_errors_are_correlated() -> None:
    receiver = Receiver(standing_interval_s=5, correlation_s=60)
    route = corridors()["dakar-touba"].route()
    states = [State(START_US + s * 1_000_000, 9000.0, 0.0, False, "", 300.0) for s in range(50_000)]
    lats = [f.lat for f in observe(states, route, receiver, seed="c")]
    assert statistics.correlation(lats, lats[1:] + lats[:1]) > 0.6
    assert abs(statistics.correlation(lats, lats[100:] + lats[:100])) < 0.2


def test_a_phone_sees_the_same_truck_less_well_and_out_of_step() -> None:
    truck = {"seed": "p", "start_us": START_US}
    tracker = {f.time_us: f for f in _first_hours(journey(corridors()["dakar-touba"], **truck))}
    phone = _first_hours(journey(corridors()["dakar-touba"], receiver=PHONE, **truck))
    assert not phone[0].ignition
    assert phone[0].odometer_km is None
    assert len(phone) < len(tracker) / 2
    times = sorted(tracker)
    for fix in phone[:: len(phone) // 50]:
        near = tracker[min(times, key=lambda t: abs(t - fix.time_us))]
        # Up to half a standing interval apart in time, at most 25 m/s.
        apart_s = abs(near.time_us - fix.time_us) / 1e6
        assert distance_m((near.lon, near.lat), (fix.lon, fix.lat)) < 150 + 26 * apart_s


def _first_hours(fixes):  # type: ignore[no-untyped-def]
    """Two legs of the journey at least, so that the second one is compared too."""
    kept = []
    for fix in fixes:
        if fix.time_us > START_US + 9 * 3600 * 1_000_000:
            return kept
        kept.append(fix)
    return kept


def test_a_delivery_waits_at_its_points_and_passes_each_once() -> None:
    corridor = corridors()["dakar-kidira"]
    # Both on the road, between waypoints: the nearest one lies behind.
    route = corridor.route()
    pickup = route.position(route.along_of("Pout") + 3000)[:2]
    drop = route.position(route.along_of("Kaolack") - 4000)[:2]
    for start, end in ((pickup, drop), (drop, pickup)):
        plan = plan_delivery(Delivery(start, end, pickup_wait_s=900, drop_wait_s=600), corridor)
        states = list(travel(plan.route, stops=plan.stops, seed="d", start_us=START_US))
        for point, reason, wait_s in ((start, "loading", 900), (end, "unloading", 600)):
            standing = [s for s in states if s.standing == reason]
            assert len(standing) == wait_s
            assert distance_m(plan.route.position(standing[0].along_m)[:2], point) < 1
            visits = _visits([distance_m(plan.route.position(s.along_m)[:2], point) for s in states[::5]])
            assert visits == 1


def _visits(distances_m: list[float], radius_m: float = 300.0) -> int:
    inside = [d < radius_m for d in distances_m]
    return sum(now and not before for before, now in zip([False, *inside], inside, strict=False))


def test_a_delivery_without_a_corridor_goes_straight() -> None:
    plan = plan_delivery(Delivery((-17.43, 14.70), (-17.30, 14.75)))
    straight = distance_m((-17.43, 14.70), (-17.30, 14.75))
    assert plan.route.length_m == pytest.approx(straight + 6000, rel=0.001)


def test_tracker_fields_are_within_their_ranges() -> None:
    plan = plan_corridor(corridors()["dakar-touba"], seed="r")
    fixes = list(drive(plan.route, stops=plan.stops, seed="r", start_us=START_US, receiver=TRACKER))
    odometer = [f.odometer_km or 0 for f in fixes]
    assert odometer == sorted(odometer)
    for fix in fixes:
        assert 0 <= (fix.heading_deg or 0) < 360
        assert 0 <= (fix.fuel_pct or 0) <= 100
        assert (fix.speed_kmh or 0) >= 0
        assert fix.seq == 0
        assert not math.isnan(fix.lon + fix.lat)
