"""The copy and the erasure of shippers, carriers and brokers: all of theirs, and what the law keeps stays."""

import csv
import io
import zipfile
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from httpx import Client

from platform_api import spool
from platform_api.actor import MemberRole, Role
from platform_api.files import disk
from platform_api.privacy import tasks
from platform_api.privacy.rules import copy_name
from tests.integration.fleet.world import hand_in, in_days
from tests.integration.orders.world import ORDER, Assigned, World
from tests.integration.organisations.test_handover import handed, mine
from tests.integration.organisations.test_kyc import approve, sent, upload
from tests.integration.platform_api.privacy_world import PRIVACY
from tests.support.api import Person, code_of, new_phone, person
from tests.support.people import colleague
from tests.support.traces import tables_with
from tests.support.waiting import wait_until

ME = "/api/v1/auth/me/"
# Papers of the carriage, kept as they were issued.
PROOFS = ("waybills",)
_numbers = count(1)


class Subject:
    """Somebody whose name and number are found nowhere but at him."""

    def __init__(self, who: Person, database_url: str) -> None:
        number = next(_numbers)
        self.person, self.database_url = who, database_url
        self.name, self.phone = f"Ndeye Unverwechselbar {number}", f"+2217654{number:05d}"
        self.sql("UPDATE users SET name = %s, phone = %s WHERE id = %s", self.name, self.phone, who.id)

    def sql(self, statement: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []

    def traces(self, *more: str) -> dict[str, int]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return tables_with(connection, [self.name, self.phone, *more], besides=PROOFS)

    def ask(self) -> tuple[str, str]:
        answer = self.person.post(f"{PRIVACY}/erasures/")
        assert answer.status_code == 201, answer.text
        return f"{PRIVACY}/erasures/{answer.json()['id']}/", answer.json()["confirmation_code"]

    def erase(self, admin: Person) -> dict[str, Any]:
        path, code = self.ask()
        assert self.person.post(f"{path}confirm/", {"code": code}).json()["state"] == "waiting"
        return self.carry_out(path, admin)

    def carry_out(self, path: str, admin: Person) -> dict[str, Any]:
        self.sql("UPDATE erasures SET due_at = now() - interval '1 s' WHERE subject_id = %s", self.person.id)

        def done() -> dict[str, Any] | None:
            tasks.erase(path.rstrip("/").rpartition("/")[2])
            shown: dict[str, Any] = admin.get(path).json()
            return shown if shown["state"] == "done" else None

        shown: dict[str, Any] | None = wait_until(done, 20, "the erasure")
        assert shown is not None
        return shown


@pytest.fixture
def world(client: Client, database_url: str) -> World:
    return World(client, database_url)


@pytest.fixture
def admin(client: Client) -> Person:
    return person(client, Role.ADMINISTRATOR)


@pytest.fixture
def order(world: World) -> Assigned:
    """Carried and paid for: with a waybill, and contacts that its shipper wrote."""
    contact = {"name": f"Kiné Kontakt {next(_numbers)}", "phone": "+221776543210"}
    made = world.assigned({**ORDER, "pickup_contact": contact})
    assert made.driver.post(f"{made.path}confirm-loading/", {}).status_code == 200
    assert made.driver.post(f"{made.path}proof-of-delivery/", {"receiver_name": "Ousmane"}).status_code == 200
    assert made.shipper.post(f"{made.path}confirm-delivery/").status_code == 200
    return made


def copy_of(someone: Person) -> dict[str, list[dict[str, str]]]:
    key = someone.post(f"{PRIVACY}/exports/").json()["id"]
    tasks.write_export(key)
    assert someone.get(f"{PRIVACY}/exports/{key}/").json()["state"] == "ready"
    assert someone.get(f"{PRIVACY}/exports/{key}/file/").status_code == 200
    with zipfile.ZipFile(spool.path_of(copy_name(UUID(key)))) as archive:
        names = [name.removesuffix(".csv") for name in archive.namelist() if name.endswith(".csv")]
        readme = archive.read("README.txt").decode()
        assert all(f"{name}.csv" in readme for name in names)
        return {
            name: list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode()))) for name in names
        }


@pytest.mark.parametrize("role", [Role.SHIPPER, Role.CARRIER, Role.BROKER, Role.DRIVER])
def test_everybody_has_a_copy_of_what_is_his(client: Client, role: Role) -> None:
    someone, other = person(client, role), person(client, role)
    assert someone.patch(ME, {"email": "me@example.sn"}).status_code == 200
    assert [row["email"] for row in copy_of(someone)["profile"]] == ["me@example.sn"]
    asked = {"subject_id": str(other.id)}
    for path in (f"{PRIVACY}/exports/", f"{PRIVACY}/erasures/"):
        assert code_of(someone.post(path, asked)) == (403, "role_not_allowed")


def test_the_copy_of_a_shipper_and_of_a_carrier(order: Assigned) -> None:
    shippers, carriers = copy_of(order.shipper), copy_of(order.carrier)
    (his,) = (row for row in shippers["business_orders"] if row["id"] == str(order.id))
    assert his["pickup_contact_name"].startswith("Kiné Kontakt")
    assert his["agreed_xof"] == "500000"
    (his,) = (row for row in carriers["business_orders"] if row["id"] == str(order.id))
    assert (his["pickup_contact_name"], his["agreed_xof"]) == ("", "500000")
    assert [row["order_id"] for row in carriers["waybills"]] == [str(order.id)]
    assert [row["id"] for row in carriers["vehicles"]] == [str(order.vehicle_id)]
    assert [row["status"] for row in carriers["bids"]] == ["ACCEPTED"]
    assert shippers["bids"] == shippers["waybills"] == shippers["vehicles"] == []


def test_between_them_the_price_of_a_broker_is_his_own(order: Assigned, client: Client, world: World) -> None:
    broker = person(client, Role.BROKER)
    world.sql("UPDATE orders SET broker_id = %s WHERE id = %s", broker.id, order.id)
    found = {}
    for name, who in (("shipper", order.shipper), ("carrier", order.carrier), ("broker", broker)):
        (row,) = (row for row in copy_of(who)["business_orders"] if row["id"] == str(order.id))
        found[name] = row["agreed_xof"]
    assert found == {"shipper": "", "carrier": "500000", "broker": "500000"}


def test_an_erased_shipper_is_nowhere_and_what_was_carried_stays(
    order: Assigned, client: Client, admin: Person, database_url: str, world: World
) -> None:
    subject = Subject(order.shipper, database_url)
    he = subject.person
    contact = he.get(order.path).json()["pickup_contact"]["name"]
    he.patch(ME, {"company_name": "Ndeye Négoce", "ninea": "005144788 2G3", "email": "ndeye@negoce.sn"})
    scan = upload(he, f"#{uuid4().hex[:6]}")
    approve(admin, sent(he, number="1755198588888", file_ids=[scan]))
    assert he.post("/api/v1/order-templates/", {"name": "Riz de Ndeye", "order": ORDER}).status_code == 201
    hook = {"url": "https://ndeye.example.sn/mess", "events": ["order.changed"]}
    assert he.post("/api/v1/webhooks/", hook).status_code == 201
    key = he.post("/api/v1/api-keys/", {"name": "ERP of Ndeye", "scopes": ["orders:read"]}).json()["key"]
    body = {"phone": new_phone(), "joins_as": "member"}
    assert he.post("/api/v1/organisations/invitations/", body).status_code == 201
    # An administrator renamed him once: that is in the audit log.
    own = {"Authorization": f"Bearer {key}"}
    world.sql(
        "INSERT INTO audit_log (channel, action, table_name, row_key, before, after)"
        " VALUES ('admin', 'update', 'users', jsonb_build_object('id', %s::text), '{}', jsonb_build_object('name', %s::text))",
        str(he.id),
        subject.name,
    )
    shown = subject.erase(admin)
    assert shown["counts"]["papers"] == 1
    said = ("1755198588888", "Négoce", "ndeye@negoce.sn", "Riz de Ndeye", "ndeye.example.sn", "ERP of Ndeye")
    subject.sql("DELETE FROM sms_messages")
    assert subject.traces(contact, *said) == {}
    assert code_of(client.get("/api/v1/orders/", headers=own)) == (401, "invalid_token")
    assert code_of(he.get(ME)) in {(401, "invalid_token"), (401, "account_disabled")}
    # What must be kept by law, for the other party too.
    seen = order.carrier.get(order.path).json()
    assert (seen["status"], seen["goods"], seen["agreed_xof"]) == ("COMPLETED", ORDER["goods"], 500_000)
    assert len(world.sql("SELECT 1 FROM waybills WHERE order_id = %s", order.id)) == 1
    # His number is free again.
    fresh = {"phone": subject.phone, "name": "Ndeye", "role": "shipper", "password": "correct horse battery"}
    assert client.post("/api/v1/auth/register/", json=fresh).status_code == 201


def test_an_erased_carrier_leaves_trucks_that_nobody_drives_and_trackers_that_are_shut_out(
    order: Assigned, admin: Person, database_url: str, world: World
) -> None:
    subject = Subject(order.carrier, database_url)
    tracker = {"uid": f"t-{uuid4().hex[:8]}", "kind": "tracker", "vehicle_id": order.vehicle_id}
    assert subject.person.post("/api/v1/fleet/devices/", tracker).status_code == 201
    scan = upload(subject.person, f"#{uuid4().hex[:6]}")
    paper = hand_in(
        subject.person, "CARTE_GRISE", vehicle_id=order.vehicle_id, number="CG-NDEYE-1", file_id=scan,
        expires_on=in_days(400),
    )  # fmt: skip
    assert paper.status_code == 201, paper.text
    (content,) = world.sql("SELECT sha256 FROM files WHERE id = %s", UUID(scan))
    assert code_of(subject.person.post(f"{PRIVACY}/erasures/")) == (409, "own_business_open")
    assert subject.person.delete(f"/api/v1/fleet/drivers/{order.driver.id}/").status_code == 204
    subject.erase(admin)
    assert subject.traces("CG-NDEYE-1") == {}
    assert not disk.path_of(content["sha256"]).exists()
    (truck,) = world.sql("SELECT available, driver_id FROM vehicles WHERE id = %s", order.vehicle_id)
    assert (truck["available"], truck["driver_id"]) == (False, None)
    (device,) = world.sql("SELECT id, disabled FROM devices WHERE uid = %s", tracker["uid"])
    assert device["disabled"]
    assert world.sql("SELECT 1 FROM mqtt_credentials WHERE device_id = %s", device["id"]) == []
    assert order.shipper.get(order.path).json()["status"] == "COMPLETED"
    assert len(world.sql("SELECT 1 FROM waybills WHERE carrier_id = %s", subject.person.id)) == 1


def test_what_is_under_way_is_in_the_way(
    client: Client, admin: Person, world: World, database_url: str
) -> None:
    path = world.posted()
    subject = Subject(world.shipper, database_url)
    assert code_of(world.shipper.post(f"{PRIVACY}/erasures/")) == (409, "order_under_way")
    assert world.shipper.post(f"{path}cancel/", {"reason": "no more"}).status_code == 200
    member = colleague(world.shipper)
    assert code_of(world.shipper.post(f"{PRIVACY}/erasures/")) == (409, "own_business_open")
    assert member.post("/api/v1/organisations/leave/").status_code == 204
    asked, code = subject.ask()
    again = world.posted()
    assert code_of(world.shipper.post(f"{asked}confirm/", {"code": code})) == (409, "order_under_way")
    assert world.shipper.post(f"{again}cancel/", {"reason": "no more"}).status_code == 200
    assert world.shipper.post(f"{asked}confirm/", {"code": code}).status_code == 200
    late = world.posted()
    world.sql("UPDATE erasures SET due_at = now() - interval '1 s' WHERE subject_id = %s", world.shipper.id)
    tasks.erase(asked.rstrip("/").rpartition("/")[2])
    shown = world.shipper.get(asked).json()
    assert (shown["state"], shown["held_by"]) == ("waiting", "order_under_way")
    assert world.shipper.post(f"{late}cancel/", {"reason": "no more"}).status_code == 200
    assert subject.carry_out(asked, admin)["state"] == "done"


def test_a_member_goes_and_the_business_stays(client: Client, admin: Person, database_url: str) -> None:
    owner = person(client, Role.CARRIER)
    owner.patch(ME, {"company_name": "Teranga"})
    member = Subject(colleague(owner, MemberRole.MANAGER), database_url)
    vehicle = member.person.post("/api/v1/fleet/vehicles/", {"plate": f"ME-{uuid4().hex[:6]}"}).json()["id"]
    offer = owner.post("/api/v1/organisations/handovers/", {"user_id": str(member.person.id)})
    assert offer.status_code == 201
    member.erase(admin)
    # What others were texted goes when it is sent.
    member.sql("DELETE FROM sms_messages")
    assert member.traces() == {}
    assert mine(owner)["people"] == 1
    assert owner.get(f"/api/v1/fleet/vehicles/{vehicle}/").status_code == 200
    (row,) = owner.get("/api/v1/organisations/handovers/").json()["items"]
    assert row["state"] == "withdrawn"


def test_the_founder_goes_and_the_business_is_its_new_owners(
    client: Client, admin: Person, database_url: str
) -> None:
    founder = Subject(person(client, Role.SHIPPER), database_url)
    he = founder.person
    he.patch(ME, {"company_name": "Teranga", "ninea": "005144788 2G3", "email": "founder@teranga.sn"})
    approve(admin, sent(he, number="1755198599999"))
    approve(admin, sent(he, "ninea", number="005144788 2G3", expires_on=None))
    successor = Subject(colleague(he), database_url)
    handed(he, successor.person)
    assert code_of(successor.person.post(f"{PRIVACY}/erasures/")) == (409, "own_business_open")
    assert copy_of(he)["business"] == []
    founder.erase(admin)
    founder.sql("DELETE FROM sms_messages")
    assert founder.traces("1755198599999", "founder@teranga.sn") == {}
    shown = mine(successor.person)
    assert (shown["name"], shown["your_role"], shown["people"]) == ("Teranga", "owner", 1)
    kinds = [row["kind"] for row in successor.person.get("/api/v1/kyc/documents/").json()["items"]]
    assert kinds == ["ninea"]
    assert successor.person.get(ME).json()["business"]["ninea"] == "005144788 2G3"
    login = {"phone": founder.phone, "password": "correct horse battery"}
    assert code_of(client.post("/api/v1/auth/login/", json=login)) == (401, "wrong_credentials")


def test_an_administrator_has_a_copy_and_stays(client: Client, admin: Person) -> None:
    about = {"subject_id": str(admin.id)}
    assert admin.post(f"{PRIVACY}/exports/", about).status_code == 202
    assert code_of(admin.post(f"{PRIVACY}/erasures/", about)) == (409, "administrator_stays")
