"""Acting as somebody else: with a reason, told, noted, limited; and what administrators change is on record."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from config import clock
from config.database import transaction
from platform_api.accounts.models import User
from platform_api.actor import MemberRole, Role
from platform_api.admin.models import Impersonation
from tests.integration.orders.world import ORDER, World
from tests.support.api import Person, api_on, code_of, new_phone, person
from tests.support.people import colleague

ADMIN = "/api/v1/admin/"
REASON = "Ticket 4711: he cannot find his order of Tuesday"


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def world(client: httpx.Client, database_url: str) -> World:
    return World(client, database_url)


@pytest.fixture
def root(client: httpx.Client) -> Person:
    return person(client, Role.ADMINISTRATOR)


def begin(root: Person, user: Person, **more: Any) -> dict[str, Any]:
    answer = root.post(f"{ADMIN}impersonations/", {"user_id": str(user.id), "reason": REASON, **more})
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


def acting(user: Person, begun: dict[str, Any]) -> Person:
    """The user, as the administrator is him."""
    return replace(user, headers={"Authorization": f"Bearer {begun['token']}"})


def test_he_sees_what_the_user_sees_who_is_told_and_each_request_is_noted(world: World, root: Person) -> None:
    path = world.posted()
    begun = begin(root, world.shipper)
    he = acting(world.shipper, begun)
    assert he.get(path).json() == world.shipper.get(path).json()
    assert he.get("/api/v1/auth/me/").json()["id"] == str(world.shipper.id)
    (told,) = world.shipper.get("/api/v1/alerts/", params={"kind": "impersonated"}).json()["items"]
    assert REASON in told["detail"]
    noted = root.get(f"{ADMIN}impersonations/{begun['id']}/requests/").json()["items"]
    assert [(row["method"], row["path"]) for row in noted] == [("GET", "/api/v1/auth/me/"), ("GET", path)]


def test_he_looks_and_changes_nothing(world: World, root: Person) -> None:
    he = acting(world.shipper, begin(root, world.shipper))
    assert code_of(he.post("/api/v1/orders/", ORDER)) == (403, "impersonation_reads_only")


def test_what_he_changes_is_on_record_under_both_names(world: World, root: Person) -> None:
    he = acting(world.shipper, begin(root, world.shipper, may_change=True))
    made = he.post("/api/v1/orders/", ORDER)
    assert made.status_code == 201
    rows = root.get(f"{ADMIN}audit/", params={"table": "orders"}).json()["items"]
    (row,) = (
        row for row in rows if row["row_key"] == {"id": made.json()["id"]} and row["action"] == "insert"
    )
    assert (row["actor_id"], row["acting_as"]) == (str(root.id), str(world.shipper.id))
    assert row["request_id"] == made.headers["x-request-id"]
    assert row["after"]["goods"] == ORDER["goods"]


@pytest.mark.parametrize("path", ["/api/v1/api-keys/", "/api/v1/privacy/exports/", "/api/v1/admin/audit/"])
def test_what_is_the_persons_own_alone(world: World, root: Person, path: str) -> None:
    he = acting(world.shipper, begin(root, world.shipper, may_change=True))
    assert code_of(he.get(path)) == (403, "impersonation_not_allowed")


def test_it_ends_by_itself_when_told_to_and_with_the_administrator(world: World, root: Person) -> None:
    begun = begin(root, world.shipper)
    he = acting(world.shipper, begun)
    for _ in range(2):
        assert root.post(f"{ADMIN}impersonations/{begun['id']}/end/").status_code == 200
    assert code_of(he.get("/api/v1/orders/")) == (401, "impersonation_over")
    old = begin(root, world.shipper)
    with transaction() as session:
        past = clock.now() - timedelta(hours=1)
        row = update(Impersonation).where(Impersonation.id == old["id"])
        session.execute(row.values(started_at=past, ends_at=past + timedelta(minutes=15)))
    assert code_of(acting(world.shipper, old).get("/api/v1/orders/")) == (401, "impersonation_over")
    third = begin(root, world.shipper)
    with transaction() as session:
        session.execute(update(User).where(User.id == root.id).values(role="shipper"))
    assert code_of(acting(world.shipper, third).get("/api/v1/orders/")) == (401, "impersonation_over")


def test_nobody_becomes_an_administrator_by_acting_as_one_to_be(world: World, root: Person) -> None:
    he = acting(world.shipper, begin(root, world.shipper, may_change=True))
    assert he.get("/api/v1/orders/").status_code == 200
    with transaction() as session:
        session.execute(update(User).where(User.id == world.shipper.id).values(is_superuser=True))
    assert code_of(he.get("/api/v1/orders/")) == (401, "impersonation_over")


def test_a_member_is_told_and_not_his_business(world: World, root: Person) -> None:
    member = colleague(world.shipper, MemberRole.VIEWER)
    begin(root, member)
    told = {"kind": "impersonated"}
    (alert,) = member.get("/api/v1/alerts/", params=told).json()["items"]
    assert REASON in alert["detail"]
    assert world.shipper.get("/api/v1/alerts/", params=told).json()["items"] == []


def test_a_text_that_he_has_sent_is_not_read_in_the_audit(world: World, root: Person) -> None:
    """It may be the code that proves a delivery."""
    he = acting(world.shipper, begin(root, world.shipper, may_change=True))
    body = {"phone": new_phone(), "joins_as": "member"}
    assert he.post("/api/v1/organisations/invitations/", body).status_code == 201
    (row,) = root.get(f"{ADMIN}audit/", params={"table": "sms_messages"}).json()["items"]
    assert row["after"]["purpose"] == "invitation"
    assert "text" not in row["after"]


def test_whom_nobody_can_be(world: World, root: Person) -> None:
    other = person(world.client, Role.ADMINISTRATOR)
    body = {"user_id": str(other.id), "reason": REASON}
    assert code_of(root.post(f"{ADMIN}impersonations/", body)) == (403, "not_impersonable")
    body["user_id"] = "00000000-0000-4000-8000-000000000000"
    assert code_of(root.post(f"{ADMIN}impersonations/", body)) == (404, "user_not_found")
    body["user_id"] = str(world.carrier.id)
    assert code_of(world.shipper.post(f"{ADMIN}impersonations/", body)) == (403, "role_not_allowed")
    assert code_of(root.post(f"{ADMIN}impersonations/", body | {"reason": "because"})) == (
        422,
        "invalid_body",
    )


def test_what_an_administrator_changes_by_the_api_is_on_record_with_before_and_after(
    world: World, root: Person
) -> None:
    path = world.posted()
    answer = root.post(f"{path}cancel/", {"reason": "asked for by phone"})
    assert answer.status_code == 200, answer.text
    rows = root.get(f"{ADMIN}audit/", params={"actor_id": str(root.id), "table": "orders"}).json()["items"]
    row = next(row for row in rows if path.endswith(f"{row['row_key']['id']}/"))
    assert (row["action"], row["channel"], row["acting_as"]) == ("update", "api", None)
    assert (row["before"]["status"], row["after"]["status"]) == ("POSTED", "CANCELLED")
    assert "goods" not in row["after"], "only what changed"


def test_what_others_change_is_not_in_it_and_they_cannot_read_it(world: World, root: Person) -> None:
    before = root.get(f"{ADMIN}audit/").json()["items"][:1]
    world.posted()
    assert root.get(f"{ADMIN}audit/").json()["items"][:1] == before
    assert code_of(world.shipper.get(f"{ADMIN}audit/")) == (403, "role_not_allowed")
