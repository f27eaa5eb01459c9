"""Adaptive reporting on a real database: who is looked at, what is told, and in whose place."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from config.database import transaction
from platform_api.actor import Role
from platform_api.commands import adapting, tasks
from tests.integration.commands.world import COMMANDS, Truck, World
from tests.support.api import person
from tests.support.queries import count_queries

PICKUP = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 200},
}
DELIVERY = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-16.0757, 14.1652]},
    "properties": {"radius_m": 300},
}


def at(world: World, truck: Truck, shape: dict[str, Any], motion: str, north_m: float = 0) -> None:
    lon, lat = shape["geometry"]["coordinates"]
    world.position(truck, 0 if motion != "moving" else 50, motion)
    world.sql(
        "UPDATE vehicle_states SET lon = %s, lat = %s WHERE vehicle_id = %s",
        lon,
        lat + north_m / 110_600,
        truck.vehicle_id,
    )


def order(world: World, truck: Truck, status: str) -> None:
    world.sql("DELETE FROM orders WHERE vehicle_id = %s", truck.vehicle_id)
    world.sql(
        "INSERT INTO orders (shipper_id, status, goods, pickup_name, pickup_lat, pickup_lon, pickup_shape,"
        " delivery_name, delivery_lat, delivery_lon, delivery_shape, carrier_id, vehicle_id, assigned_at)"
        " VALUES (%s, %s, 'rice', 'a', 14.7, -17.4, %s, 'b', 14.2, -16.1, %s, %s, %s, now())",
        person(world.client, Role.SHIPPER).id,
        status,
        json.dumps(PICKUP),
        json.dumps(DELIVERY),
        world.carrier.id,
        truck.vehicle_id,
    )


def switch(world: World, on: bool | None, truck: Truck | None = None) -> None:
    column, value = ("device_id", truck.device_id) if truck else ("carrier_id", world.carrier.id)
    world.sql(f"DELETE FROM telemetry_settings WHERE {column} = %s", value)
    if on is not None:
        world.sql(
            f"INSERT INTO telemetry_settings ({column}, settings) VALUES (%s, %s)",
            value,
            json.dumps({"adaptive_reporting": on}),
        )


def planned(truck: Truck) -> int | None:
    with transaction() as session:
        found = {
            change.device_id: change.seconds for change in adapting.plan_changes(session, datetime.now(UTC))
        }
    return found.get(truck.device_id)


@pytest.mark.parametrize(
    ("status", "shape", "north_m", "motion", "seconds"),
    [
        ("ASSIGNED", PICKUP, 4_000, "moving", 10),
        ("ASSIGNED", PICKUP, 6_000, "moving", 60),
        ("ASSIGNED", DELIVERY, 0, "moving", 60),
        ("PICKUP_PENDING", PICKUP, 0, "parked", 90),
        ("PICKED_UP", PICKUP, 0, "stopped", 120),
        ("IN_TRANSIT", DELIVERY, 5_100, "stopped", 30),  # 4,800 m from the border
        ("IN_TRANSIT", PICKUP, 0, "parked", 900),
        ("DELIVERED", DELIVERY, 0, "moving", 120),
    ],
)
def test_the_next_place_of_its_order(
    world: World, status: str, shape: dict[str, Any], north_m: float, motion: str, seconds: int
) -> None:
    truck = world.truck()
    switch(world, True)
    at(world, truck, shape, motion, north_m)
    order(world, truck, status)
    assert planned(truck) == seconds


def test_off_unless_somebody_wants_it(world: World) -> None:
    truck = world.truck()
    at(world, truck, PICKUP, "moving")
    assert planned(truck) is None
    switch(world, True)
    assert planned(truck) == 120
    switch(world, False, truck)
    assert planned(truck) is None
    switch(world, False)
    switch(world, True, truck)
    assert planned(truck) == 120


def test_only_devices_that_can_be_told(world: World) -> None:
    switch(world, True)
    away, unknown, good = (world.truck(online=False), world.truck(None), world.truck("owntracks", "x"))
    for truck in (away, unknown, good):
        at(world, truck, PICKUP, "moving")
    assert (planned(away), planned(unknown), planned(good)) == (None, None, 120)
    world.sql("UPDATE devices SET disabled = true WHERE id = %s", good.device_id)
    assert planned(good) is None
    old = world.truck()
    world.position(old, 50, "moving", age_s=31 * 60)
    assert planned(old) is None


def test_it_is_told_once_and_again_when_things_change(world: World) -> None:
    truck = world.truck()
    switch(world, True)
    at(world, truck, DELIVERY, "moving")
    order(world, truck, "ASSIGNED")
    tasks.adapt()
    (first,) = world.carrier.get(f"{COMMANDS}?device_uid={truck.uid}").json()["items"]
    assert (first["automatic"], first["parameters"], first["state"]) == (True, {"seconds": 60}, "queued")
    tasks.adapt()
    assert len(world.carrier.get(f"{COMMANDS}?device_uid={truck.uid}").json()["items"]) == 1
    at(world, truck, PICKUP, "moving")
    world.later(first, 31)
    tasks.adapt()
    second, first = world.carrier.get(f"{COMMANDS}?device_uid={truck.uid}").json()["items"]
    assert (second["parameters"], second["supersedes"]) == ({"seconds": 10}, first["id"])
    assert first["state"] == "superseded"


def test_what_a_person_set_is_left_alone(world: World) -> None:
    truck = world.truck()
    switch(world, True)
    at(world, truck, PICKUP, "moving")
    command = world.send(truck, "reporting_interval", parameters={"seconds": 45})
    assert planned(truck) is None
    world.later(command, 12 * 3600 + 1)
    assert planned(truck) == 120


def test_one_query_whatever_the_fleet(world: World) -> None:
    switch(world, True)
    for _ in range(12):
        at(world, world.truck(), PICKUP, "moving")
    with count_queries() as statements, transaction() as session:
        assert len(adapting.plan_changes(session, datetime.now(UTC))) >= 12
    assert len(statements) == 1
