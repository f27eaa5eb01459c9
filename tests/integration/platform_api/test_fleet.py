"""Vehicles, drivers and devices over HTTP: happy, refused, invisible, bad, and raced."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from sqlalchemy import select, text

from brokers.credentials import verify_device_token
from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api.actor import Role
from platform_api.fleet.models import DeviceAssignment, DirtyVehicle
from tests.support.api import Person, api_on, code_of, new_phone, person

FLEET = "/api/v1/fleet"
T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
_numbers = count(1000)


@dataclass(frozen=True)
class Fleet:
    carrier: Person
    driver: Person


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def fleet(client: httpx.Client) -> Fleet:
    carrier = person(client, Role.CARRIER)
    return Fleet(carrier, person(client, Role.DRIVER, carrier_id=carrier.id))


def add_vehicle(carrier: Person, **body: Any) -> int:
    answer = carrier.post(f"{FLEET}/vehicles/", {"plate": f"DK-{next(_numbers)}-AB", **body})
    assert answer.status_code == 201, answer.text
    vehicle_id: int = answer.json()["id"]
    return vehicle_id


def add_device(carrier: Person, **body: Any) -> str:
    answer = carrier.post(f"{FLEET}/devices/", {"uid": f"T{next(_numbers)}", "kind": "tracker", **body})
    assert answer.status_code == 201, answer.text
    uid: str = answer.json()["uid"]
    return uid


def dirty(vehicle_id: int) -> list[datetime | None]:
    with transaction() as session:
        statement = select(DirtyVehicle.from_time).where(DirtyVehicle.vehicle_id == vehicle_id)
        return list(session.scalars(statement.order_by(DirtyVehicle.id)))


def secret_works(uid: str, secret: str) -> bool:
    """As EMQX judges it: sha256(salt || secret) of an enabled row for this user name and client id."""
    with transaction() as session:
        row = session.execute(
            text(
                "SELECT salt, password_hash, disabled FROM mqtt_credentials WHERE username = :u AND client_id = :u"
            ),
            {"u": uid},
        ).one()
    return not row.disabled and hashlib.sha256((row.salt + secret).encode()).hexdigest() == row.password_hash


# Vehicles -------------------------------------------------------------------


def test_a_vehicle_is_added_shown_and_changed(fleet: Fleet) -> None:
    answer = fleet.carrier.post(
        f"{FLEET}/vehicles/", {"plate": "th 4321 c", "name": "Volvo", "capacity_kg": 30_000}
    )
    assert answer.status_code == 201
    vehicle = answer.json()
    assert (vehicle["plate"], vehicle["available"], vehicle["driver_id"]) == ("TH-4321-C", True, None)
    path = f"{FLEET}/vehicles/{vehicle['id']}/"
    assert fleet.carrier.get(path).json() == vehicle
    changed = fleet.carrier.patch(path, {"available": False, "driver_id": str(fleet.driver.id)}).json()
    assert changed == vehicle | {"available": False, "driver_id": str(fleet.driver.id), "version": 2}
    renamed = fleet.carrier.patch(path, {"name": "Renault"}).json()
    assert renamed == changed | {"name": "Renault", "version": 3}
    assert fleet.carrier.patch(path, {"driver_id": None}).json()["driver_id"] is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (422, "invalid_body")),
        ({"plate": "???"}, (422, "invalid_plate")),
        ({"plate": "x" * 41}, (422, "invalid_body")),
        ({"plate": "DK-1-A", "capacity_kg": 0}, (422, "invalid_body")),
        ({"plate": "DK-1-A", "capacity_kg": 10**12}, (422, "invalid_body")),
        ({"plate": "DK-1-A", "driver_id": str(uuid4())}, (404, "driver_not_found")),
        ({"plate": "DK-1-A", "driver_id": "me"}, (422, "invalid_body")),
    ],
)
def test_a_vehicle_that_cannot_be(fleet: Fleet, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert code_of(fleet.carrier.post(f"{FLEET}/vehicles/", body)) == expected


def test_a_plate_is_registered_once_even_when_submitted_twice(fleet: Fleet) -> None:
    body = {"plate": f"DK-{next(_numbers)}-ZZ"}
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: fleet.carrier.post(f"{FLEET}/vehicles/", body), range(2)))
    assert sorted(code_of(answer) for answer in answers) == [(201, ""), (409, "plate_taken")]


def test_vehicles_come_in_pages_newest_first(fleet: Fleet) -> None:
    added = [add_vehicle(fleet.carrier) for _ in range(5)]
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = fleet.carrier.get(
            f"{FLEET}/vehicles/", params={"limit": 2, "cursor": cursor} if cursor else {"limit": 2}
        )
        assert page.status_code == 200
        assert len(page.json()["items"]) <= 2
        seen.extend(item["id"] for item in page.json()["items"])
        cursor = page.json()["next_cursor"]
    assert seen == added[::-1]
    assert code_of(fleet.carrier.get(f"{FLEET}/vehicles/?cursor=abc")) == (400, "invalid_cursor")
    assert code_of(fleet.carrier.get(f"{FLEET}/vehicles/?limit=201")) == (400, "invalid_parameter")


# Who may, and who sees what ---------------------------------------------------

CARRIER_ONLY = [
    ("POST", "/vehicles/", {"plate": "DK-1-A"}),
    ("PATCH", "/vehicles/1/", {"name": "x"}),
    ("POST", "/drivers/", {"phone": "771234567"}),
    ("POST", "/devices/", {"uid": "T1", "kind": "tracker"}),
    ("POST", "/devices/T1/rotate/", None),
    ("POST", "/devices/T1/assign/", {"vehicle_id": 1}),
    ("POST", "/devices/T1/unassign/", {}),
    ("POST", "/devices/T1/disable/", None),
    ("POST", "/devices/T1/enable/", None),
]
NOT_FOR_SHIPPERS = [
    ("GET", "/vehicles/"),
    ("GET", "/vehicles/1/"),
    ("GET", "/drivers/"),
    ("GET", "/devices/"),
]


@pytest.mark.parametrize("role", [Role.SHIPPER, Role.DRIVER, Role.BROKER, Role.ADMINISTRATOR])
def test_only_a_carrier_changes_a_fleet(client: httpx.Client, role: Role) -> None:
    caller = person(client, role)
    for method, path, body in CARRIER_ONLY:
        if role is Role.ADMINISTRATOR and (method, path) == ("POST", "/devices/"):
            continue  # into stock: tests/integration/fleet/test_pairing.py
        answer = client.request(method, FLEET + path, json=body, headers=caller.headers)
        assert code_of(answer) == (403, "role_not_allowed"), path


@pytest.mark.parametrize("role", [Role.SHIPPER, Role.BROKER])
def test_shippers_and_brokers_see_no_fleet(client: httpx.Client, role: Role) -> None:
    caller = person(client, role)
    for method, path in NOT_FOR_SHIPPERS:
        answer = client.request(method, FLEET + path, headers=caller.headers)
        assert code_of(answer) == (403, "role_not_allowed"), path


def test_nobody_without_a_token(client: httpx.Client) -> None:
    for method, path, body in CARRIER_ONLY:
        assert code_of(client.request(method, FLEET + path, json=body)) == (401, "not_authenticated")


def test_another_carriers_rows_do_not_exist(client: httpx.Client, fleet: Fleet) -> None:
    vehicle_id, uid = add_vehicle(fleet.carrier), add_device(fleet.carrier)
    other = person(client, Role.CARRIER)
    own_uid, own_vehicle = add_device(other), add_vehicle(other)
    not_found = (404, "vehicle_not_found")
    assert code_of(other.get(f"{FLEET}/vehicles/{vehicle_id}/")) == not_found
    assert code_of(other.patch(f"{FLEET}/vehicles/{vehicle_id}/", {"name": "mine"})) == not_found
    assert code_of(other.post(f"{FLEET}/devices/{own_uid}/assign/", {"vehicle_id": vehicle_id})) == not_found
    answer = other.post(
        f"{FLEET}/devices/", {"uid": f"T{next(_numbers)}", "kind": "tracker", "vehicle_id": vehicle_id}
    )
    assert code_of(answer) == not_found
    for call in ("rotate", "disable", "enable", "token", "unassign", "assign"):
        sent = {"vehicle_id": own_vehicle} if call == "assign" else {}
        answer = other.post(f"{FLEET}/devices/{uid}/{call}/", sent)
        assert code_of(answer) == (404, "device_not_found"), call
    assert code_of(other.get(f"{FLEET}/devices/{uid}/")) == (404, "device_not_found")
    path = f"{FLEET}/vehicles/{own_vehicle}/"
    assert code_of(other.patch(path, {"driver_id": str(fleet.driver.id)})) == (404, "driver_not_found")
    assert code_of(other.delete(f"{FLEET}/drivers/{fleet.driver.id}/")) == (404, "driver_not_found")
    for listing in ("vehicles", "drivers", "devices"):
        assert str(vehicle_id) not in {
            str(i.get("id")) for i in other.get(f"{FLEET}/{listing}/").json()["items"]
        }
    assert [item["uid"] for item in other.get(f"{FLEET}/devices/").json()["items"]] == [own_uid]
    assert other.get(f"{FLEET}/drivers/").json()["items"] == []


def test_an_administrator_sees_every_fleet(client: httpx.Client, fleet: Fleet) -> None:
    vehicle_id, uid = add_vehicle(fleet.carrier), add_device(fleet.carrier)
    administrator = person(client, Role.ADMINISTRATOR)
    assert administrator.get(f"{FLEET}/vehicles/{vehicle_id}/").status_code == 200
    assert administrator.get(f"{FLEET}/devices/{uid}/").status_code == 200


# Drivers --------------------------------------------------------------------


def test_a_driver_is_asked_and_let_go(client: httpx.Client, fleet: Fleet) -> None:
    driver = person(client, Role.DRIVER)
    asked = fleet.carrier.post(f"{FLEET}/drivers/", {"phone": driver.phone})
    assert (asked.status_code, asked.json()["joins_as"], asked.json()["state"]) == (201, "driver", "open")
    # Nobody is made a driver of somebody without a word of his own.
    assert fleet.carrier.get(f"{FLEET}/drivers/").json()["items"] == [
        {"id": str(fleet.driver.id), "phone": fleet.driver.phone, "name": "Test driver"}
    ]
    again = fleet.carrier.post(f"{FLEET}/drivers/", {"phone": driver.phone})
    assert code_of(again) == (409, "invitation_open")
    rival = person(client, Role.CARRIER)
    rivals = rival.post(f"{FLEET}/drivers/", {"phone": driver.phone}).json()
    assert driver.post(f"/api/v1/invitations/{asked.json()['id']}/accept/").status_code == 200
    assert str(driver.id) in {item["id"] for item in fleet.carrier.get(f"{FLEET}/drivers/").json()["items"]}
    assert code_of(driver.post(f"/api/v1/invitations/{rivals['id']}/accept/")) == (409, "driver_taken")
    already = fleet.carrier.post(f"{FLEET}/drivers/", {"phone": driver.phone})
    assert code_of(already) == (409, "already_member")
    vehicle_id = add_vehicle(fleet.carrier, driver_id=str(driver.id))
    uid = add_device(fleet.carrier, kind="phone", driver_id=str(driver.id))
    assert fleet.carrier.delete(f"{FLEET}/drivers/{driver.id}/").status_code == 204
    assert fleet.carrier.get(f"{FLEET}/vehicles/{vehicle_id}/").json()["driver_id"] is None
    assert code_of(driver.post(f"{FLEET}/devices/{uid}/token/")) == (404, "device_not_found")
    # The phone may be in his pocket: it is shut out until the carrier lets it in with a new password.
    left = fleet.carrier.get(f"{FLEET}/devices/{uid}/").json()
    assert (left["disabled"], left["driver_id"]) == (True, None)
    with transaction() as session:
        account = "SELECT bool_and(disabled) FROM mqtt_credentials WHERE username = :uid"
        assert session.execute(text(account), {"uid": uid}).scalar() is True
    assert fleet.carrier.post(f"{FLEET}/devices/{uid}/enable/").status_code == 200
    assert driver.post(f"/api/v1/invitations/{rivals['id']}/accept/").status_code == 200


def test_a_driver_may_leave_by_himself(client: httpx.Client, fleet: Fleet) -> None:
    assert fleet.driver.delete(f"{FLEET}/drivers/{fleet.driver.id}/").status_code == 204
    assert code_of(fleet.driver.delete(f"{FLEET}/drivers/{fleet.driver.id}/")) == (404, "driver_not_found")
    colleague = person(client, Role.DRIVER, carrier_id=fleet.carrier.id)
    answer = fleet.driver.delete(f"{FLEET}/drivers/{colleague.id}/")
    assert code_of(answer) == (403, "role_not_allowed")


def test_who_cannot_become_a_driver_of_a_carrier(client: httpx.Client, fleet: Fleet) -> None:
    assert code_of(fleet.carrier.post(f"{FLEET}/drivers/", {"phone": "12"})) == (422, "invalid_phone")
    # The carrier does not learn who has an account, nor of what kind.
    shipper = person(client, Role.SHIPPER)
    assert fleet.carrier.post(f"{FLEET}/drivers/", {"phone": new_phone()}).status_code == 201
    asked = fleet.carrier.post(f"{FLEET}/drivers/", {"phone": shipper.phone})
    assert asked.status_code == 201
    answer = shipper.post(f"/api/v1/invitations/{asked.json()['id']}/accept/")
    assert code_of(answer) == (409, "not_a_driver")


def test_two_carriers_ask_one_driver_and_one_gets_him(client: httpx.Client) -> None:
    driver = person(client, Role.DRIVER)
    carriers = [person(client, Role.CARRIER) for _ in range(2)]
    asked = [c.post(f"{FLEET}/drivers/", {"phone": driver.phone}).json()["id"] for c in carriers]
    start = Barrier(2)

    def take(invitation: str) -> tuple[int, str]:
        start.wait()
        return code_of(driver.post(f"/api/v1/invitations/{invitation}/accept/"))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, asked)) == [(200, ""), (409, "driver_taken")]


# Devices --------------------------------------------------------------------


def test_a_tracker_gets_its_mqtt_account_once(fleet: Fleet) -> None:
    uid = f"T{next(_numbers)}"
    vehicle_id = add_vehicle(fleet.carrier)
    answer = fleet.carrier.post(
        f"{FLEET}/devices/", {"uid": uid, "kind": "tracker", "vehicle_id": vehicle_id}
    )
    assert answer.status_code == 201
    issued = answer.json()
    assert issued["mqtt_client_id"] == issued["mqtt_username"] == issued["uid"] == uid
    assert secret_works(uid, issued["mqtt_password"])
    shown = fleet.carrier.get(f"{FLEET}/devices/{uid}/")
    assert issued["mqtt_password"] not in shown.text
    assert shown.json()["assignments"] == [{"vehicle_id": vehicle_id, "valid_from": None, "valid_to": None}]
    assert dirty(vehicle_id) == [None]


def test_a_new_secret_ends_the_old_one(fleet: Fleet) -> None:
    first = fleet.carrier.post(f"{FLEET}/devices/", {"uid": f"T{next(_numbers)}", "kind": "tracker"}).json()
    second = fleet.carrier.post(f"{FLEET}/devices/{first['uid']}/rotate/").json()
    assert secret_works(first["uid"], second["mqtt_password"])
    assert not secret_works(first["uid"], first["mqtt_password"])


def test_a_disabled_device_is_out_until_enabled_with_a_new_secret(fleet: Fleet) -> None:
    issued = fleet.carrier.post(f"{FLEET}/devices/", {"uid": f"T{next(_numbers)}", "kind": "tracker"}).json()
    uid = issued["uid"]
    for _ in range(2):
        assert fleet.carrier.post(f"{FLEET}/devices/{uid}/disable/").status_code == 204
    assert fleet.carrier.get(f"{FLEET}/devices/{uid}/").json()["disabled"] is True
    assert not secret_works(uid, issued["mqtt_password"])
    fresh = fleet.carrier.post(f"{FLEET}/devices/{uid}/enable/").json()
    assert secret_works(uid, fresh["mqtt_password"])
    assert not secret_works(uid, issued["mqtt_password"])
    assert fleet.carrier.get(f"{FLEET}/devices/{uid}/").json()["disabled"] is False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"uid": "svc-ingest-1", "kind": "tracker"}, 422),
        ({"uid": "a/b", "kind": "tracker"}, 422),
        ({"uid": "a+", "kind": "tracker"}, 422),
        ({"uid": "#", "kind": "tracker"}, 422),
        ({"uid": "", "kind": "tracker"}, 422),
        ({"uid": "x" * 65, "kind": "tracker"}, 422),
        ({"uid": "T\x00", "kind": "tracker"}, 422),
        ({"uid": "T1", "kind": "drone"}, 422),
        ({"uid": "T1"}, 422),
        ({"uid": "T1", "kind": "tracker", "vehicle_id": 0}, 422),
        ({"uid": "T1", "kind": "tracker", "vehicle_id": 2**62}, 404),
        ({"uid": "T1", "kind": "phone", "driver_id": str(uuid4())}, 404),
        ({"uid": "T1", "kind": "tracker", "driver_id": str(uuid4())}, 409),
    ],
)
def test_a_device_that_cannot_be(fleet: Fleet, body: dict[str, Any], status: int) -> None:
    answer = fleet.carrier.post(f"{FLEET}/devices/", body)
    assert answer.status_code == status, answer.text
    # Nothing of it stayed behind.
    assert fleet.carrier.get(f"{FLEET}/devices/").json()["items"] == []


def test_a_uid_is_registered_once_even_when_submitted_twice(client: httpx.Client, fleet: Fleet) -> None:
    body = {"uid": f"T{next(_numbers)}", "kind": "tracker"}
    callers = [fleet.carrier, person(client, Role.CARRIER)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda caller: caller.post(f"{FLEET}/devices/", body), callers))
    assert sorted(code_of(answer) for answer in answers) == [(201, ""), (409, "device_uid_taken")]


def test_a_phone_signs_in_with_a_token_of_its_driver(client: httpx.Client, fleet: Fleet) -> None:
    uid = add_device(fleet.carrier, kind="phone", driver_id=str(fleet.driver.id))
    for caller in (fleet.driver, fleet.carrier):
        answer = caller.post(f"{FLEET}/devices/{uid}/token/")
        assert answer.status_code == 200
        issued = answer.json()
        key = get_settings().jwt_secret.get_secret_value()
        token = verify_device_token(
            issued["mqtt_password"], key, client_id=uid, username=uid, now=clock.now()
        )
        assert datetime.fromisoformat(issued["expires_at"]).timestamp() == token.expires_at_s
        claims = jwt.decode(issued["mqtt_password"], options={"verify_signature": False})
        assert claims.keys() == {"sub", "username", "aud", "iat", "exp"}
    assert [item["uid"] for item in fleet.driver.get(f"{FLEET}/devices/").json()["items"]] == [uid]
    colleague = person(client, Role.DRIVER, carrier_id=fleet.carrier.id)
    assert code_of(colleague.post(f"{FLEET}/devices/{uid}/token/")) == (404, "device_not_found")
    fleet.carrier.post(f"{FLEET}/devices/{uid}/disable/")
    assert code_of(fleet.driver.post(f"{FLEET}/devices/{uid}/token/")) == (409, "device_disabled")


def test_a_tracker_and_a_nobodys_phone_get_no_token(fleet: Fleet) -> None:
    tracker, phone = add_device(fleet.carrier), add_device(fleet.carrier, kind="phone")
    assert code_of(fleet.carrier.post(f"{FLEET}/devices/{tracker}/token/")) == (409, "not_a_phone")
    assert code_of(fleet.carrier.post(f"{FLEET}/devices/{phone}/token/")) == (409, "device_without_driver")


# Assignments ----------------------------------------------------------------


def assign(carrier: Person, uid: str, vehicle_id: int, **more: Any) -> httpx.Response:
    body = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in more.items()}
    return carrier.post(f"{FLEET}/devices/{uid}/assign/", {"vehicle_id": vehicle_id, **body})


def test_a_device_moves_and_both_vehicles_are_folded_again(fleet: Fleet) -> None:
    uid, first, second = add_device(fleet.carrier), add_vehicle(fleet.carrier), add_vehicle(fleet.carrier)
    assert assign(fleet.carrier, uid, first, valid_from=T0).status_code == 200
    moved = assign(fleet.carrier, uid, second, valid_from=T0 + HOUR, end_current=True)
    assert moved.status_code == 200
    spans = [(s["vehicle_id"], s["valid_from"], s["valid_to"]) for s in moved.json()["assignments"]]
    t0, t1 = "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z"
    assert spans == [(first, t0, t1), (second, t1, None)]
    assert dirty(first) == [T0, T0 + HOUR]
    assert dirty(second) == [T0 + HOUR]


def test_an_overlap_is_refused_and_marks_nothing(fleet: Fleet) -> None:
    uid, first, second = add_device(fleet.carrier), add_vehicle(fleet.carrier), add_vehicle(fleet.carrier)
    assign(fleet.carrier, uid, first, valid_from=T0, valid_to=T0 + 2 * HOUR)
    for start, end in ((T0 - HOUR, T0 + HOUR), (T0 + HOUR, None), (T0 - HOUR, None), (T0, T0 + 2 * HOUR)):
        answer = assign(fleet.carrier, uid, second, valid_from=start, valid_to=end)
        assert code_of(answer) == (409, "assignment_overlap")
    assert dirty(second) == []
    assert assign(fleet.carrier, uid, second, valid_from=T0 + 2 * HOUR).status_code == 200


def test_a_double_submit_of_an_assignment_changes_nothing_more(fleet: Fleet) -> None:
    uid, vehicle_id = add_device(fleet.carrier), add_vehicle(fleet.carrier)
    answers = [assign(fleet.carrier, uid, vehicle_id, valid_from=T0) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert dirty(vehicle_id) == [T0]


def test_a_device_is_taken_out(fleet: Fleet) -> None:
    uid, vehicle_id = add_device(fleet.carrier), add_vehicle(fleet.carrier)
    path = f"{FLEET}/devices/{uid}/unassign/"
    assert code_of(fleet.carrier.post(path, {})) == (409, "device_not_assigned")
    assign(fleet.carrier, uid, vehicle_id, valid_from=T0)
    assert code_of(fleet.carrier.post(path, {"valid_to": T0.isoformat()})) == (422, "invalid_period")
    answer = fleet.carrier.post(path, {"valid_to": (T0 + HOUR).isoformat()})
    assert answer.json()["assignments"][0]["valid_to"] == "2026-03-01T13:00:00Z"
    assert dirty(vehicle_id) == [T0, T0 + HOUR]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"vehicle_id": "x"},
        {"vehicle_id": 1, "valid_from": "2026-03-01T12:00:00"},
        {"vehicle_id": 1, "valid_from": "0001-01-01T00:00:00+14:00"},
        {"vehicle_id": 1, "valid_to": "9999-12-31T23:59:59-12:00"},
        {"vehicle_id": 1, "valid_from": "soon"},
        {"vehicle_id": 1, "valid_from": 1e300},
        {"vehicle_id": 1, "valid_form": "2026-03-01T12:00:00Z"},
    ],
)
def test_an_assignment_that_cannot_be(fleet: Fleet, body: dict[str, Any]) -> None:
    answer = fleet.carrier.post(f"{FLEET}/devices/{add_device(fleet.carrier)}/assign/", body)
    assert code_of(answer) == (422, "invalid_body")


@pytest.mark.parametrize("_round", range(5))
def test_two_at_once_assign_one_device_to_two_vehicles_and_one_wins(fleet: Fleet, _round: int) -> None:
    uid = add_device(fleet.carrier)
    vehicles = [add_vehicle(fleet.carrier) for _ in range(2)]
    start = Barrier(2)

    def race(vehicle_id: int) -> tuple[int, str]:
        start.wait()
        # Closed periods that overlap: no unique index would catch them, only the lock does.
        return code_of(assign(fleet.carrier, uid, vehicle_id, valid_from=T0, valid_to=T0 + HOUR))

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(race, vehicles)) == [(200, ""), (409, "assignment_overlap")]
    with transaction() as session:
        rows = session.scalars(
            select(DeviceAssignment).where(DeviceAssignment.vehicle_id.in_(vehicles))
        ).all()
    assert len(rows) == 1
    assert sorted(len(dirty(vehicle_id)) for vehicle_id in vehicles) == [0, 1]
