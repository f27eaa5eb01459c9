"""Geofences over HTTP: who may watch whom, what is stored, and what ingest is told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select, text

from config.database import transaction
from geofence.geojson import parse_shape
from geofence.settings import parse_settings
from platform_api.actor import Role
from platform_api.fleet.models import DirtyVehicle
from platform_api.geofences.models import Geofence
from tests.support.api import Person, api_on, code_of, person

FENCES = "/api/v1/geofences/"
PORT_OF_DAKAR = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 300},
}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = count(1000)


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


def body(**changes: Any) -> dict[str, Any]:
    return {"name": "Port", "shape": PORT_OF_DAKAR, **changes}


def add_vehicle(carrier: Person) -> int:
    answer = carrier.post("/api/v1/fleet/vehicles/", {"plate": f"DK-{next(_numbers)}-GF"})
    vehicle_id: int = answer.json()["id"]
    return vehicle_id


def dirty(vehicle_id: int) -> list[datetime | None]:
    with transaction() as session:
        rows = session.scalars(
            select(DirtyVehicle.from_time).where(
                DirtyVehicle.vehicle_id == vehicle_id, DirtyVehicle.reason == "geofence"
            )
        )
        return list(rows)


def version() -> int:
    with transaction() as session:
        return int(session.scalar(text("SELECT version FROM geofence_version")) or 0)


def order_on(shipper: Person, vehicle_id: int, *, status: str, fence_id: int | None = None) -> UUID:
    """An order of the shipper on the vehicle, straight into the table: orders have tests of their own."""
    with transaction() as session:
        order_id = session.scalar(
            text(
                "INSERT INTO orders (shipper_id, status, goods, pickup_name, pickup_lat, pickup_lon, pickup_shape,"
                " delivery_name, delivery_lat, delivery_lon, delivery_shape, vehicle_id, assigned_at, pickup_geofence_id)"
                " VALUES (:shipper, :status, 'rice', 'a', 14, -17, '{}', 'b', 14, -16, '{}', :vehicle, :since, :fence)"
                " RETURNING id"
            ),
            {
                "shipper": shipper.id,
                "status": status,
                "vehicle": vehicle_id,
                "since": LONG_AGO,
                "fence": fence_id,
            },
        )
    assert isinstance(order_id, UUID)
    return order_id


def test_a_carriers_fence_watches_its_fleet_and_has_it_folded_again(client: httpx.Client) -> None:
    carrier, rival = person(client, Role.CARRIER), person(client, Role.CARRIER)
    own, foreign = [add_vehicle(carrier), add_vehicle(carrier)], add_vehicle(rival)
    before = version()
    answer = carrier.post(FENCES, body(settings={"exit_margin_m": 80}, valid_from=LONG_AGO.isoformat()))
    assert answer.status_code == 201, answer.text
    fence = answer.json()
    assert (fence["name"], fence["settings"], fence["vehicle_id"]) == ("Port", {"exit_margin_m": 80.0}, None)
    assert fence["hint"] is None
    assert [dirty(vehicle_id) for vehicle_id in own] == [[LONG_AGO], [LONG_AGO]]
    assert dirty(foreign) == []
    assert version() > before
    with transaction() as session:
        row = session.get(Geofence, fence["id"])
    assert row is not None
    assert (row.owner_id, row.carrier_id, row.vehicle_id) == (carrier.id, carrier.id, None)
    # What ingest reads is what was drawn.
    assert parse_shape(row.shape) == parse_shape(PORT_OF_DAKAR)
    assert parse_settings(row.settings).exit_margin_m == 80
    assert carrier.get(f"{FENCES}{fence['id']}/").json() == fence


def test_without_a_time_a_fence_judges_what_comes_from_now_on(client: httpx.Client) -> None:
    carrier = person(client, Role.CARRIER)
    vehicle_id = add_vehicle(carrier)
    before = datetime.now(UTC)
    fence = carrier.post(FENCES, body(vehicle_id=vehicle_id)).json()
    assert before <= datetime.fromisoformat(fence["valid_from"]) <= datetime.now(UTC)
    assert dirty(vehicle_id) == [datetime.fromisoformat(fence["valid_from"])]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"shape": {"type": "Point", "coordinates": [-17, 14]}}, (422, "radius_missing")),
        ({"shape": {}}, (422, "unknown_type")),
        ({"shape": []}, (422, "invalid_body")),
        ({"shape": PORT_OF_DAKAR | {"properties": {"radius_m": -1}}}, (422, "radius_out_of_range")),
        (
            {"shape": PORT_OF_DAKAR | {"geometry": {"type": "Point", "coordinates": [-17, 95]}}},
            (422, "latitude_out_of_range"),
        ),
        (
            {"shape": PORT_OF_DAKAR | {"geometry": {"type": "Point", "coordinates": [10**400, 14]}}},
            (422, "coordinate_not_finite"),
        ),
        ({"settings": {"colour": "red"}}, (422, "setting_unknown")),
        ({"settings": {"exit_margin_m": "far"}}, (422, "setting_wrong_type")),
        ({"settings": {"exit_margin_m": -5}}, (422, "setting_out_of_range")),
        ({"name": ""}, (422, "invalid_body")),
        ({"vehicle": 1}, (422, "invalid_body")),
        ({"vehicle_id": 2**62}, (404, "vehicle_not_found")),
        (
            {"valid_from": "2026-03-01T00:00:00Z", "valid_until": "2026-02-01T00:00:00Z"},
            (422, "invalid_period"),
        ),
    ],
)
def test_a_fence_that_cannot_be(
    client: httpx.Client, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code_of(person(client, Role.CARRIER).post(FENCES, body(**changes))) == expected


def test_swapped_coordinates_come_back_with_a_hint(client: httpx.Client) -> None:
    swapped = PORT_OF_DAKAR | {"geometry": {"type": "Point", "coordinates": [14.6797, -17.4281]}}
    answer = person(client, Role.CARRIER).post(FENCES, body(shape=swapped))
    assert answer.status_code == 201
    assert "longitude first" in answer.json()["hint"]


@pytest.mark.parametrize("role", [Role.DRIVER, Role.BROKER])
def test_drivers_and_brokers_have_no_fences(client: httpx.Client, role: Role) -> None:
    caller = person(client, role)
    answers = [
        caller.post(FENCES, body()),
        caller.get(FENCES),
        caller.get(f"{FENCES}1/"),
        caller.delete(f"{FENCES}1/"),
    ]
    assert {code_of(answer) for answer in answers} == {(403, "role_not_allowed")}
    assert code_of(client.post(FENCES, json=body())) == (401, "not_authenticated")


def test_a_shipper_watches_only_a_vehicle_that_carries_his_order(client: httpx.Client) -> None:
    shipper, vehicle_id = person(client, Role.SHIPPER), add_vehicle(person(client, Role.CARRIER))
    refused = (403, "vehicle_not_yours")
    assert code_of(shipper.post(FENCES, body())) == refused
    assert code_of(shipper.post(FENCES, body(vehicle_id=vehicle_id))) == refused
    order_on(shipper, vehicle_id, status="COMPLETED")
    assert code_of(shipper.post(FENCES, body(vehicle_id=vehicle_id))) == refused
    order_on(shipper, vehicle_id, status="IN_TRANSIT")
    early = (LONG_AGO - timedelta(days=9)).isoformat()
    answer = shipper.post(FENCES, body(vehicle_id=vehicle_id, valid_from=early))
    assert answer.status_code == 201
    # Not before the truck worked for him.
    assert datetime.fromisoformat(answer.json()["valid_from"]) == LONG_AGO
    other = person(client, Role.SHIPPER)
    assert code_of(other.post(FENCES, body(vehicle_id=vehicle_id))) == refused


def test_an_administrators_fence_watches_everybody(client: httpx.Client) -> None:
    vehicle_id = add_vehicle(person(client, Role.CARRIER))
    answer = person(client, Role.ADMINISTRATOR).post(FENCES, body())
    assert answer.status_code == 201
    assert len(dirty(vehicle_id)) == 1
    with transaction() as session:
        row = session.get(Geofence, answer.json()["id"])
    assert row is not None
    assert (row.vehicle_id, row.carrier_id) == (None, None)


def test_somebody_elses_fence_does_not_exist(client: httpx.Client) -> None:
    carrier, rival = person(client, Role.CARRIER), person(client, Role.CARRIER)
    fence_id = carrier.post(FENCES, body()).json()["id"]
    foreign_vehicle = add_vehicle(carrier)
    assert code_of(rival.get(f"{FENCES}{fence_id}/")) == (404, "geofence_not_found")
    assert code_of(rival.delete(f"{FENCES}{fence_id}/")) == (404, "geofence_not_found")
    assert rival.get(FENCES).json()["items"] == []
    assert code_of(rival.post(FENCES, body(vehicle_id=foreign_vehicle))) == (404, "vehicle_not_found")
    assert person(client, Role.ADMINISTRATOR).get(f"{FENCES}{fence_id}/").status_code == 200


def test_a_retired_fence_leaves_the_list_and_stays_readable(client: httpx.Client) -> None:
    carrier = person(client, Role.CARRIER)
    kept, gone = (carrier.post(FENCES, body()).json()["id"] for _ in range(2))
    before = version()
    for _ in range(2):
        assert carrier.delete(f"{FENCES}{gone}/").status_code == 204
    assert version() > before
    assert [item["id"] for item in carrier.get(FENCES).json()["items"]] == [kept]
    assert carrier.get(f"{FENCES}{gone}/").json()["retired_at"] is not None


def test_a_fence_of_a_running_order_is_not_retired(client: httpx.Client) -> None:
    carrier, shipper = person(client, Role.CARRIER), person(client, Role.SHIPPER)
    fence_id = carrier.post(FENCES, body()).json()["id"]
    order_id = order_on(shipper, add_vehicle(carrier), status="ASSIGNED", fence_id=fence_id)
    assert code_of(carrier.delete(f"{FENCES}{fence_id}/")) == (409, "geofence_in_use")
    with transaction() as session:
        session.execute(text("UPDATE orders SET status = 'COMPLETED' WHERE id = :id"), {"id": order_id})
    assert carrier.delete(f"{FENCES}{fence_id}/").status_code == 204


def test_fences_come_in_pages(client: httpx.Client) -> None:
    carrier = person(client, Role.CARRIER)
    drawn = [carrier.post(FENCES, body()).json()["id"] for _ in range(3)]
    first = carrier.get(FENCES, params={"limit": 2}).json()
    rest = carrier.get(FENCES, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == drawn[::-1]
    assert rest["next_cursor"] is None
