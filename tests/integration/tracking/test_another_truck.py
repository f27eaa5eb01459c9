"""A carrier puts another truck on the order: what that one did before belongs to whoever it drove for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import Client

from config import clock
from config.database import transaction
from platform_api.actor import Role
from platform_api.eta import repository as eta_repository
from platform_api.eta import service as eta
from platform_api.orders.crew_since import crew_since
from platform_api.privacy import contents
from platform_api.tracking.times import rfc3339
from tests.integration.tracking import world
from tests.integration.tracking.viewer import receive, receive_until, token_of, watching
from tests.support.api import Person, code_of, person

MINUTE = timedelta(minutes=1)
# Where the other carrier order was driven.
ELSEWHERE = (14.1, -16.1)


@dataclass(frozen=True, slots=True)
class Changed:
    """Assigned an hour ago to `first`; since half an hour `second` is on it, which was on an order of others before."""

    shipper: Person
    stranger: Person
    first: world.Truck
    second: world.Truck
    order_id: Any
    other_id: Any
    assigned_at: datetime
    since: datetime

    @property
    def path(self) -> str:
        return f"/api/v1/tracking/orders/{self.order_id}/"


def put_on(order_id: Any, truck: world.Truck, since: datetime) -> None:
    world.execute(
        "INSERT INTO order_crews (order_id, vehicle_id, driver_id, since) VALUES (:order, :vehicle, :driver, :since)",
        order=order_id, vehicle=truck.vehicle_id, driver=truck.driver.id, since=since,
    )  # fmt: skip
    world.update_order(order_id, vehicle_id=truck.vehicle_id, driver_id=truck.driver.id)


@pytest.fixture
def changed(api: Client) -> Changed:
    now = clock.now().replace(microsecond=0)
    shipper, stranger = person(api, Role.SHIPPER), person(api, Role.SHIPPER)
    first = world.new_truck(api)
    second = world.new_truck(api, carrier=first.carrier)
    assigned_at, since = now - 60 * MINUTE, now - 30 * MINUTE
    other_id = world.new_order(stranger, second, assigned_at=now - 90 * MINUTE, status="COMPLETED")
    world.update_order(other_id, completed_at=since - 5 * MINUTE)
    order_id = world.new_order(shipper, first, status="ASSIGNED", assigned_at=assigned_at)
    put_on(order_id, first, assigned_at)
    put_on(order_id, second, since)
    world.store_ping(second.device_id, since - 20 * MINUTE, *ELSEWHERE)
    return Changed(shipper, stranger, first, second, order_id, other_id, assigned_at, since)


def test_neither_pings_nor_route_tell_of_the_load_before(changed: Changed) -> None:
    world.store_ping(changed.second.device_id, changed.since + MINUTE)
    stranger = changed.stranger.get(f"/api/v1/tracking/orders/{changed.other_id}/pings/").json()
    assert [item["lat"] for item in stranger["items"]] == [ELSEWHERE[0]]
    early = {"from": rfc3339(changed.assigned_at), "to": rfc3339(clock.now())}
    for params in ({}, early):
        pings = changed.shipper.get(f"{changed.path}pings/", params=params).json()
        assert [item["time"] for item in pings["items"]] == [rfc3339(changed.since + MINUTE)]
    route = changed.shipper.get(f"{changed.path}route/")
    assert route.status_code == 200
    assert str(ELSEWHERE[1]) not in str(route.json())


def test_nor_does_the_live_view(api: Client, changed: Changed) -> None:
    world.set_position(changed.second, *ELSEWHERE, changed.since - 20 * MINUTE)
    with watching(api, changed.order_id, token_of(changed.shipper)) as socket:
        hello = receive(socket)
        assert (hello["vehicle_id"], hello["position"]) == (changed.second.vehicle_id, None)
        world.announce(
            changed.second.vehicle_id,
            world.live_ping(changed.second.vehicle_id, changed.since - MINUTE, seq=1),
            world.live_ping(changed.second.vehicle_id, changed.since + MINUTE, seq=2),
        )
        assert receive_until(socket, lambda message: message["type"] == "ping")[-1]["seq"] == 2


def test_nor_is_an_arrival_estimated_from_it(changed: Changed) -> None:
    def estimated() -> bool:
        with transaction() as session:
            return eta.refresh(session, changed.order_id, clock.now()) is not None

    def is_due() -> bool:
        with transaction() as session:
            return changed.order_id in eta_repository.due(session, clock.now(), every=MINUTE, limit=100_000)

    world.set_position(changed.second, *ELSEWHERE, changed.since - 20 * MINUTE)
    assert not is_due()
    assert not estimated()
    assert code_of(changed.shipper.get(f"/api/v1/orders/{changed.order_id}/eta/")) == (404, "eta_not_found")
    world.set_position(changed.second, 14.7, -17.4, changed.since + MINUTE)
    assert is_due()
    assert estimated()


def test_nor_does_a_fence_of_the_shipper_look_back_at_it(changed: Changed) -> None:
    body = {
        "name": "ailleurs",
        "shape": {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [ELSEWHERE[1], ELSEWHERE[0]]},
            "properties": {"radius_m": 500},
        },
        "vehicle_id": changed.second.vehicle_id,
        "valid_from": rfc3339(changed.assigned_at),
    }
    answer = changed.shipper.post("/api/v1/geofences/", body)
    assert answer.status_code == 201, answer.text
    since = world.execute("SELECT valid_from FROM geofences WHERE id = :id", id=answer.json()["id"])
    assert since == changed.since


def test_a_driver_copies_his_vehicle_since_he_is_on_the_order(changed: Changed) -> None:
    window = world.execute(
        f"SELECT since FROM ({contents.WINDOWS}) w WHERE order_id = :order",
        subject=changed.second.driver.id, order=changed.order_id,
    )  # fmt: skip
    assert window == changed.since


@pytest.mark.parametrize(
    "put", [lambda c: [], lambda c: [(c.first, 40)], lambda c: [(c.first, 40), (c.second, 20)]]
)
def test_back_and_forth_the_last_time_counts(
    changed: Changed, put: Callable[[Changed], list[tuple[world.Truck, int]]]
) -> None:
    expected = changed.since
    for truck, minutes in put(changed):
        expected = changed.assigned_at + minutes * MINUTE
        put_on(changed.order_id, truck, expected)
    # another driver of the same truck is no other truck
    put_on(changed.order_id, (put(changed) or [(changed.second, 0)])[-1][0], expected + MINUTE)
    with transaction() as session:
        assert crew_since(session, changed.order_id) == expected


def test_a_new_award_begins_anew(api: Client, changed: Changed) -> None:
    again = clock.now() - MINUTE
    world.update_order(changed.order_id, assigned_at=again)
    with transaction() as session:
        assert crew_since(session, changed.order_id) == again
