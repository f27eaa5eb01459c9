"""Suggested trucks over HTTP: who is found, what is shown of them, at what cost."""

import json

import pytest

from platform_api.actor import Role
from tests.integration.fleet.world import hand_in, in_days
from tests.integration.orders.world import DELIVERY, PICKUP, World
from tests.support.api import Person, code_of, person
from tests.support.queries import count_queries

pytestmark = pytest.mark.integration


def place(world: World, vehicle_id: int, lat: float, lon: float, *, minutes: int = 2) -> None:
    world.sql(
        "INSERT INTO vehicle_states (vehicle_id, time, lat, lon)"
        " VALUES (%s, now() - make_interval(mins => %s), %s, %s)",
        vehicle_id,
        minutes,
        lat,
        lon,
    )


def near(world: World, lat: float, lon: float, *, minutes: int = 2) -> tuple[Person, int]:
    """A carrier with a truck there."""
    carrier, _, vehicle_id = world.fleet()
    place(world, vehicle_id, lat, lon, minutes=minutes)
    return carrier, vehicle_id


def test_trucks_near_the_pickup_are_suggested_with_reasons(world: World) -> None:
    path = world.posted()
    close, far = near(world, 14.70, -17.43), near(world, 14.79, -16.93)
    stale = near(world, 14.70, -17.43, minutes=600)
    items = world.shipper.get(f"{path}suggestions/").json()["items"]
    found = [item["vehicle_id"] for item in items]
    assert found.index(close[1]) < found.index(far[1])
    assert stale[1] not in found
    first = next(item for item in items if item["vehicle_id"] == close[1])
    assert (first["free"], first["carrier_id"], first["lat"]) == (True, str(close[0].id), 14.70)
    assert {part["part"] for part in first["parts"]} == {
        "distance", "fit", "direction", "freshness", "history", "reliability",
    }  # fmt: skip
    assert first["score"] == pytest.approx(sum(part["points"] for part in first["parts"]), abs=0.11)
    assert close[0].phone not in json.dumps(items)
    french = world.client.get(
        f"{path}suggestions/", headers={**world.shipper.headers, "Accept-Language": "fr"}
    ).json()["items"]
    assert "km de l'enlèvement" in french[0]["parts"][0]["why"]


def test_a_truck_that_unloads_near_is_suggested_without_its_position(world: World) -> None:
    order = world.assigned()
    place(world, order.vehicle_id, 14.20, -16.10)
    back = {"goods": "Arachides", "weight_kg": 5000, "pickup": DELIVERY, "delivery": PICKUP}
    created = world.shipper.post("/api/v1/orders/", back)
    path = f"/api/v1/orders/{created.json()['id']}/"
    items = world.shipper.get(f"{path}suggestions/").json()["items"]
    (found,) = [item for item in items if item["vehicle_id"] == order.vehicle_id]
    assert (found["free"], found["lat"], found["lon"], found["position_time"]) == (False, None, None, None)
    assert found["distance_km"] % 25 == 0
    assert "14.2" not in json.dumps(found)


def test_who_may_look_for_trucks_and_when(world: World) -> None:
    path = world.posted()
    assert code_of(world.carrier.get(f"{path}suggestions/")) == (403, "not_your_order")
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(stranger.get(f"{path}suggestions/")) == (404, "order_not_found")
    order = world.assigned()
    assert code_of(order.shipper.get(f"{order.path}suggestions/")) == (409, "order_not_open")
    assert code_of(world.shipper.get(f"{path}suggestions/?limit=51")) == (400, "invalid_parameter")


def test_history_with_the_shipper_counts_and_the_cost_is_constant(world: World) -> None:
    path = world.posted()
    counts = []
    for _ in range(2):
        known, vehicle_id = near(world, 14.71, -17.43)
        near(world, 14.71, -17.43)
        with count_queries() as statements:
            items = world.shipper.get(f"{path}suggestions/?limit=50").json()["items"]
        counts.append(len(statements))
    assert counts[0] == counts[1]
    old = world.posted()
    bid_id = world.bid(old, known, vehicle_id)
    world.shipper.post(f"{old}accept-bid/", {"bid_id": bid_id})
    world.sql(
        "UPDATE orders SET status = 'COMPLETED', delivered_at = now() WHERE id = %s", old.split("/")[-2]
    )
    items = world.shipper.get(f"{path}suggestions/?limit=50").json()["items"]
    (found,) = [item for item in items if item["vehicle_id"] == vehicle_id]
    parts = {part["part"]: part for part in found["parts"]}
    assert parts["history"]["points"] > 0
    assert parts["reliability"]["points"] == 2.5, "one load says nothing yet"


def test_a_truck_that_nobody_may_give_a_load_is_not_suggested(world: World) -> None:
    path = world.posted()
    insured, licensed, whole = (near(world, 14.70, -17.43) for _ in range(3))
    assert hand_in(insured[0], "ASSURANCE", vehicle_id=insured[1], expires_on=in_days(5)).status_code == 201
    (row,) = world.sql("SELECT driver_id FROM vehicles WHERE id = %s", licensed[1])
    driver_id = str(row["driver_id"])
    assert hand_in(licensed[0], "PERMIS", driver_id=driver_id, expires_on=in_days(5)).status_code == 201

    def found() -> set[int]:
        items = world.shipper.get(f"{path}suggestions/").json()["items"]
        return {item["vehicle_id"] for item in items} & {insured[1], licensed[1], whole[1]}

    assert found() == {insured[1], licensed[1], whole[1]}
    world.sql("UPDATE fleet_documents SET expires_on = %s", in_days(-1))
    assert found() == {whole[1]}
    body = {"starts_at": "2020-01-01T00:00:00Z", "reason": "breakdown"}
    assert whole[0].post(f"/api/v1/fleet/vehicles/{whole[1]}/unavailability/", body).status_code == 201
    assert found() == set()
