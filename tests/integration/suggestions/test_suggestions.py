"""Suggested trucks over HTTP: who is found, what is shown of them, at what cost."""

import json
from datetime import datetime, timedelta

import pytest

from config import clock
from config.settings import get_settings
from platform_api.actor import Role
from platform_api.kyc import service as kyc
from platform_api.suggestions import service
from tests.integration.fleet.world import hand_in, in_days
from tests.integration.orders.world import DELIVERY, ORDER, PICKUP, World
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


def suggested(world: World, path: str) -> set[int]:
    items = world.shipper.get(f"{path}suggestions/?limit=50").json()["items"]
    return {item["vehicle_id"] for item in items}


def test_trucks_that_could_not_be_given_the_load_are_left_out(world: World) -> None:
    opens = clock.now() + timedelta(days=5)
    window = {"opens_at": opens.isoformat(), "closes_at": (opens + timedelta(hours=4)).isoformat()}
    path = world.posted(body={**ORDER, "pickup_window": window})
    (sound, fit), (away, away_id), (stale, stale_id), (other, unlicensed_id), (now, now_id) = (
        near(world, 14.70, -17.43) for _ in range(5)
    )
    away_for(away, away_id, opens - timedelta(hours=1), opens + timedelta(hours=1))
    away_for(now, now_id, clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1))
    # of another time: no obstacle
    away_for(sound, fit, opens + timedelta(days=3), opens + timedelta(days=4))
    assert hand_in(stale, "ASSURANCE", vehicle_id=stale_id, expires_on=in_days(40)).status_code == 201
    (driver,) = world.sql("SELECT driver_id FROM vehicles WHERE id = %s", unlicensed_id)
    licence = hand_in(
        other, "PERMIS", driver_id=str(driver["driver_id"]), licence_classes=["CE"], expires_on=in_days(40)
    )
    assert licence.status_code == 201, licence.text
    assert suggested(world, path) >= {fit, stale_id, unlicensed_id}
    world.sql("UPDATE fleet_documents SET expires_on = current_date - 1, issued_on = NULL")
    found = suggested(world, path)
    assert fit in found
    assert not found & {away_id, now_id, stale_id, unlicensed_id}


def away_for(carrier: Person, vehicle_id: int, starts: datetime, ends: datetime) -> None:
    body = {"starts_at": starts.isoformat(), "ends_at": ends.isoformat(), "reason": "maintenance"}
    answer = carrier.post(f"/api/v1/fleet/vehicles/{vehicle_id}/unavailability/", body)
    assert answer.status_code == 201, answer.text


def test_where_papers_are_demanded_those_without_are_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.posted()
    _, bare = near(world, 14.70, -17.43)
    assert bare in suggested(world, path)
    for setting in ("fleet_documents_required", "kyc_required"):
        demanding = get_settings().model_copy(update={setting: True})
        for asked in (service, kyc):
            monkeypatch.setattr(asked, "get_settings", lambda demanding=demanding: demanding)
        assert bare not in suggested(world, path)
