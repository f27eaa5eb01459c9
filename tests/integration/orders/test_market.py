"""Who sees what, who may do what, and what a bad request is told; over HTTP."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from platform_api.actor import Role
from platform_api.bids import tasks
from tests.integration.orders.world import DELIVERY, ORDER, PICKUP, Stay, World
from tests.support.api import Person, code_of, person
from tests.support.figures import figures
from tests.support.queries import count_queries

pytestmark = pytest.mark.integration

ORDERS = "/api/v1/orders/"
SWAPPED = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [14.6797, -17.4281]},
    "properties": {"radius_m": 200},
}


def ids(someone: Person, query: str = "") -> list[str]:
    return [order["id"] for order in someone.get(f"{ORDERS}{query}").json()["items"]]


def test_draft_posted_bid_accepted(world: World) -> None:
    created = world.shipper.post(ORDERS, ORDER)
    assert created.status_code == 201
    body = created.json()
    assert body["status"] == "DRAFT"
    assert body["pickup"]["shape"] == {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
        "properties": {"radius_m": 200},
    }
    path = f"{ORDERS}{body['id']}/"
    assert code_of(world.carrier.get(path)) == (404, "order_not_found")
    assert world.shipper.post(f"{path}post/").json()["status"] == "POSTED"
    assert world.shipper.post(f"{path}post/").json()["status"] == "POSTED"
    bid_id = world.bid(path, world.carrier, world.vehicle_id, 450_000)
    assert world.carrier.get(path).json()["status"] == "BIDDING"
    order = world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id}).json()
    assert (order["status"], order["agreed_xof"], order["driver_id"]) == (
        "ASSIGNED",
        450_000,
        str(world.driver.id),
    )
    fences = world.sql("SELECT * FROM geofences WHERE vehicle_id = %s ORDER BY id", world.vehicle_id)
    assert [fence["name"] for fence in fences] == ["Port de Dakar", "Kaolack"]
    assert {fence["valid_from"].isoformat() for fence in fences} == {
        order["assigned_at"].replace("Z", "+00:00")
    }
    dirty = world.sql("SELECT from_time FROM dirty_vehicles WHERE vehicle_id = %s", world.vehicle_id)
    assert [row["from_time"] for row in dirty] == [fences[0]["valid_from"]] * 2


def test_orders_of_others_are_not_there(world: World) -> None:
    order = world.assigned()
    loser, loser_driver, _ = world.fleet()
    strangers = [
        person(world.client, Role.SHIPPER),
        world.carrier,
        loser,
        loser_driver,
        person(world.client, Role.BROKER),
    ]
    calls: list[tuple[str, str, Any]] = [
        ("get", "", None),
        ("get", "bids/", None),
        ("get", "history/", None),
        ("post", "post/", None),
        ("post", "bids/", {"vehicle_id": world.vehicle_id, "amount_xof": 5}),
        ("post", "accept-bid/", {"bid_id": str(order.id)}),
        ("post", f"bids/{order.id}/withdraw/", None),
        ("post", "cancel/", {"reason": "x"}),
        ("post", "confirm-loading/", None),
        ("post", "proof-of-delivery/", {"receiver_name": "x"}),
        ("post", "confirm-delivery/", None),
    ]
    for stranger in strangers:
        assert str(order.id) not in ids(stranger)
        for method, path, body in calls:
            answer = (
                stranger.get(order.path + path) if method == "get" else stranger.post(order.path + path, body)
            )
            assert code_of(answer) == (404, "order_not_found"), (stranger.role, path)
    for party in (order.shipper, order.carrier, order.driver):
        assert str(order.id) in ids(party)
    assert person(world.client, Role.ADMINISTRATOR).get(order.path).status_code == 200


def test_losing_bidder_sees_its_bid_and_no_more(world: World) -> None:
    path = world.posted()
    loser, _, loser_vehicle = world.fleet()
    lost = world.bid(path, loser, loser_vehicle, 600_000)
    won = world.bid(path, world.carrier, world.vehicle_id, 450_000)
    assert [bid["id"] for bid in loser.get(f"{path}bids/").json()["items"]] == [lost]
    assert {bid["id"] for bid in world.shipper.get(f"{path}bids/").json()["items"]} == {lost, won}
    world.shipper.post(f"{path}accept-bid/", {"bid_id": won})
    world.driver.post(f"{path}confirm-loading/")

    seen = loser.get(path).json()
    assert seen["status"] == "ASSIGNED"
    hidden = ("carrier_id", "driver_id", "vehicle_id", "agreed_xof", "assigned_at", "picked_up_at")
    assert {seen[name] for name in hidden} == {None}
    assert seen["id"] not in ids(loser, "?status=PICKED_UP")
    assert seen["id"] in ids(world.carrier, "?status=PICKED_UP")
    rows = loser.get(f"{path}history/").json()["items"]
    assert [row["action"] for row in rows] == ["created", "posted", "bid_placed", "bid_accepted"]
    assert str(world.carrier.id) not in json.dumps(rows)
    assert "450000" not in figures(json.dumps(rows))
    winner_rows = world.carrier.get(f"{path}history/").json()["items"]
    assert [row["action"] for row in winner_rows] == [
        "created", "posted", "bid_placed", "bid_accepted", "loading_confirmed", "waybill_issued",
    ]  # fmt: skip
    assert "600000" not in figures(json.dumps(winner_rows))


def test_no_phone_number_or_name_of_people_leaks(world: World) -> None:
    order = world.assigned()
    people = (order.shipper, order.carrier, order.driver)
    for path in ("", "bids/", "history/"):
        text = order.shipper.get(order.path + path).text
        assert not [someone.phone for someone in people if someone.phone in text]
        assert "Test " not in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"goods": ""}, (422, "invalid_body")),
        ({"goods": "x\u0000y"}, (422, "invalid_body")),
        ({"weight_kg": 0}, (422, "invalid_body")),
        ({"weight_kg": 2**40}, (422, "invalid_body")),
        ({"pickup": None}, (422, "invalid_body")),
        ({"pickup": {**PICKUP, "lat": 91}}, (422, "invalid_body")),
        ({"pickup": {**PICKUP, "lon": "Infinity"}}, (422, "invalid_body")),
        ({"pickup": {**PICKUP, "radius_m": 0}}, (422, "radius_out_of_range")),
        ({"pickup": {**PICKUP, "radius": 5}}, (422, "invalid_body")),
        ({"pickup": {**PICKUP, "shape": {"type": "Point", "coordinates": [1, 2]}}}, (422, "radius_missing")),
        ({"pickup": {**PICKUP, "shape": SWAPPED}}, (422, "place_far_from_shape")),
        ({"planned_route": [[-17.4, 14.6]]}, (422, "invalid_body")),
        ({"planned_route": [[-17.4, 14.6], [-17.4, 140.6]]}, (422, "invalid_body")),
        ({"color": "red"}, (422, "invalid_body")),
    ],
)
def test_bad_orders(world: World, change: dict[str, Any], expected: tuple[int, str]) -> None:
    assert code_of(world.shipper.post(ORDERS, {**ORDER, **change})) == expected


def test_polygon_and_route_are_kept(world: World) -> None:
    ring = [[-17.43, 14.67], [-17.42, 14.67], [-17.42, 14.69], [-17.43, 14.67]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    route = [[-17.42, 14.68], [-16.07, 14.16]]
    body = {**ORDER, "pickup": {**PICKUP, "shape": polygon}, "planned_route": route}
    order = world.shipper.post(ORDERS, body).json()
    assert order["pickup"]["shape"]["geometry"]["type"] == "Polygon"
    assert order["planned_route"] == route


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"amount_xof": 0}, (422, "invalid_body")),
        ({"amount_xof": -5}, (422, "invalid_body")),
        ({"amount_xof": 10.5}, (422, "invalid_body")),
        ({"amount_xof": "500"}, (422, "invalid_body")),
        ({"amount_xof": 10**12}, (422, "invalid_body")),
        ({"vehicle_id": 2**70}, (422, "invalid_body")),
        ({"vehicle_id": 999_999}, (404, "vehicle_not_found")),
        ({"driver_id": "00000000-0000-0000-0000-000000000000"}, (404, "driver_not_found")),
    ],
)
def test_bad_bids(world: World, body: dict[str, Any], expected: tuple[int, str]) -> None:
    path = world.posted()
    bid = {"vehicle_id": world.vehicle_id, "amount_xof": 5, **body}
    assert code_of(world.carrier.post(f"{path}bids/", bid)) == expected


def test_refusals_in_the_wrong_state_or_by_the_wrong_person(world: World) -> None:
    path = world.posted()
    bid = {"vehicle_id": world.vehicle_id, "amount_xof": 5}
    assert code_of(world.carrier.post(ORDERS, ORDER)) == (403, "role_not_allowed")
    assert code_of(world.shipper.post(f"{path}bids/", bid)) == (403, "role_not_allowed")
    other, _, _ = world.fleet()
    assert code_of(other.post(f"{path}bids/", bid)) == (404, "vehicle_not_found")
    bid_id = world.bid(path, world.carrier, world.vehicle_id)
    assert code_of(world.carrier.post(f"{path}bids/", bid)) == (409, "bid_exists")
    assert code_of(world.carrier.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (403, "not_your_order")
    assert code_of(other.post(f"{path}bids/{bid_id}/withdraw/")) == (404, "bid_not_found")
    assert code_of(world.shipper.post(f"{path}confirm-loading/")) == (403, "not_your_load")
    proof = {"receiver_name": "Awa Diop"}
    assert code_of(world.shipper.post(f"{path}proof-of-delivery/", proof)) == (403, "not_your_load")
    assert code_of(world.shipper.post(f"{path}confirm-delivery/")) == (409, "order_not_delivered")
    assert world.carrier.post(f"{path}bids/{bid_id}/withdraw/").json()["status"] == "WITHDRAWN"
    assert world.carrier.post(f"{path}bids/{bid_id}/withdraw/").json()["status"] == "WITHDRAWN"
    assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (409, "bid_not_open")
    assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": "x"})) == (422, "invalid_body")
    assert code_of(world.shipper.get(f"{ORDERS}not-an-id/")) == (400, "invalid_parameter")
    assert code_of(world.shipper.get(f"{ORDERS}?cursor=zzz")) == (400, "invalid_cursor")
    assert code_of(world.shipper.get(f"{ORDERS}?status=LOST")) == (400, "invalid_parameter")
    assert code_of(world.client.get(ORDERS)) == (401, "not_authenticated")


def test_journey_refusals(world: World) -> None:
    order = world.assigned()
    proof = {"receiver_name": "Awa Diop"}
    pod, loading = f"{order.path}proof-of-delivery/", f"{order.path}confirm-loading/"
    assert code_of(order.driver.post(pod, proof)) == (409, "order_not_picked_up")
    assert code_of(order.driver.post(pod, {**proof, "receiver_name": " "})) == (422, "invalid_body")
    late = {"time": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    assert code_of(order.driver.post(loading, late)) == (422, "time_in_future")
    early = {"time": order.at(-1).isoformat()}
    assert code_of(order.driver.post(loading, early)) == (422, "time_before_assignment")
    assert code_of(order.driver.post(loading, {"time": "2026-01-01T00:00:00"})) == (422, "invalid_body")
    world.drive(order, Stay("pickup", 10, 40))
    assert code_of(order.shipper.post(f"{order.path}cancel/", {"reason": "x"})) == (
        409,
        "order_not_cancellable",
    )
    far = {**proof, "position": {"lat": PICKUP["lat"], "lon": PICKUP["lon"], "accuracy_m": 5}}
    assert order.driver.post(pod, far).json()["status"] == "DELIVERED"
    # the same tap again, from elsewhere: the first proof stands
    near = {**proof, "position": {"lat": DELIVERY["lat"], "lon": DELIVERY["lon"]}}
    assert order.driver.post(pod, near).json()["status"] == "DELIVERED"
    (row,) = [row for row in world.history(order) if row["action"] == "proof_of_delivery"]
    assert row["evidence"]["flags"] == ["away_from_fence"]
    assert 150_000 < row["evidence"]["distance_m"] < 160_000
    assert code_of(order.driver.post(loading)) == (409, "order_not_underway")


def test_vehicle_on_the_road_cannot_win_another_order(world: World) -> None:
    order = world.assigned()
    path = world.posted()
    bid_id = world.bid(path, order.carrier, order.vehicle_id)
    busy = world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})
    assert code_of(busy) == (409, "vehicle_busy")
    order.shipper.post(f"{order.path}cancel/", {"reason": "x"})
    assert world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id}).json()["status"] == "ASSIGNED"


def test_expired_bids(world: World) -> None:
    path = world.posted()
    bid_id = world.bid(path, world.carrier, world.vehicle_id)
    world.sql("UPDATE bids SET expires_at = now() WHERE id = %s", bid_id)
    assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (409, "bid_expired")
    assert tasks.expire_bids() == 1
    assert tasks.expire_bids() == 0
    (bid,) = world.shipper.get(f"{path}bids/").json()["items"]
    assert bid["status"] == "EXPIRED"
    assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (409, "bid_expired")
    # its carrier may bid again, swept or not
    again = world.bid(path, world.carrier, world.vehicle_id)
    world.sql("UPDATE bids SET expires_at = now() WHERE id = %s", again)
    world.bid(path, world.carrier, world.vehicle_id)


def test_pages_of_orders_and_history(world: World) -> None:
    shipper = person(world.client, Role.SHIPPER)
    paths = [world.posted(shipper) for _ in range(5)]
    found: list[str] = []
    cursor = ""
    while True:
        page = shipper.get(f"{ORDERS}?limit=2{cursor}").json()
        found += [f"{ORDERS}{order['id']}/" for order in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == paths[::-1]
    first = shipper.get(f"{paths[0]}history/?limit=1").json()
    rest = shipper.get(f"{paths[0]}history/?limit=1&cursor={first['next_cursor']}").json()
    assert [row["action"] for row in first["items"] + rest["items"]] == ["created", "posted"]


def test_lists_cost_the_same_number_of_queries_however_long(world: World) -> None:
    shipper = person(world.client, Role.SHIPPER)
    counts = []
    for _ in range(2):
        for _ in range(3):
            path = world.posted(shipper)
            for carrier, _, vehicle_id in (world.fleet(), world.fleet()):
                world.bid(path, carrier, vehicle_id)
        with count_queries() as statements:
            for someone, where in ((shipper, ORDERS), (world.carrier, ORDERS), (shipper, f"{path}bids/"),
                                   (shipper, f"{path}history/")):  # fmt: skip
                assert someone.get(where).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 16, (
        "a request is who asks, what for, and the rows; bids have counter-offers and warnings"
    )


def test_redis_down_loses_no_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def publish(self, *_: object) -> None:
            raise RedisConnectionError("planted")

    monkeypatch.setattr("platform_api.orders.recording.sync_redis", Dead)
    path = world.posted()
    assert world.shipper.get(path).json()["status"] == "POSTED"
