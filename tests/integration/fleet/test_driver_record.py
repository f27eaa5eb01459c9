"""A driver as his carrier sees him; and the warning when his licence does not fit the truck."""

from typing import Any

from tests.integration.fleet.world import FLEET, FleetWorld, hand_in, in_days
from tests.integration.orders.world import World
from tests.support.api import Person, code_of
from tests.support.queries import count_queries


def record(someone: Person, driver: Person) -> dict[str, Any]:
    answer = someone.get(f"{FLEET}/drivers/{driver.id}/")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def licence(driver: Person, *classes: str, days: int = 20) -> None:
    answer = hand_in(
        driver,
        "PERMIS",
        driver_id=str(driver.id),
        number="P-1",
        licence_classes=classes,
        expires_on=in_days(days),
    )
    assert answer.status_code == 201, answer.text


def codes(warnings: list[dict[str, Any]]) -> list[str]:
    return [one["code"] for one in warnings]


def test_the_record_holds_licence_papers_and_vehicles(world: FleetWorld) -> None:
    licence(world.driver, "B")
    hand_in(world.driver, "CNI", driver_id=str(world.driver.id), number="C-1", expires_on=in_days(400))
    heavy = world.add_vehicle(driver_id=str(world.driver.id), ptac_kg=26_000)
    for reader in (world.carrier, world.administrator, world.driver):
        shown = record(reader, world.driver)
        assert (shown["name"], shown["phone"]) == (f"Test {world.driver.role}", world.driver.phone)
        [one] = shown["licences"]
        assert (one["number"], one["classes"], one["state"]) == ("P-1", ["B"], "expiring")
        assert {row["kind"]: row["state"] for row in shown["documents"]} == {
            "PERMIS": "expiring",
            "CNI": "valid",
        }
        assert {row["id"]: codes(row["warnings"]) for row in shown["vehicles"]} == {
            world.vehicle_id: [],
            heavy: ["licence_class_unfit"],
        }
        assert shown["orders_under_way"] == []


def test_nobody_else_sees_it(world: FleetWorld) -> None:
    path = f"{FLEET}/drivers/{world.driver.id}/"
    assert code_of(world.other_carrier.get(path)) == (404, "driver_not_found")
    assert code_of(world.shipper.get(path)) == (403, "role_not_allowed")


def test_orders_under_way_are_those_of_this_carrier(world: FleetWorld) -> None:
    market = World(world.client, world.database_url)
    order = market.assigned()
    [shown] = record(order.carrier, order.driver)["orders_under_way"]
    assert (shown["id"], shown["status"], shown["vehicle_id"]) == (
        str(order.id),
        "ASSIGNED",
        order.vehicle_id,
    )
    # He changed carriers, and his order is the business of the one before.
    world.sql("UPDATE users SET carrier_id = %s WHERE id = %s", world.carrier.id, order.driver.id)
    shown = record(world.carrier, order.driver)
    assert (shown["orders_under_way"], shown["vehicles"]) == ([], [])


def test_saving_a_vehicle_with_a_driver_warns_of_his_licence(world: FleetWorld) -> None:
    def saved(**body: Any) -> list[str]:
        answer = world.save_vehicle(driver_id=str(world.driver.id), **body)
        assert answer.status_code == 201, answer.text
        return codes(answer.json()["warnings"])

    assert saved(ptac_kg=26_000) == []  # nobody has said his classes
    licence(world.driver, "B")
    assert saved(ptac_kg=3_000) == []
    assert saved(ptac_kg=26_000) == ["licence_class_unfit"]
    changed = world.carrier.patch(world.vehicle_path(), {"ptac_kg": 26_000})
    [warning] = changed.json()["warnings"]
    assert (warning["code"], warning["value"]) == ("licence_class_unfit", None)
    assert "catégorie C" in warning["text_fr"]
    licence(world.driver, "C")
    assert world.carrier.get(world.vehicle_path()).json()["warnings"] == []


def test_the_record_costs_the_same_however_many_vehicles(world: FleetWorld) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            world.add_vehicle(driver_id=str(world.driver.id))
        with count_queries() as statements:
            record(world.carrier, world.driver)
        counts.append(len(statements))
    assert counts[0] == counts[1]
