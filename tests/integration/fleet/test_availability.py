"""The calendar of a vehicle, and what it keeps from being given away."""

from datetime import timedelta
from typing import Any

import pytest
from httpx import Client

from config import clock
from tests.integration.fleet.world import FLEET, FleetWorld
from tests.integration.orders.world import World
from tests.support.api import Person, code_of


def calendar(vehicle_id: int) -> str:
    return f"{FLEET}/vehicles/{vehicle_id}/unavailability/"


def in_hours(hours: float) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def period(someone: Person, vehicle_id: int, start: float, end: float | None, **body: Any) -> dict[str, Any]:
    answer = someone.post(
        calendar(vehicle_id),
        {"starts_at": in_hours(start), "ends_at": None if end is None else in_hours(end), "reason": "maintenance", **body},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_periods_are_added_listed_changed_and_dropped(world: FleetWorld) -> None:
    path = calendar(world.vehicle_id)
    past = period(world.carrier, world.vehicle_id, -48, -24)
    coming = period(world.carrier, world.vehicle_id, 24, None, note="Garage de Thiès")
    listed = [item["id"] for item in world.carrier.get(path).json()["items"]]
    assert listed == [coming["id"], past["id"]]
    since = world.administrator.get(path, params={"since": in_hours(0)}).json()["items"]
    assert [item["note"] for item in since] == ["Garage de Thiès"]
    one = f"{path}{coming['id']}/"
    headers = {**world.carrier.headers, "If-Match": '"1"'}
    changed = world.client.patch(one, json={"ends_at": in_hours(48)}, headers=headers)
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert code_of(world.client.patch(one, json={"reason": "crew"}, headers=headers)) == (
        412,
        "version_mismatch",
    )
    assert code_of(world.carrier.patch(one, {"ends_at": in_hours(1)})) == (422, "unavailability_backwards")
    assert code_of(world.carrier.delete(one)) == (204, "")
    assert code_of(world.carrier.delete(one)) == (404, "unavailability_not_found")


def test_it_is_nobody_elses_calendar(world: FleetWorld) -> None:
    one = period(world.carrier, world.vehicle_id, 1, 2)
    path = calendar(world.vehicle_id)
    body = {"starts_at": in_hours(1), "reason": "other"}
    for answer in (
        world.other_carrier.get(path),
        world.other_carrier.post(path, body),
        world.other_carrier.delete(f"{path}{one['id']}/"),
    ):
        assert code_of(answer) == (404, "vehicle_not_found")
    assert code_of(world.shipper.get(path)) == (403, "role_not_allowed")
    theirs = world.add_vehicle(world.other_carrier)
    assert code_of(world.other_carrier.delete(f"{calendar(theirs)}{one['id']}/")) == (
        404,
        "unavailability_not_found",
    )
    backwards = {**body, "ends_at": in_hours(0)}
    assert code_of(world.carrier.post(path, backwards)) == (422, "unavailability_backwards")


@pytest.mark.parametrize(
    ("start", "end", "status"), [(-1, None, 409), (-1, 1, 409), (-2, -1, 200), (1, 2, 200)]
)
def test_a_bid_with_a_vehicle_that_cannot_be_had_now_is_not_accepted(
    client: Client, database_url: str, start: float, end: float | None, status: int
) -> None:
    market = World(client, database_url)
    path = market.posted()
    bid_id = market.bid(path, market.carrier, market.vehicle_id)
    period(market.carrier, market.vehicle_id, start, end)
    answer = market.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})
    assert answer.status_code == status
    if status == 409:
        assert code_of(answer) == (409, "vehicle_unavailable")
