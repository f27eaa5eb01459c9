"""The pages at /admin/: who gets in, what can be changed there, from where, and that it is on record."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import update

from config import clock
from config.database import transaction
from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.admin import rules
from platform_api.admin.models import AdminSession
from platform_api.admin.views import SECRETS, VIEWS
from tests.support.api import PASSWORD, Person, api_on, code_texted_to, person


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def root(client: httpx.Client) -> Person:
    return person(client, Role.ADMINISTRATOR)


def browser(client: httpx.Client) -> httpx.Client:
    headers = {"Sec-Fetch-Site": "same-origin"}
    return httpx.Client(base_url=client.base_url, headers=headers, trust_env=False, timeout=30)


def sign_in(page: httpx.Client, phone: str, password: str = PASSWORD) -> httpx.Response:
    return page.post("/admin/login", data={"username": phone, "password": password})


@pytest.fixture
def page(client: httpx.Client, root: Person) -> Iterator[httpx.Client]:
    """A browser that `root` has signed in."""
    with browser(client) as page:
        assert sign_in(page, root.phone).status_code == 302
        yield page


def rows(database_url: str, statement: str, *values: Any) -> list[dict[str, Any]]:
    with psycopg.connect(database_url, row_factory=dict_row) as connection:
        return connection.execute(statement, values).fetchall()


def test_nobody_gets_in_without_signing_in(client: httpx.Client) -> None:
    with browser(client) as page:
        assert page.get("/admin").headers["location"] == "/admin/"
        for path in ("/admin/", "/admin/user/list", "/admin/audit-entry/list", "/admin/impersonate"):
            answer = page.get(path)
            assert (answer.status_code, answer.headers["location"].endswith("/admin/login")) == (302, True)


def test_the_cookie_is_for_these_pages_alone(client: httpx.Client, root: Person) -> None:
    with browser(client) as page:
        cookie = sign_in(page, f" {root.phone[4:]} ").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/admin" in cookie
    assert root.phone not in cookie


def test_a_wrong_password_and_somebody_who_is_no_administrator(
    client: httpx.Client, root: Person, database_url: str
) -> None:
    shipper = person(client, Role.SHIPPER)
    with browser(client) as page:
        for phone, password in ((root.phone, "wrong"), (shipper.phone, PASSWORD), ("nobody", PASSWORD)):
            assert sign_in(page, phone, password).status_code == 400
            assert page.get("/admin/").status_code == 302
    noted = rows(database_url, "SELECT action, after FROM audit_log WHERE actor_id = %s", root.id)
    assert [row["action"] for row in noted] == ["sign_in_refused"]


def test_guessing_locks_the_number_for_this_address_and_not_for_ever(
    client: httpx.Client, root: Person
) -> None:
    with browser(client) as page:
        for _ in range(6):
            assert sign_in(page, root.phone, "wrong").status_code == 400
        assert sign_in(page, root.phone).status_code == 400, "locked, although the password is right"
        now = clock.now()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: now + timedelta(hours=1, seconds=1))
            assert sign_in(page, root.phone).status_code == 302


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_every_list_opens_and_shows_no_secret(page: httpx.Client, view: Any) -> None:
    answer = page.get(f"/admin/{view.identity}/list")
    assert answer.status_code == 200, answer.text
    shown = set(view.column_list) | set(view.column_details_list)
    assert shown & SECRETS == set()


def test_a_user_in_detail(page: httpx.Client, root: Person) -> None:
    answer = page.get(f"/admin/user/details/{root.id}")
    assert root.phone in answer.text
    assert "argon2" not in answer.text


def test_disabling_somebody_works_at_once_and_is_on_record(
    client: httpx.Client, page: httpx.Client, root: Person, database_url: str
) -> None:
    shipper = person(client, Role.SHIPPER)
    form = {"name": "Test shipper", "disabled": "1", "save": "Save"}
    answer = page.post(f"/admin/user/edit/{shipper.id}", data=form)
    assert answer.status_code == 302, answer.text
    assert shipper.get("/api/v1/auth/me/").json()["code"] == "account_disabled"
    noted = rows(
        database_url,
        "SELECT * FROM audit_log WHERE table_name = 'users' AND row_key = jsonb_build_object('id', %s::uuid)",
        shipper.id,
    )
    (row,) = (row for row in noted if row["action"] == "update")
    assert (row["actor_id"], row["channel"]) == (root.id, "admin")
    assert (row["before"], row["after"]) == ({"disabled": False}, {"disabled": True})


def test_nothing_but_name_and_state_can_be_edited(
    client: httpx.Client, page: httpx.Client, database_url: str
) -> None:
    shipper = person(client, Role.SHIPPER)
    form = {"name": "New", "role": "administrator", "is_superuser": "1", "password_hash": "x", "save": "Save"}
    page.post(f"/admin/user/edit/{shipper.id}", data=form)
    (row,) = rows(database_url, "SELECT * FROM users WHERE id = %s", shipper.id)
    assert (row["name"], row["role"], row["is_superuser"]) == ("New", "shipper", False)
    assert row["password_hash"] != "x"


@pytest.mark.parametrize("verb", ["create", "edit/x", "delete"])
def test_orders_are_only_read(page: httpx.Client, verb: str) -> None:
    method = "DELETE" if verb == "delete" else "POST"
    assert page.request(method, f"/admin/order/{verb}").status_code in (403, 404)


def test_another_site_cannot_send_the_form(client: httpx.Client, page: httpx.Client) -> None:
    shipper = person(client, Role.SHIPPER)
    path, form = f"/admin/user/edit/{shipper.id}", {"name": "Hacked", "save": "Save"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert page.post(path, data=form, headers=headers).status_code == 403
    del page.headers["Sec-Fetch-Site"]
    for headers in ({}, {"Origin": "https://evil.example"}, {"Referer": "https://evil.example/x"}):
        assert page.post(path, data=form, headers=headers).status_code == 403
    own = {"Origin": str(client.base_url).rstrip("/")}
    assert page.post(path, data=form, headers=own).status_code == 302


def test_signing_out_ends_the_session_itself(client: httpx.Client, page: httpx.Client) -> None:
    cookies = dict(page.cookies)
    page.get("/admin/logout")
    with browser(client) as thief:
        thief.cookies.update(cookies)
        assert thief.get("/admin/").status_code == 302


@pytest.mark.parametrize("column", ["last_seen_at", "created_at"])
def test_a_session_ends_by_itself(page: httpx.Client, root: Person, column: str) -> None:
    old = clock.now() - (rules.IDLE if column == "last_seen_at" else rules.LONGEST) - timedelta(seconds=1)
    with transaction() as session:
        session.execute(update(AdminSession).where(AdminSession.user_id == root.id).values({column: old}))
    assert page.get("/admin/").status_code == 302


def test_an_administrator_who_is_none_any_more_is_out_at_once(page: httpx.Client, root: Person) -> None:
    assert page.get("/admin/").status_code == 200
    with transaction() as session:
        session.execute(update(User).where(User.id == root.id).values(role="shipper"))
    assert page.get("/admin/").status_code == 302


@pytest.mark.parametrize("how", ["revoke-all", "reset"])
def test_signing_out_everywhere_and_a_new_password_end_it_too(
    client: httpx.Client, page: httpx.Client, root: Person, how: str
) -> None:
    if how == "revoke-all":
        assert root.post("/api/v1/auth/sessions/revoke-all/", {"keep_current": True}).status_code == 200
    else:
        client.post("/api/v1/auth/password/reset/", json={"phone": root.phone})
        body = {"phone": root.phone, "code": code_texted_to(root.phone), "new_password": "a new one of mine"}
        assert client.post("/api/v1/auth/password/reset/confirm/", json=body).status_code == 200
    assert page.get("/admin/").status_code == 302


def test_acting_as_a_user_from_the_page(client: httpx.Client, page: httpx.Client) -> None:
    shipper = person(client, Role.SHIPPER)
    form = {"user_id": str(shipper.id), "reason": "too short", "minutes": "5"}
    refused = page.post("/admin/impersonate", data=form)
    assert refused.status_code == 400
    assert "reason" in refused.text
    begun = page.post("/admin/impersonate", data=form | {"reason": "He asked us to look at his orders"})
    assert begun.status_code == 200
    token = begun.text.split('<code id="token">')[1].split("<")[0]
    me = client.get("/api/v1/auth/me/", headers={"Authorization": f"Bearer {token}"})
    assert me.json()["id"] == str(shipper.id)


def test_no_page_loads_anything_from_elsewhere(page: httpx.Client) -> None:
    for path in ("/admin/", "/admin/user/list", "/admin/impersonate", "/admin/login"):
        text = page.get(path).text
        assert 'src="http' not in text.replace(f'src="{page.base_url}', "")
        assert "//cdn" not in text
