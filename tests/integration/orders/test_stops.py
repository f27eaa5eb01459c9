"""Stops between pickup and delivery: their fences, and what the truck does there."""

import random
from datetime import datetime
from typing import Any

import pytest

from tests.integration.orders.world import ORDER, Assigned, Stay, World
from tests.support.api import code_of

pytestmark = pytest.mark.integration

THIES = {"name": "Thiès", "lat": 14.79, "lon": -16.93}
MBOUR = {"name": "Mbour", "lat": 14.42, "lon": -16.97, "radius_m": 500}
BODY: dict[str, Any] = {
    **ORDER,
    "stops": [
        {"kind": "delivery", "place": THIES, "goods_note": "200 sacs"},
        {"kind": "pickup", "place": MBOUR},
    ],
}
LOADED = Stay("pickup", 10, 40)


def stop_times(world: World, order: Assigned) -> list[tuple[float | None, float | None]]:
    """Arrival and departure of each stop, in minutes after the assignment."""
    stops = order.shipper.get(order.path).json()["stops"]

    def minutes(told: str | None) -> float | None:
        return None if told is None else (datetime.fromisoformat(told) - order.at(0)).total_seconds() / 60

    return [(minutes(stop["arrived_at"]), minutes(stop["departed_at"])) for stop in stops]


def test_a_round_with_two_stops(world: World) -> None:
    order = world.assigned(BODY)
    assert set(order.fences) == {"pickup", "delivery", "stop 1", "stop 2"}
    first, second = Stay("stop 1", 60, 80), Stay("stop 2", 100, 130)
    assert world.drive(order, LOADED, Stay("stop 1", 60)) == ["arrived_pickup", "picked_up", "departed_pickup", "arrived_stop"]  # fmt: skip
    assert world.drive(order, LOADED, first, second) == ["departed_stop", "arrived_stop", "departed_stop"]
    assert world.state(order)[0] == "IN_TRANSIT"
    assert stop_times(world, order) == [(60, 80), (100, 130)]
    assert world.drive(order, LOADED, first, second, Stay("delivery", 200)) == ["arrived_delivery"]
    rows = [row for row in world.history(order) if row["action"] == "arrived_stop"]
    assert [row["evidence"]["stop"] for row in rows] == [1, 2]
    assert rows[0]["evidence"]["geofence_id"] == order.fences["stop 1"]
    assert rows[0]["crossing_id"] == rows[0]["evidence"]["crossing_id"]
    assert len(rows[1]["evidence"]["pings"]) == 2


def test_what_is_told_of_a_stop_is_revised_and_taken_back(world: World) -> None:
    order = world.assigned(BODY)
    world.drive(order, LOADED, Stay("stop 1", 60, 80))
    assert world.drive(order, LOADED, Stay("stop 1", 58, 82)) == ["visit_revised"]
    assert stop_times(world, order)[0] == (58, 82)
    assert (
        world.history(order)[-1]["evidence"]["corrections"]["arrived_stop"]["old"] == order.at(60).isoformat()
    )
    assert world.drive(order, LOADED) == ["visit_retracted"]
    assert world.history(order)[-1]["evidence"]["stop"] == 1
    assert stop_times(world, order) == [(None, None), (None, None)]


@pytest.mark.parametrize("seed", range(4))
def test_backlog_in_any_order_ends_the_same(world: World, seed: int) -> None:
    order = world.assigned(BODY)
    stays = [
        LOADED,
        Stay("stop 1", 60, 80),
        Stay("stop 2", 100, 130),
        Stay("delivery", 200),
        Stay("stop 1", 3, 5),
    ]
    shuffle = random.Random(seed)
    crossings: list[int] = []
    for number in range(1, len(stays) + 1):
        crossings += world.tell(order, *(shuffle.sample(stays, number) if number < len(stays) else stays))
    shuffle.shuffle(crossings)
    world.handle(crossings)
    assert world.state(order)[0] == "IN_TRANSIT"
    assert stop_times(world, order) == [(60, 80), (100, 130)]


def test_fences_of_stops_end_with_the_order(world: World) -> None:
    order = world.assigned(BODY)
    fence = f"/api/v1/geofences/{order.fences['stop 1']}/"
    assert code_of(order.shipper.delete(fence)) == (409, "geofence_in_use")
    order.shipper.post(f"{order.path}cancel/", {"reason": "trop tard"})
    rows = world.sql("SELECT retired_at FROM geofences WHERE id = ANY (%s)", list(order.fences.values()))
    assert len(rows) == 4
    assert None not in [row["retired_at"] for row in rows]
