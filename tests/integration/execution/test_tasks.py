"""A driver's tasks over HTTP."""

from typing import Any

from platform_api.actor import Role
from tests.integration.execution.world import ExecutionWorld
from tests.integration.orders.world import Assigned, Stay
from tests.support.api import code_of, person
from tests.support.queries import count_queries

TASKS = "/api/v1/driver/tasks/"


def steps(order: Assigned, number: int = 0) -> list[tuple[str, str]]:
    task = order.driver.get(TASKS).json()["orders"][number]
    return [(step["kind"], step["state"]) for step in task["steps"]]


def current(order: Assigned) -> dict[str, Any]:
    (task,) = order.driver.get(TASKS).json()["orders"]
    found: dict[str, Any] = next(step for step in task["steps"] if step["state"] == "current")
    return found


def test_step_by_step(world: ExecutionWorld) -> None:
    order = world.with_consignee(world.just_assigned())
    world.sql(
        "INSERT INTO order_stops (order_id, sequence, kind, name, lat, lon, shape, contact_name, contact_phone)"
        " VALUES (%s, 1, 'delivery', 'Thiès', 14.79, -16.93, '{}', 'Fatou', '+221771112233')",
        order.id,
    )
    assert current(order)["kind"] == "answer"
    assert order.driver.post(f"{order.path}accept-load/").status_code == 200
    assert current(order)["place"]["name"] == "Port de Dakar"
    assert world.states(order.driver, world.action(order, "arrived", 2, place="pickup")) == ["applied"]
    assert current(order)["needs"] == ["photos", "seals", "weight_kg", "packages"]
    assert order.driver.post(f"{order.path}confirm-loading/").status_code == 200
    assert (current(order)["kind"], current(order)["place"]["contact_phone"]) == (
        "drive_to_stop",
        "+221771112233",
    )
    assert world.states(order.driver, world.action(order, "arrived", 3, place="stop", stop=1)) == ["applied"]
    assert current(order)["kind"] == "work_at_stop"
    assert world.states(order.driver, world.action(order, "arrived", 4, place="delivery")) == ["applied"]
    assert (current(order)["kind"], current(order)["place"]["contact_phone"]) == ("deliver", "+221771230000")
    order.shipper.client.put(
        f"{order.path}delivery-code/", json={"required": True}, headers=order.shipper.headers
    )
    assert current(order)["needs"][-1] == "code"
    assert [state for _, state in steps(order)] == ["done"] * 6 + ["current"]


def test_the_next_order_after_this_one(world: ExecutionWorld) -> None:
    first = world.assigned()
    second = world.assigned()
    world.sql("UPDATE orders SET driver_id = %s WHERE id = %s", first.driver.id, second.id)
    world.drive(second, Stay("pickup", 10, 60))
    listed = first.driver.get(TASKS).json()["orders"]
    assert [task["order_id"] for task in listed] == [str(second.id), str(first.id)]
    assert [task["status"] for task in listed] == ["IN_TRANSIT", "ASSIGNED"]


def test_who_has_tasks(world: ExecutionWorld) -> None:
    order = world.just_assigned()
    assert code_of(order.carrier.get(TASKS)) == (403, "role_not_allowed")
    assert person(world.client, Role.DRIVER).get(TASKS).json() == {"orders": []}
    assert order.driver.post(f"{order.path}reject-load/", {"reason": "Panne"}).status_code == 204
    assert order.driver.get(TASKS).json() == {"orders": []}


def test_as_many_queries_for_one_as_for_several(world: ExecutionWorld) -> None:
    order = world.assigned()
    with count_queries() as one:
        order.driver.get(TASKS)
    for _ in range(3):
        another = world.assigned()
        world.sql("UPDATE orders SET driver_id = %s WHERE id = %s", order.driver.id, another.id)
        order.driver.get(TASKS)
    with count_queries() as several:
        assert len(order.driver.get(TASKS).json()["orders"]) == 4
    assert len(one) == len(several)
