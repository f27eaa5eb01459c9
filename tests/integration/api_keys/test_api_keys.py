"""API keys over HTTP: seen once, scoped, revoked at once, never more than the person who made them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import update

from config import clock
from config.database import transaction
from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.api_keys.models import ApiKey
from platform_api.api_keys.rules import MAX_KEYS
from tests.integration.orders.world import ORDER, World
from tests.support.api import Person, api_on, code_of, person

PATH = "/api/v1/api-keys/"


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def shipper(client: httpx.Client) -> Person:
    return person(client, Role.SHIPPER)


def new_key(owner: Person, *scopes: str, **more: Any) -> dict[str, Any]:
    answer = owner.post(PATH, {"name": "ERP", "scopes": scopes or ["orders:read"], **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def with_key(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['key']}"}


def test_a_key_does_what_its_scopes_say_as_its_owner(client: httpx.Client, database_url: str) -> None:
    world = World(client, database_url)
    path = world.posted()
    made = new_key(world.shipper)
    assert client.get(path, headers=with_key(made)).json() == world.shipper.get(path).json()
    refused = client.post("/api/v1/orders/", json=ORDER, headers=with_key(made))
    assert code_of(refused) == (403, "scope_missing")
    assert "orders:write" in refused.json()["detail"]
    wide = new_key(world.shipper, "orders:read", "orders:write")
    assert client.post("/api/v1/orders/", json=ORDER, headers=with_key(wide)).status_code == 201


def test_what_concerns_people_is_closed_to_keys(client: httpx.Client, shipper: Person) -> None:
    made = new_key(shipper, "orders:read", "orders:write", "files:read", "webhooks:read")
    for path in ("/api/v1/auth/me/", PATH, "/api/v1/privacy/exports/"):
        assert code_of(client.get(path, headers=with_key(made))) == (403, "api_key_not_allowed"), path
    body = {"name": "another", "scopes": ["orders:read"]}
    assert code_of(client.post(PATH, json=body, headers=with_key(made))) == (403, "api_key_not_allowed")


def test_the_key_is_seen_once_and_kept_as_a_hash(shipper: Person, database_url: str) -> None:
    made = new_key(shipper)
    (listed,) = shipper.get(PATH).json()["items"]
    assert "key" not in listed
    assert made["key"].startswith(listed["prefix"])
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT to_jsonb(k)::text FROM api_keys k WHERE id = %s", (made["id"],))
        assert made["key"] not in str(row.fetchone())


def test_it_is_told_when_a_key_was_used(client: httpx.Client, shipper: Person) -> None:
    made = new_key(shipper)
    client.get("/api/v1/orders/", headers=with_key(made))
    (listed,) = shipper.get(PATH).json()["items"]
    assert listed["last_used_at"] is not None


def test_a_revoked_or_expired_or_invented_key_is_out_at_once(client: httpx.Client, shipper: Person) -> None:
    made = new_key(shipper)
    for _ in range(2):
        assert shipper.delete(f"{PATH}{made['id']}/").status_code == 204
    assert code_of(client.get("/api/v1/orders/", headers=with_key(made))) == (401, "api_key_revoked")
    short = new_key(shipper, expires_at=(clock.now() + timedelta(minutes=1)).isoformat())
    with transaction() as session:
        past = clock.now() - timedelta(seconds=1)
        session.execute(update(ApiKey).where(ApiKey.id == short["id"]).values(expires_at=past))
    assert code_of(client.get("/api/v1/orders/", headers=with_key(short))) == (401, "api_key_expired")
    invented = {"key": made["key"][:-2] + "xx"}
    assert code_of(client.get("/api/v1/orders/", headers=with_key(invented))) == (401, "invalid_token")


def test_a_disabled_owner_has_no_keys(client: httpx.Client, shipper: Person) -> None:
    made = new_key(shipper)
    with transaction() as session:
        session.execute(update(User).where(User.id == shipper.id).values(disabled=True))
    assert code_of(client.get("/api/v1/orders/", headers=with_key(made))) == (401, "account_disabled")


def test_whoever_became_an_administrator_has_no_keys_any_more(client: httpx.Client, shipper: Person) -> None:
    made = new_key(shipper)
    with transaction() as session:
        session.execute(update(User).where(User.id == shipper.id).values(is_superuser=True))
    answer = client.get("/api/v1/orders/", headers=with_key(made))
    assert code_of(answer) == (401, "api_key_revoked")


def test_expired_keys_take_no_room(shipper: Person) -> None:
    for _ in range(MAX_KEYS):
        new_key(shipper)
    body = {"name": "one more", "scopes": ["orders:read"]}
    assert code_of(shipper.post(PATH, body)) == (409, "too_many_api_keys")
    with transaction() as session:
        session.execute(update(ApiKey).where(ApiKey.party_id == shipper.id).values(expires_at=clock.now()))
    assert shipper.post(PATH, body).status_code == 201


def test_somebody_elses_key(client: httpx.Client, shipper: Person) -> None:
    made = new_key(person(client, Role.SHIPPER))
    assert code_of(shipper.delete(f"{PATH}{made['id']}/")) == (404, "api_key_not_found")
    assert shipper.get(PATH).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "x", "scopes": []}, (422, "invalid_body")),
        ({"name": "x", "scopes": ["everything"]}, (422, "invalid_body")),
        ({"name": "", "scopes": ["orders:read"]}, (422, "invalid_body")),
        (
            {"name": "x", "scopes": ["orders:read"], "expires_at": "2020-01-01T00:00:00Z"},
            (422, "invalid_expiry"),
        ),
    ],
)
def test_keys_that_cannot_be(shipper: Person, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert code_of(shipper.post(PATH, body)) == expected


def test_administrators_have_none(client: httpx.Client) -> None:
    body = {"name": "x", "scopes": ["orders:read"]}
    root = person(client, Role.ADMINISTRATOR)
    assert code_of(root.post(PATH, body)) == (403, "role_not_allowed")
