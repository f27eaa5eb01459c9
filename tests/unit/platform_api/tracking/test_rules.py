import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.tracking import rules
from platform_api.tracking.rules import Candidate, TrackedOrder, Window
from telemetry.alarms import ALARMS
from telemetry.kinds import KINDS

T0 = datetime(2026, 1, 26, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAKAR = (14.6937, -17.4441)
THIES = (14.7910, -16.9256)
SHIPPER, CARRIER, DRIVER, BROKER = uuid4(), uuid4(), uuid4(), uuid4()


def order(**changes: object) -> TrackedOrder:
    return replace(
        TrackedOrder(
            id=uuid4(),
            status="IN_TRANSIT",
            shipper_id=SHIPPER,
            broker_id=BROKER,
            carrier_id=CARRIER,
            driver_id=DRIVER,
            vehicle_id=7,
            pickup_geofence_id=11,
            delivery_geofence_id=12,
            crew_since=T0,
            arrived_delivery_at=None,
            departed_delivery_at=None,
            delivered_at=None,
            completed_at=None,
            cancelled_at=None,
        ),
        **changes,  # type: ignore[arg-type]
    )


def delivered(**changes: object) -> TrackedOrder:
    base = {"status": "DELIVERED", "arrived_delivery_at": T0 + 4 * HOUR, "delivered_at": T0 + 5 * HOUR}
    return order(**(base | changes))


@pytest.mark.parametrize(
    ("given_order", "end"),
    [
        (order(), None),
        (order(status="CANCELLED", cancelled_at=T0 + HOUR), T0 + HOUR),
        (delivered(), T0 + 5 * HOUR + rules.MAX_UNLOADING),
        (delivered(departed_delivery_at=T0 + 6 * HOUR), T0 + 6 * HOUR),
        (delivered(departed_delivery_at=T0 + 4.5 * HOUR), T0 + 5 * HOUR),
        (delivered(departed_delivery_at=T0 + 99 * HOUR), T0 + 5 * HOUR + rules.MAX_UNLOADING),
        # The shipper confirmed before the truck left.
        (delivered(completed_at=T0 + 5.5 * HOUR, departed_delivery_at=T0 + 6 * HOUR), T0 + 5.5 * HOUR),
        # Signed for elsewhere: nothing says the truck is still at it.
        (delivered(arrived_delivery_at=None), T0 + 5 * HOUR),
    ],
)
def test_the_window_ends_with_the_first_end(given_order: TrackedOrder, end: datetime | None) -> None:
    assert rules.order_window(given_order) == Window(T0, end)


def test_no_window_before_a_truck_is_assigned() -> None:
    assert rules.order_window(order(vehicle_id=None)) is None
    assert rules.order_window(order(crew_since=None)) is None


def test_a_window_never_runs_backwards() -> None:
    assert rules.order_window(order(status="CANCELLED", cancelled_at=T0 - HOUR)) == Window(T0, T0)


def test_narrowing_never_widens() -> None:
    window = Window(T0, T0 + 2 * HOUR)
    now = T0 + 9 * HOUR
    assert rules.narrow(window, T0 - HOUR, T0 + 5 * HOUR, now) == window
    assert rules.narrow(window, T0 + HOUR, T0 + 1.5 * HOUR, now) == Window(T0 + HOUR, T0 + 1.5 * HOUR)
    assert rules.narrow(Window(T0, None), None, None, now) == Window(T0, now)


@pytest.mark.parametrize(
    ("given_order", "at", "followed"),
    [
        (order(), T0 + HOUR, True),
        (order(status="ASSIGNED"), T0, True),
        (order(status="POSTED", vehicle_id=None, crew_since=None), T0, False),
        (delivered(), T0 + 6 * HOUR, True),
        (delivered(departed_delivery_at=T0 + 6 * HOUR), T0 + 6.1 * HOUR, False),
        (order(status="COMPLETED", completed_at=T0 + HOUR), T0 + HOUR, False),
        (delivered(status="DISPUTED"), T0 + 6 * HOUR, False),
        (order(status="CANCELLED", cancelled_at=T0 + HOUR), T0 + HOUR, False),
    ],
)
def test_followed_only_while_under_way(given_order: TrackedOrder, at: datetime, followed: bool) -> None:
    assert rules.is_followed(given_order, at) is followed


def test_every_status_is_followed_waited_for_or_over() -> None:
    over = {"COMPLETED", "DISPUTED", "RESOLVED", "CANCELLED"}
    assert rules.FOLLOWED | rules.WAITING | over == set(rules.OrderStatus)
    assert not rules.FOLLOWED & rules.WAITING


@pytest.mark.parametrize(
    ("role", "user_id", "allowed"),
    [
        (Role.SHIPPER, SHIPPER, True),
        (Role.CARRIER, CARRIER, True),
        (Role.DRIVER, DRIVER, True),
        (Role.BROKER, BROKER, True),
        # Anybody may register as a freight broker.
        (Role.BROKER, uuid4(), False),
        (Role.ADMINISTRATOR, uuid4(), True),
        (Role.SHIPPER, uuid4(), False),
        (Role.CARRIER, uuid4(), False),
        (Role.DRIVER, uuid4(), False),
        # An id in another role's column opens nothing.
        (Role.DRIVER, CARRIER, False),
    ],
)
def test_who_may_track(role: Role, user_id: UUID, allowed: bool) -> None:
    assert rules.may_track(Actor(user_id, role), order()) is allowed


def test_nobody_is_the_carrier_of_an_unassigned_order() -> None:
    unassigned = order(carrier_id=None, driver_id=None, vehicle_id=None, status="POSTED")
    assert not rules.may_track(Actor(CARRIER, Role.CARRIER), unassigned)


def candidate(vehicle_id: int, lat: float, lon: float, *, age: timedelta = HOUR) -> Candidate:
    return Candidate(
        vehicle_id, f"DK-{vehicle_id}", "", 5000, uuid4(), "Awa", lat, lon, T0 - age, "tracker", True
    )


def haversine_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """On a sphere of 6371 km: an independent formula that agrees with the ellipsoid to half a percent."""
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371 * math.asin(math.sqrt(h))


def test_ranked_by_geodesic_distance_within_the_radius() -> None:
    near, far, outside = candidate(1, *DAKAR), candidate(2, *THIES), candidate(3, 16.0, -16.5)
    found = rules.rank([outside, far, near], lat=DAKAR[0], lon=DAKAR[1], radius_km=60, now=T0)
    assert [driver.candidate.vehicle_id for driver in found] == [1, 2]
    assert found[0].distance_km == 0
    assert found[1].distance_km == pytest.approx(haversine_km(DAKAR, THIES), rel=0.005)
    assert found[1].position_age_s == 3600


def test_ranking_is_bounded_and_ties_are_stable() -> None:
    same = [candidate(number, *DAKAR) for number in range(rules.MAX_DRIVERS + 5, 0, -1)]
    found = rules.rank(same, lat=DAKAR[0], lon=DAKAR[1], radius_km=1, now=T0)
    assert [driver.candidate.vehicle_id for driver in found] == list(range(1, rules.MAX_DRIVERS + 1))


def test_a_clock_ahead_is_age_zero() -> None:
    [driver] = rules.rank([candidate(1, *DAKAR, age=-HOUR)], lat=DAKAR[0], lon=DAKAR[1], radius_km=1, now=T0)
    assert driver.position_age_s == 0


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    radius_km=st.floats(0.001, rules.MAX_RADIUS_KM),
    azimuth=st.floats(0, 360),
    part=st.floats(0, 1),
)
def test_the_box_holds_the_circle(
    lat: float, lon: float, radius_km: float, azimuth: float, part: float
) -> None:
    box = rules.bounding_box(lat, lon, radius_km)
    to_lon, to_lat, _ = rules.GEOD.fwd(lon, lat, azimuth, radius_km * 1000 * part)
    assert box.south - 1e-9 <= to_lat <= box.north + 1e-9
    assert box.west - 1e-9 <= to_lon <= box.east + 1e-9


def published(**changes: object) -> dict[str, object]:
    base = dict.fromkeys(rules.PING_KEYS) | {"time": "2026-01-26T09:00:00Z", "lat": 14.7, "lon": -17.4}
    return base | {"vehicle_id": 7, "device_id": 99, "source": "phone", "published_us": 5} | changes


def test_a_live_ping_is_shown_without_inner_keys() -> None:
    message = rules.live_ping(published(speed_kmh=50.0), 7, Window(T0, None), rules.ALL_KINDS)
    assert message is not None
    assert set(message) == {*rules.PING_KEYS, "type", "vehicle_id", "source", "trusted"}
    assert (message["type"], message["speed_kmh"], message["source"]) == ("ping", 50.0, "phone")


@pytest.mark.parametrize(("mock", "trusted"), [(None, True), (False, True), (True, False)])
def test_a_made_up_position_is_shown_and_not_trusted(mock: bool | None, trusted: bool) -> None:
    message = rules.live_ping(published(mock=mock), 7, Window(T0, None), rules.ALL_KINDS)
    assert message is not None
    assert message["trusted"] is trusted


@pytest.mark.parametrize(
    "changes",
    [
        {"vehicle_id": 8},
        {"time": "2026-01-26T07:59:59.999Z"},  # backlog of the job before
        {"time": "2026-01-26T10:00:00.000001Z"},  # the job after
    ],
)
def test_pings_of_another_truck_or_job_are_not_shown(changes: dict[str, object]) -> None:
    assert rules.live_ping(published(**changes), 7, Window(T0, T0 + 2 * HOUR), rules.ALL_KINDS) is None


KINDS_OF = {role: rules.kinds_for(Actor(SHIPPER, role)) for role in Role}


def test_the_carrier_sees_every_kind_and_others_what_concerns_their_goods() -> None:
    assert KINDS_OF[Role.CARRIER] == KINDS_OF[Role.ADMINISTRATOR] == frozenset(KINDS)
    assert rules.kinds_for(Actor(SHIPPER, Role.SHIPPER, is_superuser=True)) == frozenset(KINDS)
    assert KINDS_OF[Role.SHIPPER] == KINDS_OF[Role.BROKER] == rules.JOURNEY_KINDS | rules.CARGO_KINDS
    carriers_own = {name for name in KINDS if name.startswith(("fuel", "refuel", "harsh"))}
    carriers_own |= {"speeding", "idling", "fatigue_driving", "trip"}
    assert len(carriers_own) == 9
    assert not carriers_own & KINDS_OF[Role.SHIPPER]
    assert KINDS_OF[Role.DRIVER] == rules.JOURNEY_KINDS
    assert not KINDS_OF[Role.DRIVER] & ALARMS.keys()


def test_what_shippers_are_alarmed_about_is_no_trifle() -> None:
    assert {KINDS[name].severity for name in rules.CARGO_KINDS} == {"warning", "critical"}
    assert KINDS.keys() >= rules.JOURNEY_KINDS


def test_of_a_ping_each_viewer_is_shown_what_is_his_business() -> None:
    ping = {"fuel_pct": 71.0, "odometer_km": 120.5, "battery_pct": 80.0, "attributes": {"io": 1}}
    ping |= {"alarms": ["sos", "fuel_drop", "unheard_of"], "lat": 14.7}
    shown = {role: rules.shown_ping(ping, kinds) for role, kinds in KINDS_OF.items()}
    assert shown[Role.CARRIER] == ping
    hidden = {**ping, "fuel_pct": None, "odometer_km": None, "attributes": {}}
    assert shown[Role.SHIPPER] == {**hidden, "alarms": ["sos"]}
    assert shown[Role.DRIVER] == {**hidden, "alarms": []}
    bare = dict.fromkeys(ping)
    assert rules.shown_ping(bare, KINDS_OF[Role.CARRIER]) == {**bare, "alarms": [], "attributes": {}}


def interval(**changes: object) -> dict[str, object]:
    base = {"id": 3, "vehicle_id": 7, "kind": "stop", "change": "ended", "started_at": "2026-01-26T09:00:00Z"}
    return base | {"ended_at": "2026-01-26T09:30:00Z"} | changes


def test_an_interval_is_shown_with_its_severity() -> None:
    window = Window(T0, T0 + 2 * HOUR)
    assert rules.live_interval(interval(), 7, window, KINDS_OF[Role.SHIPPER]) == {
        "type": "interval",
        "id": 3,
        "kind": "stop",
        "severity": "info",
        "change": "ended",
        "started_at": "2026-01-26T09:00:00Z",
        "ended_at": "2026-01-26T09:30:00Z",
    }
    going_on = rules.live_interval(interval(ended_at=None), 7, window, KINDS_OF[Role.SHIPPER])
    assert going_on is not None
    assert going_on["ended_at"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"vehicle_id": 8},
        {"kind": "fuel_drop"},
        {"kind": "of_a_later_version"},
        {"started_at": "2026-01-26T07:59:59Z"},  # parked since the job before
        {"ended_at": "2026-01-26T10:00:01Z"},  # goes on into the job after
    ],
)
def test_intervals_of_another_truck_job_or_concern_are_not_shown(changes: dict[str, object]) -> None:
    window = Window(T0, T0 + 2 * HOUR)
    assert rules.live_interval(interval(**changes), 7, window, KINDS_OF[Role.SHIPPER]) is None


def crossing(**changes: object) -> dict[str, object]:
    base = {"id": 1, "vehicle_id": 7, "geofence_id": 11, "kind": "enter", "change": "created"}
    return base | {"time": "2026-01-26T09:00:00Z"} | changes


def test_crossings_of_the_two_fences_are_named() -> None:
    window = Window(T0, None)
    assert rules.live_crossing(crossing(), order(), window) == {
        "type": "crossing",
        "kind": "enter",
        "change": "created",
        "time": "2026-01-26T09:00:00Z",
        "place": "pickup",
    }
    shown = rules.live_crossing(crossing(geofence_id=12), order(), window)
    assert shown is not None
    assert shown["place"] == "delivery"


@pytest.mark.parametrize(
    "changes",
    [{"geofence_id": 13}, {"vehicle_id": 8}, {"time": "2026-01-26T07:00:00Z"}, {"geofence_id": None}],
)
def test_other_crossings_are_not_shown(changes: dict[str, object]) -> None:
    unfenced = order(pickup_geofence_id=None)
    assert rules.live_crossing(crossing(**changes), unfenced, Window(T0, None)) is None
