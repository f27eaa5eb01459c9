"""Another truck takes over while the first one waits: both waits count, and both are shown."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import text

from config.database import transaction
from migrations.sql_file import statements
from platform_api.actor import Role
from platform_api.detention import forgetting, tasks
from platform_api.detention.evidence import sha256_of
from platform_api.fleet.models import Vehicle
from tests.integration.detention.test_detention import alerts, at_pickup, claim, recent
from tests.integration.orders.world import Assigned, Stay, World
from tests.support.api import Person, person
from tests.support.queries import count_queries


def second_truck(world: World, order: Assigned, minutes: float) -> Assigned:
    """Of the same carrier, put on so many minutes after the assignment."""
    driver: Person = person(world.client, Role.DRIVER, carrier_id=order.carrier.id)
    with transaction() as session:
        vehicle = Vehicle(
            carrier_id=order.carrier.id, driver_id=driver.id, plate=f"TH-{driver.id.hex[:6].upper()}"
        )
        session.add(vehicle)
        session.flush()
        vehicle_id = vehicle.id
    changed = order.carrier.post(f"{order.path}crew/", {"vehicle_id": vehicle_id})
    assert changed.status_code == 200, changed.text
    world.sql(
        "UPDATE order_crews SET since = %s WHERE order_id = %s AND vehicle_id = %s",
        order.at(minutes), order.id, vehicle_id,
    )  # fmt: skip
    (fences,) = world.sql(
        "SELECT pickup_geofence_id AS pickup, delivery_geofence_id AS delivery FROM orders WHERE id = %s",
        order.id,
    )
    return replace(order, vehicle_id=vehicle_id, fences=fences, driver=driver)


def shares(place: dict[str, Any]) -> list[tuple[int, float]]:
    return [(truck["vehicle_id"], truck["waited_s"] / 60) for truck in place["trucks"]]


def test_the_wait_of_the_first_truck_counts(world: World) -> None:
    first = recent(world, minutes_ago=300)
    world.drive(first, Stay("pickup", 10))
    second = second_truck(world, first, 110)
    place = at_pickup(first)
    assert shares(place) == [(first.vehicle_id, 100.0)]
    assert (place["running"], place["departed_at"]) == (True, None)
    world.drive(second, Stay("pickup", 130, 200))
    place = at_pickup(first)
    assert shares(place) == [(first.vehicle_id, 100.0), (second.vehicle_id, 70.0)]
    assert place["waited_s"] == 170 * 60
    assert (place["billed_hours"], place["amount_xof"]) == (1, 5000), "neither alone passed the two hours"
    assert datetime.fromisoformat(place["clock_from"]) == first.at(10)
    delivery = first.shipper.get(f"{first.path}detention/").json()["places"][-1]
    assert (delivery["trucks"], delivery["waited_s"]) == ([], 0)


def test_its_evidence_is_in_the_claim(world: World) -> None:
    first = recent(world, minutes_ago=300)
    phone = _pinging(world, first, 5, 10, 60, 109, 115)
    world.drive(first, Stay("pickup", 10))
    second = second_truck(world, first, 110)
    _pinging(world, second, 20, 130, 199, 201)
    world.drive(second, Stay("pickup", 130, 200))
    made = claim(first)
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["waited_s"], body["amount_xof"]) == (170 * 60, 5000)
    proof = body["evidence"]
    assert [visit["vehicle_id"] for visit in proof["visits"]] == [first.vehicle_id, second.vehicle_id]
    (former,) = proof["former_trucks"]
    assert (former["vehicle_id"], former["pings"]["count"]) == (first.vehicle_id, 3), "not what it did after"
    assert (proof["vehicle_id"], proof["pings"]["count"]) == (second.vehicle_id, 2), "nor this one before"
    assert datetime.fromisoformat(former["on_until"]) == first.at(110)
    assert body["evidence_sha256"] == sha256_of(proof)
    assert at_pickup(first)["revised"] is False

    # Whoever drove the first truck may have his positions erased, though he is on the order no longer.
    with transaction() as session:
        erased = forgetting.forget(session, first.driver.id, lambda ping: ping.get("device_id") == phone)
    assert erased == 1
    (row,) = world.sql("SELECT evidence FROM detention_claims WHERE id = %s", body["id"])
    left = row["evidence"]["former_trucks"][0]["pings"]
    assert (left["first"]["lat"], left["count"], left["sha256"]) == (None, 3, former["pings"]["sha256"])
    assert row["evidence"]["pings"] == proof["pings"]


def _pinging(world: World, order: Assigned, *minutes: float) -> int:
    """The truck's tracker, and its pings at these times."""
    (device,) = world.sql(
        "INSERT INTO devices (uid, kind) VALUES (%s, 'tracker') RETURNING id", f"t-{order.vehicle_id}"
    )
    world.sql(
        "INSERT INTO device_assignments (device_id, vehicle_id) VALUES (%s, %s)",
        device["id"],
        order.vehicle_id,
    )
    for each in minutes:
        world.sql(
            "INSERT INTO pings (device_id, time, lat, lon, received_at) VALUES (%s, %s, 14.68, -17.43, now())",
            device["id"], order.at(each),
        )  # fmt: skip
    return int(device["id"])


def test_a_truck_that_comes_back_waits_on(world: World) -> None:
    first = recent(world, minutes_ago=400)
    world.drive(first, Stay("pickup", 10))
    second = second_truck(world, first, 60)
    world.drive(second, Stay("pickup", 80))
    answer = first.carrier.post(f"{first.path}crew/", {"vehicle_id": first.vehicle_id})
    assert answer.status_code == 200, answer.text
    (row,) = world.sql(
        "UPDATE order_crews SET since = %s WHERE id = (SELECT max(id) FROM order_crews WHERE order_id = %s)"
        " RETURNING pickup_geofence_id AS pickup",
        first.at(120), first.id,
    )  # fmt: skip
    again = replace(first, fences={"pickup": row["pickup"]})
    world.tell(first, Stay("pickup", 10))
    with transaction() as session:
        session.execute(
            text(
                "INSERT INTO visits (vehicle_id, geofence_id, entered_at, exited_at, enter_evidence, inferred)"
                " SELECT vehicle_id, :fence, :entered, :exited, enter_evidence, false FROM visits"
                " WHERE geofence_id = :first LIMIT 1"
            ),
            {
                "fence": again.fences["pickup"],
                "entered": first.at(150),
                "exited": first.at(180),
                "first": first.fences["pickup"],
            },
        )
    assert first.carrier.post(f"{first.path}confirm-loading/", {"time": first.at(170).isoformat()}).is_success
    place = at_pickup(first)
    assert place["waited_s"] == (50 + 40 + 30) * 60
    assert shares(place) == [(first.vehicle_id, 80.0), (second.vehicle_id, 40.0)]


def test_people_are_told_when_the_sum_is_over_the_free_time(world: World) -> None:
    first = recent(world, minutes_ago=300)
    world.drive(first, Stay("pickup", 10))
    second = second_truck(world, first, 110)
    tasks.remind()
    assert alerts(first.shipper, first) == [], "a hundred minutes of two hours"
    world.drive(second, Stay("pickup", 270))
    tasks.remind()
    (told,) = [each for each in alerts(first.shipper, first) if each["kind"] == "detention_running"]
    assert datetime.fromisoformat(told["at"]) == first.at(10)


def test_many_trucks_take_no_more_queries(world: World) -> None:
    order = recent(world, minutes_ago=300)
    world.drive(order, Stay("pickup", 10))
    with count_queries() as one:
        at_pickup(order)
    second_truck(world, order, 60)
    second_truck(world, order, 90)
    with count_queries() as three:
        at_pickup(order)
    assert len(three) <= len(one)


def test_crews_of_before_the_migration_find_their_fences(world: World) -> None:
    first = world.assigned()
    world.sql("UPDATE orders SET assigned_at = (SELECT valid_from FROM geofences WHERE id = %s) WHERE id = %s",
              first.fences["pickup"], first.id)  # fmt: skip
    driver = person(world.client, Role.DRIVER, carrier_id=first.carrier.id)
    same_truck = {"vehicle_id": first.vehicle_id, "driver_id": str(driver.id)}
    assert first.carrier.post(f"{first.path}crew/", same_truck).status_code == 200
    with transaction() as session:
        vehicle = Vehicle(
            carrier_id=first.carrier.id, driver_id=first.driver.id, plate=f"KL-{driver.id.hex[:6]}"
        )
        session.add(vehicle)
        session.flush()
        another = {"vehicle_id": vehicle.id}
    assert first.carrier.post(f"{first.path}crew/", another).status_code == 200
    query = "SELECT pickup_geofence_id FROM order_crews WHERE order_id = %s ORDER BY id"
    before = world.sql(query, first.id)
    assert len({row["pickup_geofence_id"] for row in before}) == 2
    assert before[0] == before[1] == {"pickup_geofence_id": first.fences["pickup"]}
    world.sql("UPDATE order_crews SET pickup_geofence_id = NULL WHERE order_id = %s", first.id)
    (backfill,) = [each for each in statements("0020_crew_fences_up.sql") if "UPDATE order_crews" in each]
    world.sql(backfill)
    assert world.sql(query, first.id) == before
