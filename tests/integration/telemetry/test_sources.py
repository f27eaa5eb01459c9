"""Which device speaks for a vehicle: priorities set over HTTP, and gateways, which never do."""

from datetime import datetime
from typing import Any

import pytest

from config import clock
from config.settings import get_settings
from platform_api.actor import Role
from tests.integration.telemetry.world import API, TELEMETRY, Fleet, Journey, at
from tests.support.api import code_of, person
from tests.support.ingest import reconcile_all

DEVICES = f"{API}/fleet/devices/"


def marks(fleet: Fleet, vehicle_id: int, reason: str = "priority") -> list[datetime]:
    rows = fleet.connection.execute(
        "SELECT from_time FROM dirty_vehicles WHERE vehicle_id = %s AND reason = %s ORDER BY id",
        [vehicle_id, reason],
    )
    return [row[0] for row in rows]


def device(fleet: Fleet, uid: str) -> dict[str, Any]:
    shown: dict[str, Any] = fleet.carrier.get(f"{DEVICES}{uid}/").json()
    return shown


def test_a_kind_has_its_priority_unless_another_is_given(fleet: Fleet) -> None:
    given = [("tracker", None), ("phone", None), ("gateway", None), ("tracker", 0), ("phone", 1000)]
    made = [fleet.device(kind=kind, **({} if p is None else {"priority": p})) for kind, p in given]
    assert [device(fleet, uid)["priority"] for uid in made] == [100, 200, None, 0, 1000]
    listed = fleet.carrier.get(DEVICES).json()["items"]
    assert {item["uid"]: item["priority"] for item in listed} == dict(
        zip(made, [100, 200, None, 0, 1000], strict=True)
    )


@pytest.mark.parametrize("priority", [-1, 1001, "first", 1.5, None])
def test_a_priority_that_cannot_be(fleet: Fleet, priority: Any) -> None:
    uid = fleet.device()
    assert code_of(fleet.carrier.patch(f"{DEVICES}{uid}/", {"priority": priority})) == (422, "invalid_body")
    if priority is not None:
        answer = fleet.carrier.post(DEVICES, {"uid": "x", "kind": "tracker", "priority": priority})
        assert code_of(answer) == (422, "invalid_body")


def test_a_changed_priority_marks_the_vehicles_from_now_on(fleet: Fleet) -> None:
    vehicle_id, uid = fleet.truck()
    before = clock.now()
    answer = fleet.carrier.patch(f"{DEVICES}{uid}/", {"priority": 300})
    assert (answer.status_code, answer.json()["priority"]) == (200, 300)
    [from_time] = marks(fleet, vehicle_id)
    assert before <= from_time <= clock.now()
    # Saying it again changes nothing.
    assert fleet.carrier.patch(f"{DEVICES}{uid}/", {"priority": 300}).status_code == 200
    assert len(marks(fleet, vehicle_id)) == 1


def test_a_vehicle_that_the_device_has_left_is_not_marked(fleet: Fleet) -> None:
    left, uid = fleet.truck()
    moved_to = fleet.vehicle()
    answer = fleet.carrier.post(f"{DEVICES}{uid}/assign/", {"vehicle_id": moved_to, "end_current": True})
    assert answer.status_code == 200
    fleet.carrier.patch(f"{DEVICES}{uid}/", {"priority": 300})
    assert (len(marks(fleet, left)), len(marks(fleet, moved_to))) == (0, 1)


def test_the_better_source_speaks_after_the_change(fleet: Fleet) -> None:
    vehicle_id, first = fleet.truck()
    second = fleet.device(vehicle_id, priority=150)
    now_min = (clock.now() - at(0)).total_seconds() / 60
    fleet.send(first, Journey(now_min - 5).ping().drive(3).pings)
    fleet.carrier.patch(f"{DEVICES}{second}/", {"priority": 50})
    reconcile_all(fleet.connection, get_settings())
    fleet.send(second, Journey(now_min - 1, east_m=4000).ping().drive(1).pings)
    state = fleet.carrier.get(f"{TELEMETRY}/vehicles/{vehicle_id}/state/").json()
    assert state["position"]["device_uid"] == second
    [change] = fleet.carrier.get(f"{TELEMETRY}/vehicles/{vehicle_id}/intervals/?kind=handback").json()[
        "items"
    ]
    assert change["details"]["from_device_uid"] == first


def test_only_the_carrier_ranks_its_devices(fleet: Fleet) -> None:
    client, uid = fleet.carrier.client, fleet.device()
    for role in (Role.SHIPPER, Role.DRIVER, Role.BROKER, Role.ADMINISTRATOR):
        answer = person(client, role).patch(f"{DEVICES}{uid}/", {"priority": 1})
        assert code_of(answer) == (403, "role_not_allowed")
    other = person(client, Role.CARRIER)
    assert code_of(other.patch(f"{DEVICES}{uid}/", {"priority": 1})) == (404, "device_not_found")
    assert code_of(client.patch(f"{DEVICES}{uid}/", json={"priority": 1})) == (401, "not_authenticated")
    assert device(fleet, uid)["priority"] == 100


def test_a_gateway_has_an_account_and_no_vehicle(fleet: Fleet) -> None:
    vehicle_id = fleet.vehicle()
    refused = (409, "gateway_on_no_vehicle")
    for more in ({"vehicle_id": vehicle_id}, {"priority": 1}):
        answer = fleet.carrier.post(DEVICES, {"uid": "gw-refused", "kind": "gateway", **more})
        assert code_of(answer) == refused
    answer = fleet.carrier.post(DEVICES, {"uid": "gw-1", "kind": "gateway"})
    assert answer.status_code == 201
    assert answer.json()["mqtt_password"]
    row = fleet.connection.execute(
        "SELECT client_id, disabled FROM mqtt_credentials WHERE username = 'gw-1'"
    ).fetchone()
    assert row == ("gw-1", False)
    assert code_of(fleet.carrier.post(f"{DEVICES}gw-1/assign/", {"vehicle_id": vehicle_id})) == refused
    assert code_of(fleet.carrier.patch(f"{DEVICES}gw-1/", {"priority": 1})) == refused
    assert code_of(fleet.carrier.post(f"{DEVICES}gw-1/token/")) == (409, "not_a_phone")
    assert fleet.carrier.post(f"{DEVICES}gw-1/rotate/").status_code == 200
    assert (device(fleet, "gw-1")["kind"], device(fleet, "gw-1")["assignments"]) == ("gateway", [])
