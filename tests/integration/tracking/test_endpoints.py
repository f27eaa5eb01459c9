from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import Client

from config import clock
from platform_api.actor import Role
from platform_api.pagination import encode_cursor
from platform_api.tracking.times import rfc3339
from tests.integration.tracking import world
from tests.support.api import Person, code_of, person

T0 = datetime(2026, 1, 26, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def pings_path(order_id: object) -> str:
    return f"/api/v1/tracking/orders/{order_id}/pings/"


def times(answer: Any) -> list[str]:
    return [item["time"] for item in answer.json()["items"]]


@pytest.fixture
def shipper(api: Client) -> Person:
    return person(api, Role.SHIPPER)


def test_only_pings_of_the_orders_window_are_shown(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="COMPLETED", assigned_at=T0)
    world.update_order(order_id, completed_at=T0 + 10 * MINUTE)
    for minute in (-1, 0, 5, 10, 11):
        world.store_ping(truck.device_id, T0 + minute * MINUTE)
    answer = shipper.get(pings_path(order_id))
    assert times(answer) == [rfc3339(T0 + minute * MINUTE) for minute in (0, 5, 10)]
    narrowed = shipper.get(
        pings_path(order_id), params={"from": rfc3339(T0 - 5 * MINUTE), "to": rfc3339(T0 + 5 * MINUTE)}
    )
    assert times(narrowed) == [rfc3339(T0), rfc3339(T0 + 5 * MINUTE)]


def test_a_ping_is_shown_in_normal_form(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, assigned_at=T0)
    world.store_ping(
        truck.device_id,
        T0 + timedelta(milliseconds=250),
        speed_kmh=54.3,
        seq=9,
        ignition=True,
        extra='{"alarms": ["sos"], "attributes": {"io": 3}}',
    )
    [item] = truck.carrier.get(pings_path(order_id)).json()["items"]
    [shown] = shipper.get(pings_path(order_id)).json()["items"]
    assert shown == {**item, "attributes": {}}
    assert item == {
        "time": "2026-01-26T08:00:00.25Z",
        "lat": 14.7,
        "lon": -17.4,
        "speed_kmh": 54.3,
        "seq": 9,
        "ignition": True,
        "alarms": ["sos"],
        "attributes": {"io": 3},
        "device_uid": truck.device_uid,
        "source": "tracker",
        "trusted": True,
        **dict.fromkeys(
            ("heading_deg", "altitude_m", "accuracy_m", "satellites", "hdop", "battery_pct", "fuel_pct",
             "odometer_km", "mock")
        ),
    }  # fmt: skip


def test_a_device_counts_only_while_assigned(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="COMPLETED", assigned_at=T0)
    world.update_order(order_id, completed_at=T0 + 10 * MINUTE)
    phone, uid = world.new_device("phone")
    world.assign(phone, truck.vehicle_id, valid_from=T0 + 2 * MINUTE, valid_to=T0 + 4 * MINUTE)
    for minute in range(6):
        world.store_ping(phone, T0 + minute * MINUTE)
    answer = shipper.get(pings_path(order_id))
    assert times(answer) == [rfc3339(T0 + 2 * MINUTE), rfc3339(T0 + 3 * MINUTE)]
    assert {(item["device_uid"], item["source"]) for item in answer.json()["items"]} == {(uid, "phone")}


def test_pages_join_without_gap_or_repetition(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, assigned_at=T0)
    phone, _ = world.new_device("phone")
    world.assign(phone, truck.vehicle_id)
    for minute in range(7):
        # Both devices at the same instants: the key of a page is (time, device).
        world.store_ping(truck.device_id, T0 + minute * MINUTE)
        world.store_ping(phone, T0 + minute * MINUTE)
    seen, cursor = [], None
    for _ in range(10):
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = shipper.get(pings_path(order_id), params=params).json()
        seen += [(item["time"], item["device_uid"]) for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 14
    assert len(set(seen)) == 14
    assert [time for time, _ in seen] == sorted(time for time, _ in seen)


def test_a_forged_cursor_does_not_reach_before_the_window(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, assigned_at=T0)
    world.store_ping(truck.device_id, T0 - MINUTE)
    world.store_ping(truck.device_id, T0 + MINUTE)
    forged = encode_cursor([T0 - 60 * MINUTE, 0])
    assert times(shipper.get(pings_path(order_id), params={"cursor": forged})) == [rfc3339(T0 + MINUTE)]
    assert code_of(shipper.get(pings_path(order_id), params={"cursor": "xyz"})) == (400, "invalid_cursor")


def test_an_order_without_truck_has_no_pings(api: Client, shipper: Person) -> None:
    order_id = world.new_order(shipper, None, status="POSTED")
    assert shipper.get(pings_path(order_id)).json() == {"items": [], "next_cursor": None}


def broker_of(api: Client, order_id: UUID) -> Person:
    """A freight broker in whose hands the order is."""
    broker = person(api, Role.BROKER)
    world.execute("UPDATE orders SET broker_id = :broker WHERE id = :id", broker=broker.id, id=order_id)
    return broker


@pytest.mark.parametrize("what", ["pings", "route"])
def test_only_the_parties_follow_an_order(api: Client, shipper: Person, what: str) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck)
    path = f"/api/v1/tracking/orders/{order_id}/{what}/"
    broker = broker_of(api, order_id)
    allowed = [shipper, truck.carrier, truck.driver, broker, person(api, Role.ADMINISTRATOR)]
    assert {one.get(path).status_code for one in allowed} == {200}
    for role in (Role.SHIPPER, Role.CARRIER, Role.DRIVER, Role.BROKER):
        assert code_of(person(api, role).get(path)) == (404, "order_not_found")
    assert api.get(path).status_code == 401
    assert code_of(shipper.get(f"/api/v1/tracking/orders/{uuid4()}/{what}/")) == (404, "order_not_found")


@pytest.mark.parametrize(
    "params", [{"from": "2026-01-26T08:00:00"}, {"to": "yesterday"}, {"limit": 0}, {"limit": 2001}]
)
def test_bad_parameters_are_named(api: Client, shipper: Person, params: dict[str, Any]) -> None:
    order_id = world.new_order(shipper, world.new_truck(api))
    assert code_of(shipper.get(pings_path(order_id), params=params)) == (400, "invalid_parameter")


def test_the_route_holds_plan_and_way(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="COMPLETED", assigned_at=T0)
    world.update_order(order_id, completed_at=T0 + 60 * MINUTE)
    for minute in range(-5, 65):
        world.store_ping(truck.device_id, T0 + minute * MINUTE, 14.7, -17.4 + minute * 0.005)
    route = shipper.get(f"/api/v1/tracking/orders/{order_id}/route/").json()
    assert route["type"] == "FeatureCollection"
    features = {feature["properties"]["kind"]: feature for feature in route["features"]}
    assert set(features) == {
        "planned", "actual", "untrusted", "pickup", "delivery", "pickup_fence", "delivery_fence",
    }  # fmt: skip
    assert features["untrusted"] == {
        "type": "Feature", "geometry": None, "properties": {"kind": "untrusted", "fixes": 0},
    }  # fmt: skip
    assert features["planned"]["geometry"]["coordinates"] == [list(world.PICKUP), list(world.DELIVERY)]
    assert features["planned"]["properties"]["straight_line"] is True
    actual = features["actual"]
    assert actual["geometry"]["type"] == "LineString"
    assert actual["geometry"]["coordinates"][0] == [-17.4, 14.7]
    assert actual["geometry"]["coordinates"][-1] == [pytest.approx(-17.1), 14.7]
    # 0.3 degrees of the parallel at 14.7 N: 111.32 km x cos(14.7) x 0.3, to half a percent.
    assert actual["properties"]["distance_km"] == pytest.approx(32.30, rel=0.005)
    assert actual["properties"]["started_at"] == rfc3339(T0)
    assert actual["properties"]["ended_at"] == rfc3339(T0 + 60 * MINUTE)
    assert features["pickup_fence"]["properties"]["radius_m"] == 200


def test_a_route_is_thinned_evenly(api: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_api.tracking.service.MAX_ROUTE_FIXES", 10)
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="COMPLETED", assigned_at=T0)
    world.update_order(order_id, completed_at=T0 + 60 * MINUTE)
    for minute in range(60):
        world.store_ping(truck.device_id, T0 + minute * MINUTE, 14.7, -17.4 + minute * 0.005)
    route = shipper.get(f"/api/v1/tracking/orders/{order_id}/route/").json()
    assert route["features"][1]["properties"]["fixes"] == 10


def route_of(who: Person, order_id: Any) -> dict[str, Any]:
    features = who.get(f"/api/v1/tracking/orders/{order_id}/route/").json()["features"]
    return {feature["properties"]["kind"]: feature for feature in features}


def test_made_up_positions_are_told_apart(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="COMPLETED", assigned_at=T0)
    world.update_order(order_id, completed_at=T0 + 60 * MINUTE)
    for minute in range(10):
        mock = True if minute >= 6 else None
        world.store_ping(truck.device_id, T0 + minute * MINUTE, 14.7, -17.4 + minute * 0.005, mock=mock)
    listed = shipper.get(pings_path(order_id)).json()["items"]
    assert [item["trusted"] for item in listed] == [True] * 6 + [False] * 4
    route = route_of(shipper, order_id)
    assert (route["actual"]["properties"]["fixes"], route["actual"]["properties"]["untrusted_fixes"]) == (
        10,
        4,
    )
    assert route["untrusted"]["geometry"]["type"] == "MultiPoint"
    assert len(route["untrusted"]["geometry"]["coordinates"]) == 4
    # The carrier would rather have them ignored.
    world.execute(
        "INSERT INTO telemetry_settings (carrier_id, settings) VALUES (:carrier, CAST(:settings AS jsonb))",
        carrier=truck.carrier.id,
        settings='{"mock": "ignore"}',
    )
    route = route_of(shipper, order_id)
    assert (route["actual"]["properties"]["fixes"], route["untrusted"]["geometry"]) == (6, None)


def test_the_route_follows_one_source_by_priority_and_silence(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="COMPLETED", assigned_at=T0)
    world.update_order(order_id, completed_at=T0 + 60 * MINUTE)
    best, _ = world.new_device("tracker", priority=50)
    phone, _ = world.new_device("phone")
    for device in (best, phone):
        world.assign(device, truck.vehicle_id)
    # The best one spoke until a minute before the order, and again from its 20th minute on.
    world.store_ping(best, T0 - MINUTE)
    for minute in range(30):
        world.store_ping(truck.device_id, T0 + minute * MINUTE, 14.7, -17.4 + minute * 0.005)
        world.store_ping(phone, T0 + minute * MINUTE, 14.8, -17.4 + minute * 0.005)
        if minute >= 20:
            world.store_ping(best, T0 + minute * MINUTE, 14.6, -17.4 + minute * 0.005)
    actual = route_of(shipper, order_id)["actual"]
    assert actual["properties"]["started_at"] == rfc3339(T0 + 5 * MINUTE)
    latitudes = [lat for _, lat in actual["geometry"]["coordinates"]]
    assert latitudes == [14.7] * 15 + [14.6] * 10
    # Silence counts by the vehicle's own setting.
    world.execute(
        "INSERT INTO telemetry_settings (device_id, settings) VALUES (:device, CAST(:settings AS jsonb))",
        device=best,
        settings='{"takeover_s": 30}',
    )
    assert route_of(shipper, order_id)["actual"]["properties"]["started_at"] == rfc3339(T0)


def test_a_repeated_position_is_not_on_the_route(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, status="COMPLETED", assigned_at=T0)
    world.update_order(order_id, completed_at=T0 + 60 * MINUTE)
    for minute in range(5):
        extra = '{"attributes": {"last_known_position": true}}' if minute == 4 else '{"alarms": ["sos"]}'
        world.store_ping(truck.device_id, T0 + minute * MINUTE, 14.7, -17.4 + minute * 0.005, extra=extra)
    assert route_of(shipper, order_id)["actual"]["properties"]["fixes"] == 4


def test_whose_alarms_of_a_ping_are_whose_business(api: Client, shipper: Person) -> None:
    truck = world.new_truck(api)
    order_id = world.new_order(shipper, truck, assigned_at=T0)
    world.store_ping(
        truck.device_id, T0, extra='{"alarms": ["sos", "fuel_drop", "harsh_braking", "own_word"]}'
    )
    seen = {
        who.role: who.get(pings_path(order_id)).json()["items"][0]["alarms"]
        for who in (shipper, truck.carrier, truck.driver, broker_of(api, order_id))
    }
    assert seen == {
        Role.SHIPPER: ["sos"],
        Role.CARRIER: ["sos", "fuel_drop", "harsh_braking", "own_word"],
        Role.DRIVER: [],
        Role.BROKER: ["sos"],
    }


def test_a_planned_route_is_used(api: Client, shipper: Person) -> None:
    order_id = world.new_order(shipper, None, status="POSTED")
    world.execute(
        "UPDATE orders SET planned_route = '[[-17.4, 14.7], [-17.2, 14.8], [-16.9, 14.8]]' WHERE id = :id",
        id=order_id,
    )
    features = shipper.get(f"/api/v1/tracking/orders/{order_id}/route/").json()["features"]
    assert len(features[0]["geometry"]["coordinates"]) == 3
    assert features[0]["properties"]["straight_line"] is False
    assert features[1]["geometry"] is None


AVAILABLE = "/api/v1/tracking/available-drivers/"
KAOLACK = {"lat": 14.15, "lng": -16.07}


@pytest.fixture
def kaolack(api: Client) -> Any:
    """Nobody else's trucks are left near Kaolack."""
    world.execute("DELETE FROM vehicle_states")
    return lambda who, **params: who.get(AVAILABLE, params=KAOLACK | {"radius_km": 20} | params)


def found(answer: Any) -> list[int]:
    return [item["vehicle_id"] for item in answer.json()["items"]]


def test_free_trucks_are_ranked_by_distance(api: Client, shipper: Person, kaolack: Any) -> None:
    near, far, outside = (world.new_truck(api) for _ in range(3))
    now = clock.now()
    world.set_position(far, 14.25, -16.07, now, mock=True)
    world.set_position(near, 14.16, -16.07, now)
    # In the box of 20 km, outside the circle.
    world.set_position(outside, 14.30, -15.92, now)
    answer = kaolack(shipper)
    assert found(answer) == [near.vehicle_id, far.vehicle_id]
    assert [item["trusted"] for item in answer.json()["items"]] == [True, False]
    item = answer.json()["items"][0]
    assert item["distance_km"] == pytest.approx(1.106, abs=0.005)
    assert (item["driver_id"], item["driver_name"]) == (str(near.driver.id), "Test driver")
    assert (item["plate"][:3], item["source"]) == ("DK-", "tracker")
    assert 0 <= item["position_age_s"] < 60
    assert near.driver.phone not in answer.text
    assert "phone" not in answer.text


def test_busy_stale_unmanned_and_switched_off_trucks_are_left_out(
    api: Client, shipper: Person, kaolack: Any
) -> None:
    trucks = {
        name: world.new_truck(api)
        for name in ("free", "busy", "driver busy", "stale", "off", "unmanned", "disabled", "delivered")
    }
    for name, truck in trucks.items():
        age = timedelta(minutes=31 if name == "stale" else 29)
        world.set_position(truck, 14.15, -16.07, clock.now() - age)
    world.new_order(shipper, trucks["busy"], status="ASSIGNED")
    elsewhere = world.new_order(shipper, world.new_truck(api), status="IN_TRANSIT")
    world.update_order(elsewhere, driver_id=trucks["driver busy"].driver.id)
    world.new_order(shipper, trucks["delivered"], status="DELIVERED")
    vehicle = "UPDATE vehicles SET {} WHERE id = :id"
    world.execute(vehicle.format("available = false"), id=trucks["off"].vehicle_id)
    world.execute(vehicle.format("driver_id = NULL"), id=trucks["unmanned"].vehicle_id)
    world.execute("UPDATE users SET disabled = true WHERE id = :id", id=trucks["disabled"].driver.id)
    assert set(found(kaolack(shipper))) == {trucks["free"].vehicle_id, trucks["delivered"].vehicle_id}


def test_carriers_see_their_own_and_drivers_nobody(api: Client, kaolack: Any) -> None:
    mine, other = world.new_truck(api), world.new_truck(api)
    for truck in (mine, other):
        world.set_position(truck, 14.15, -16.07, clock.now())
    assert found(kaolack(mine.carrier)) == [mine.vehicle_id]
    assert len(found(kaolack(person(api, Role.BROKER)))) == 2
    assert code_of(kaolack(mine.driver)) == (403, "role_not_allowed")


@pytest.mark.parametrize(
    "params",
    [{"lat": 91}, {"lng": -181}, {"radius_km": 0}, {"radius_km": 501}, {"lat": "nan"}, {"radius_km": "inf"}],
)
def test_ranges_are_checked(shipper: Person, kaolack: Any, params: dict[str, Any]) -> None:
    assert code_of(kaolack(shipper, **params)) == (400, "invalid_parameter")
