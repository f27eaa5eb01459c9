"""A driver takes a load or turns it down, and the carrier puts on another crew."""

from datetime import UTC, datetime

from config.database import transaction
from platform_api.actor import Role
from platform_api.fleet.models import Vehicle
from tests.integration.execution.world import ExecutionWorld
from tests.integration.orders.world import Assigned, Stay
from tests.support.api import Person, code_of, person

WHY = {"reason": "En panne à Rufisque"}


def another_truck(world: ExecutionWorld, order: Assigned) -> tuple[Person, int]:
    """Of the same carrier, with its own driver."""
    driver = person(world.client, Role.DRIVER, carrier_id=order.carrier.id)
    with transaction() as session:
        vehicle = Vehicle(
            carrier_id=order.carrier.id, driver_id=driver.id, plate=f"TH-{driver.id.hex[:6].upper()}"
        )
        session.add(vehicle)
        session.flush()
        return driver, vehicle.id


def test_a_load_is_turned_down_and_given_to_another(world: ExecutionWorld) -> None:
    order = world.just_assigned()
    crew = order.carrier.get(f"{order.path}crew/").json()
    assert (crew["answer"], crew["driver_id"]) == ("silent", str(order.driver.id))
    assert code_of(order.carrier.post(f"{order.path}reject-load/", WHY)) == (403, "not_your_load")
    assert order.driver.post(f"{order.path}reject-load/", WHY).status_code == 204
    assert code_of(order.driver.get(order.path)) == (404, "order_not_found")
    body = order.carrier.get(order.path).json()
    assert (body["status"], body["driver_id"], body["vehicle_id"]) == ("ASSIGNED", None, order.vehicle_id)
    assert order.carrier.get(f"{order.path}crew/").json()["answer"] == "rejected"
    row = next(row for row in world.history(order) if row["action"] == "load_rejected")
    assert row["evidence"]["reason"] == WHY["reason"]

    (alert, _award) = order.carrier.get("/api/v1/alerts/").json()["items"]
    assert (alert["kind"], alert["order_id"]) == ("load_rejected", str(order.id))

    driver, vehicle_id = another_truck(world, order)
    assert code_of(order.shipper.post(f"{order.path}crew/", {"vehicle_id": vehicle_id})) == (
        403,
        "not_your_load",
    )
    body = order.carrier.post(f"{order.path}crew/", {"vehicle_id": vehicle_id}).json()
    assert (body["vehicle_id"], body["driver_id"]) == (vehicle_id, str(driver.id))
    crew = order.shipper.get(f"{order.path}crew/").json()
    assert (crew["answer"], crew["vehicle_id"]) == ("silent", vehicle_id)
    assert driver.post(f"{order.path}accept-load/").status_code == 200
    assert code_of(driver.post(f"{order.path}reject-load/", WHY)) == (409, "load_accepted")
    assert order.shipper.get(f"{order.path}crew/").json()["answer"] == "accepted"
    # what the first driver still sends is kept, and told
    note = world.action(order, "loading", 4)
    assert world.states(order.driver, note) == ["order_reassigned"]
    assert "action_in_conflict" in world.actions_of(order)
    kinds = [alert["kind"] for alert in order.carrier.get("/api/v1/alerts/").json()["items"]]
    assert sorted(kinds) == ["action_in_conflict", "bid_accepted", "load_rejected"]
    assert world.state(order)[0] == "ASSIGNED"


def test_silence_is_acceptance(world: ExecutionWorld) -> None:
    order = world.assigned()
    assert order.carrier.get(f"{order.path}crew/").json()["answer"] == "accepted"
    assert code_of(order.driver.post(f"{order.path}reject-load/", WHY)) == (409, "answer_too_late")
    # told offline in time, it counts
    assert world.states(order.driver, world.action(order, "reject", 29, **WHY)) == ["applied"]
    # he loaded all the same: the goods on his truck speak louder
    assert world.states(order.driver, world.action(order, "loading", 60)) == ["applied"]
    assert order.carrier.get(order.path).json()["driver_id"] == str(order.driver.id)


def test_the_fences_follow_the_new_truck(world: ExecutionWorld) -> None:
    order = world.assigned()
    assert world.drive(order, Stay("pickup", 10)) == ["arrived_pickup"]
    driver, vehicle_id = another_truck(world, order)
    body = order.carrier.post(f"{order.path}crew/", {"vehicle_id": vehicle_id}).json()
    assert (body["status"], body["arrived_pickup_at"]) == ("ASSIGNED", None)
    assert world.actions_of(order)[-2:] == ["crew_changed", "visit_retracted"]
    fences = world.sql(
        "SELECT g.vehicle_id, g.retired_at IS NULL AS watching FROM geofences g JOIN orders o"
        " ON g.id IN (o.pickup_geofence_id, o.delivery_geofence_id) WHERE o.id = %s",
        order.id,
    )
    assert [(row["vehicle_id"], row["watching"]) for row in fences] == [(vehicle_id, True)] * 2
    old = world.sql("SELECT retired_at FROM geofences WHERE id = ANY(%s)", list(order.fences.values()))
    assert all(row["retired_at"] is not None for row in old)
    # what the first truck does now changes nothing
    assert world.drive(order, Stay("pickup", 10, 60)) == []
    (row,) = world.sql(
        "SELECT pickup_geofence_id AS pickup, delivery_geofence_id AS delivery FROM orders WHERE id = %s",
        order.id,
    )
    moved = Assigned(order.id, vehicle_id, datetime.now(UTC), row, order.shipper, order.carrier, driver)
    assert world.drive(moved, Stay("pickup", 10, 60)) == ["arrived_pickup", "picked_up", "departed_pickup"]
    assert code_of(order.carrier.post(f"{order.path}crew/", {"vehicle_id": order.vehicle_id})) == (
        409,
        "crew_fixed",
    )


def test_another_driver_on_the_same_truck(world: ExecutionWorld) -> None:
    order = world.assigned()
    world.drive(order, Stay("pickup", 10))
    driver = person(world.client, Role.DRIVER, carrier_id=order.carrier.id)
    body = {"vehicle_id": order.vehicle_id, "driver_id": str(driver.id)}
    changed = order.carrier.post(f"{order.path}crew/", body).json()
    assert (changed["status"], changed["driver_id"]) == ("PICKUP_PENDING", str(driver.id))
    assert order.carrier.post(f"{order.path}crew/", body).json()["driver_id"] == str(driver.id)
    assert world.actions_of(order).count("crew_changed") == 1
    assert code_of(order.driver.post(f"{order.path}confirm-loading/")) == (404, "order_not_found")
    assert driver.post(f"{order.path}confirm-loading/").json()["status"] == "PICKED_UP"


def test_who_may_not_be_put_on(world: ExecutionWorld) -> None:
    order, busy = world.assigned(), world.assigned()
    path = f"{order.path}crew/"
    stranger, their_driver, their_truck = world.fleet()
    assert code_of(order.carrier.post(path, {"vehicle_id": their_truck})) == (404, "vehicle_not_found")
    named = {"vehicle_id": order.vehicle_id, "driver_id": str(their_driver.id)}
    assert code_of(order.carrier.post(path, named)) == (404, "driver_not_found")
    world.sql("UPDATE vehicles SET carrier_id = %s WHERE id = %s", order.carrier.id, busy.vehicle_id)
    assert code_of(order.carrier.post(path, {"vehicle_id": busy.vehicle_id})) == (409, "vehicle_busy")
    assert code_of(stranger.post(path, {"vehicle_id": their_truck})) == (404, "order_not_found")
    assert code_of(stranger.get(path)) == (404, "order_not_found")
    open_path = world.posted()
    assert code_of(world.shipper.get(f"{open_path}crew/")) == (409, "order_not_underway")


def test_a_driver_who_is_put_on_later_is_followed_from_then_on(world: ExecutionWorld) -> None:
    order = world.assigned()
    driver, vehicle_id = another_truck(world, order)
    uid = f"phone-{driver.id.hex[:8]}"
    body = {"uid": uid, "kind": "phone", "driver_id": str(driver.id)}
    assert order.carrier.post("/api/v1/fleet/devices/", body).status_code == 201
    assert order.carrier.post(f"{order.path}crew/", {"vehicle_id": vehicle_id}).status_code == 200
    (crew,) = world.sql(
        "SELECT since FROM order_crews WHERE order_id = %s AND driver_id = %s", order.id, driver.id
    )
    (window,) = world.sql("SELECT opens_at, closes_at FROM phone_windows WHERE uid = %s", uid)
    assert window["opens_at"] == crew["since"] > order.assigned_at
    assert window["closes_at"] is None
    reasons = driver.get("/api/v1/duty/").json()["reasons"]
    assert [datetime.fromisoformat(reason["since"]) for reason in reasons] == [crew["since"]]


def test_a_truck_that_cannot_be_had_is_not_put_on(world: ExecutionWorld) -> None:
    order = world.just_assigned()
    _, vehicle_id = another_truck(world, order)
    for of in (vehicle_id, order.vehicle_id):
        body = {"starts_at": "2020-01-01T00:00:00Z", "reason": "breakdown"}
        made = order.carrier.post(f"/api/v1/fleet/vehicles/{of}/unavailability/", body)
        assert made.status_code == 201, made.text
    answer = order.carrier.post(f"{order.path}crew/", {"vehicle_id": vehicle_id})
    assert code_of(answer) == (409, "vehicle_unavailable")
    # The one that has the load already keeps it; another driver may fetch it from there.
    other = person(world.client, Role.DRIVER, carrier_id=order.carrier.id)
    body = {"vehicle_id": order.vehicle_id, "driver_id": str(other.id)}
    assert order.carrier.post(f"{order.path}crew/", body).json()["driver_id"] == str(other.id)
