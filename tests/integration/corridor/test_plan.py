"""An order's planned way, from the engine to the endpoint, and the corridor along it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from config.database import transaction
from platform_api.actor import Role
from platform_api.routing import repository, service, tasks
from platform_api.routing.plan import length_m
from platform_api.routing.planner import planner
from tests.integration.corridor.road import DURATION_S, KAOLACK, PORT, ROAD, osrm_answer
from tests.integration.orders.world import ORDER, Assigned, World
from tests.support.api import code_of, person
from tests.unit.platform_api.routing.fake_engine import FakeEngine


def plan_of(world: World, path: str) -> dict[str, Any]:
    response = world.shipper.get(f"{path}plan/")
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def id_of(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def plans(world: World, order_id: object) -> list[dict[str, Any]]:
    return world.sql("SELECT * FROM planned_routes WHERE order_id = %s ORDER BY id", str(order_id))


def fence(world: World, fence_id: int) -> dict[str, Any]:
    (row,) = world.sql("SELECT * FROM geofences WHERE id = %s", fence_id)
    return row


def assigned(world: World) -> Assigned:
    order = world.assigned()
    tasks.plan(str(order.id))
    return order


def test_a_posted_order_shows_its_way(world: World, engine: FakeEngine) -> None:
    path = world.posted()
    assert code_of(world.shipper.get(f"{path}plan/")) == (404, "plan_not_found")
    tasks.plan(id_of(path))
    plan = plan_of(world, path)
    assert (plan["source"], plan["degraded"]) == ("osrm", False)
    assert plan["distance_m"] == pytest.approx(length_m(ROAD), abs=1)
    assert plan["duration_s"] == DURATION_S
    assert plan["geometry"]["coordinates"][0] == pytest.approx(list(PORT), abs=1e-5)
    assert plan["corridor_width_m"] is None
    # A carrier that looks for a load sees how far it is; a stranger sees nothing.
    assert world.carrier.get(f"{path}plan/").json() == plan
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(stranger.get(f"{path}plan/")) == (404, "order_not_found")
    assert len(engine.asked) == 1
    tasks.plan(id_of(path))
    assert len(engine.asked) == 1, "it is asked once"


def test_an_assigned_order_has_a_corridor_that_watches_its_truck(world: World) -> None:
    order = assigned(world)
    assert plan_of(world, order.path)["corridor_width_m"] == 2000
    (plan,) = plans(world, order.id)
    watched = fence(world, plan["geofence_id"])
    assert (watched["vehicle_id"], watched["carrier_id"], watched["retired_at"]) == (
        order.vehicle_id,
        None,
        None,
    )
    assert watched["valid_from"] == order.assigned_at
    assert watched["shape"]["geometry"]["type"] == "LineString"
    assert watched["shape"]["properties"]["width_m"] == 2000
    refused = world.shipper.delete(f"/api/v1/geofences/{plan['geofence_id']}/")
    assert code_of(refused) == (409, "geofence_in_use")


def test_the_truck_that_gets_the_order_has_it_planned_anew(world: World) -> None:
    path = world.posted()
    tasks.plan(id_of(path))
    carrier, _, vehicle_id = world.fleet()
    bid_id = world.bid(path, carrier, vehicle_id)
    world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})
    tasks.sweep()
    first, second = plans(world, id_of(path))
    assert first["superseded_at"] is not None
    assert (second["superseded_at"], second["vehicle_id"]) == (None, vehicle_id)
    assert second["geofence_id"] is not None


def test_without_an_answer_the_straight_line_stands_until_there_is_one(
    world: World, engine: FakeEngine
) -> None:
    engine.answers[:] = [(400, {"code": "NoRoute", "message": "none"})]
    order = assigned(world)
    plan = plan_of(world, order.path)
    assert (plan["source"], plan["degraded"], plan["corridor_width_m"]) == ("straight_line", True, None)
    assert plan["distance_m"] == pytest.approx(length_m((PORT, KAOLACK)) * 1.3, rel=0.001)
    engine.answers[:] = [(200, osrm_answer(ROAD))]
    with transaction() as session:
        due = repository.due(session, datetime.now(UTC), retry=timedelta(minutes=10), limit=1000)
    assert order.id not in due, "too early to ask again"
    world.sql(
        "UPDATE planned_routes SET checked_at = checked_at - interval '1 hour' WHERE order_id = %s", order.id
    )
    tasks.sweep()
    old, new = plans(world, order.id)
    assert (old["source"], new["source"]) == ("straight_line", "osrm")
    assert new["geofence_id"] is not None


def test_a_straight_line_again_is_not_a_new_plan(world: World, engine: FakeEngine) -> None:
    engine.answers[:] = [(200, {"code": "TooBig", "message": "too far"})]
    order = assigned(world)
    tasks.plan(str(order.id))
    assert len(plans(world, order.id)) == 1
    assert len(engine.asked) == 2


def test_the_way_of_the_shipper_comes_first(world: World, engine: FakeEngine) -> None:
    drawn = [
        list(point) for point in (PORT, *[(-17.4 + n / 10, 14.68 - n / 25) for n in range(1, 13)], KAOLACK)
    ]
    path = f"/api/v1/orders/{world.shipper.post('/api/v1/orders/', ORDER | {'planned_route': drawn}).json()['id']}/"
    world.shipper.post(f"{path}post/")
    tasks.plan(id_of(path))
    plan = plan_of(world, path)
    assert (plan["source"], plan["degraded"]) == ("shipper", False)
    assert len(plan["geometry"]["coordinates"]) == len(drawn)
    assert engine.asked == []


def test_a_draft_and_an_order_that_is_over_are_not_planned(world: World, engine: FakeEngine) -> None:
    draft = world.shipper.post("/api/v1/orders/", ORDER).json()["id"]
    tasks.plan(draft)
    order = world.assigned()
    world.shipper.post(f"{order.path}cancel/", {"reason": "no goods"})
    tasks.plan(str(order.id))
    tasks.plan("00000000-0000-0000-0000-000000000000")
    assert engine.asked == []
    assert plans(world, draft) == plans(world, order.id) == []


def test_an_answer_to_an_older_question_is_thrown_away(world: World, engine: FakeEngine) -> None:
    """The truck was given to the order while the engine was thinking."""
    path = world.posted()
    with transaction() as session:
        asked = service.question(session, UUID(id_of(path)))
    assert asked is not None
    made = planner().plan(asked.stops, asked.truck)
    carrier, _, vehicle_id = world.fleet()
    world.shipper.post(f"{path}accept-bid/", {"bid_id": world.bid(path, carrier, vehicle_id)})
    with transaction() as session:
        assert service.keep(session, asked, made, datetime.now(UTC)) is None
    assert plans(world, id_of(path)) == []


def test_a_corridor_ends_with_its_order(world: World) -> None:
    cancelled, completed = assigned(world), assigned(world)
    world.shipper.post(f"{cancelled.path}cancel/", {"reason": "no goods"})
    world.sql("UPDATE orders SET status = 'COMPLETED', completed_at = now() WHERE id = %s", completed.id)
    tasks.sweep()
    tasks.sweep()
    (gone,), (done,) = plans(world, cancelled.id), plans(world, completed.id)
    assert fence(world, gone["geofence_id"])["retired_at"] is not None
    left = fence(world, done["geofence_id"])
    assert left["retired_at"] is None, "late positions may still correct what it saw"
    assert left["valid_until"] > datetime.now(UTC) + timedelta(hours=23)


def test_the_parties_read_the_plan_of_their_order(world: World) -> None:
    order = assigned(world)
    for someone in (order.driver, order.carrier, order.shipper):
        assert someone.get(f"{order.path}plan/").status_code == 200
    assert code_of(world.client.get(f"{order.path}plan/")) == (401, "not_authenticated")
