"""Register, sign in, refresh, sign out - over HTTP on a real database."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy import select, update

from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api.accounts import passwords, service
from platform_api.accounts.models import RefreshToken, User
from platform_api.accounts.tasks import drop_expired
from platform_api.actor import Role
from platform_api.errors import Invalid
from tests.integration.accounts.people import AUTH, register, registration, sign_up, verify
from tests.support.api import PASSWORD, Person, api_on, code_of, new_phone, person


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


def sign_in(client: httpx.Client, user: Person, password: str = PASSWORD) -> httpx.Response:
    return client.post(f"{AUTH}/login/", json={"phone": user.phone, "password": password})


def refresh(client: httpx.Client, token: str) -> httpx.Response:
    return client.post(f"{AUTH}/token/refresh/", json={"refresh": token})


def test_register_then_verify_then_sign_in_then_who_am_i(client: httpx.Client) -> None:
    pending = register(client, phone="77 000 11 22", name="  Awa Diop ")
    assert (pending["phone"], pending["name"], pending["role"]) == ("+221770001122", "Awa Diop", "shipper")
    assert "password" not in pending
    user = verify(client, pending).json()["user"]
    assert (user["phone"], user["name"], user["role"]) == ("+221770001122", "Awa Diop", "shipper")
    login = client.post(f"{AUTH}/login/", json={"phone": "00221 77 000 11 22", "password": PASSWORD})
    assert login.status_code == 200
    assert login.json()["user"] == user
    me = client.get(f"{AUTH}/me/", headers={"Authorization": f"Bearer {login.json()['access']}"})
    assert me.json().items() >= user.items()


def test_the_password_is_stored_as_argon2(client: httpx.Client) -> None:
    user = sign_up(client)["user"]
    with transaction() as session:
        stored = session.scalar(select(User.password_hash).where(User.id == user["id"]))
    assert stored is not None
    assert stored.startswith("$argon2id$")


@pytest.mark.parametrize("role", ["shipper", "carrier", "driver", "broker"])
def test_each_of_the_open_roles_can_register(client: httpx.Client, role: str) -> None:
    assert sign_up(client, role=role)["user"]["role"] == role


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"role": "administrator"}, (403, "role_not_allowed")),
        ({"role": "king"}, (422, "invalid_body")),
        ({"phone": "12"}, (422, "invalid_phone")),
        ({"phone": "33 821 23 45"}, (422, "phone_not_mobile")),
        ({"phone": "+33 6 12 34 56 78"}, (422, "phone_country_not_accepted")),
        ({"phone": "7" * 50}, (422, "invalid_body")),
        ({"phone": 771234567}, (422, "invalid_body")),
        ({"name": "   "}, (422, "invalid_body")),
        ({"name": "x" * 121}, (422, "invalid_body")),
        ({"name": "a\x00b"}, (422, "invalid_body")),
        ({"name": "\ud800"}, (422, "invalid_body")),
        ({"password": "short"}, (422, "invalid_body")),
        ({"password": "x" * 129}, (422, "invalid_body")),
        ({"is_superuser": True, "role": "administrator"}, (403, "role_not_allowed")),
    ],
)
def test_what_cannot_register(
    client: httpx.Client, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    body = json.dumps(registration(**changes))  # escapes what UTF-8 cannot say
    answer = client.post(f"{AUTH}/register/", content=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) == expected


def test_nobody_registers_as_superuser(client: httpx.Client) -> None:
    user = sign_up(client, is_superuser=True)["user"]
    with transaction() as session:
        assert session.scalar(select(User.is_superuser).where(User.id == user["id"])) is False


def test_a_double_submit_registers_once(client: httpx.Client) -> None:
    body = registration()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post(f"{AUTH}/register/", json=body), range(4)))
    assert sorted(code_of(a) for a in answers) == [(201, ""), *[(429, "too_many_requests")] * 3]
    pending = next(answer.json() for answer in answers if answer.status_code == 201)
    assert verify(client, pending).status_code == 200


def test_wrong_password_and_unknown_phone_look_the_same(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    wrong = sign_in(client, user, "not the password")
    unknown = client.post(f"{AUTH}/login/", json={"phone": new_phone(), "password": PASSWORD})
    assert code_of(wrong) == code_of(unknown) == (401, "wrong_credentials")
    assert wrong.json()["detail"] == unknown.json()["detail"]


def test_an_unknown_phone_costs_a_verification_too(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            verified.append(stored)
            return False

        def hash(self, password: str) -> str:
            return "$argon2id$unknown"

    monkeypatch.setattr(passwords, "_hasher", Counting())
    sign_in(client, person(client, Role.SHIPPER))
    known = len(verified)
    client.post(f"{AUTH}/login/", json={"phone": new_phone(), "password": PASSWORD})
    assert known == len(verified) - known > 0


def test_a_refresh_token_works_once_and_its_reuse_ends_the_login(client: httpx.Client) -> None:
    first = sign_in(client, person(client, Role.SHIPPER)).json()["refresh"]
    second = refresh(client, first).json()["refresh"]
    third = refresh(client, second).json()["refresh"]
    assert code_of(refresh(client, first)) == (401, "token_reused")
    # The newest of the family is gone as well: nobody can tell the thief from the owner.
    assert code_of(refresh(client, third)) == (401, "token_revoked")


def test_reuse_in_one_login_leaves_the_other_alone(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    phone_login, web_login = (sign_in(client, user).json()["refresh"] for _ in range(2))
    refresh(client, phone_login)
    assert code_of(refresh(client, phone_login)) == (401, "token_reused")
    assert refresh(client, web_login).status_code == 200


def test_two_at_once_spend_a_refresh_token_once(client: httpx.Client) -> None:
    token = sign_in(client, person(client, Role.SHIPPER)).json()["refresh"]
    with ThreadPoolExecutor(2) as pool:
        answers = sorted(code_of(a) for a in pool.map(lambda _: refresh(client, token), range(2)))
    assert answers == [(200, ""), (401, "token_reused")]


def test_a_refreshed_access_token_is_good(client: httpx.Client) -> None:
    user = person(client, Role.CARRIER)
    fresh = refresh(client, sign_in(client, user).json()["refresh"]).json()
    assert fresh.keys() == {"access", "refresh"}
    me = client.get(f"{AUTH}/me/", headers={"Authorization": f"Bearer {fresh['access']}"})
    assert me.json()["id"] == str(user.id)


def test_logout_ends_the_login_and_again_is_harmless(client: httpx.Client) -> None:
    token = sign_in(client, person(client, Role.SHIPPER)).json()["refresh"]
    newer = refresh(client, token).json()["refresh"]
    for _ in range(2):
        assert client.post(f"{AUTH}/logout/", json={"refresh": newer}).status_code == 204
    assert code_of(refresh(client, newer)) == (401, "token_revoked")


@pytest.mark.parametrize("path", ["token/refresh", "logout"])
def test_a_refresh_token_that_is_none(client: httpx.Client, path: str) -> None:
    access = person(client, Role.SHIPPER).headers["Authorization"].split()[1]
    for token in ("x", "a.b.c", access):
        answer = client.post(f"{AUTH}/{path}/", json={"refresh": token})
        assert code_of(answer) == (401, "invalid_token")
    assert code_of(client.post(f"{AUTH}/{path}/", json={})) == (422, "invalid_body")


def test_a_disabled_account_is_out_at_once(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    token = sign_in(client, user).json()["refresh"]
    with transaction() as session:
        session.execute(update(User).where(User.id == user.id).values(disabled=True))
    assert code_of(user.get(f"{AUTH}/me/")) == (401, "account_disabled")
    assert code_of(refresh(client, token)) == (401, "account_disabled")
    assert code_of(sign_in(client, user)) == (401, "account_disabled")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic eDp5", "Token abc"])
def test_without_a_good_access_token(client: httpx.Client, header: str) -> None:
    status, code = code_of(client.get(f"{AUTH}/me/", headers={"Authorization": header}))
    assert status == 401
    assert code in {"not_authenticated", "invalid_token"}


def test_a_phone_token_for_mqtt_does_not_open_the_api(client: httpx.Client) -> None:
    user = person(client, Role.DRIVER)
    claims = {"sub": str(user.id), "aud": "mqtt", "typ": "access", "jti": "1", "exp": 4_000_000_000}
    token = jwt.encode(claims, get_settings().jwt_secret.get_secret_value(), "HS256")
    answer = client.get(f"{AUTH}/me/", headers={"Authorization": f"Bearer {token}"})
    assert code_of(answer) == (401, "invalid_token")


def test_a_superuser_comes_from_the_command_line(client: httpx.Client) -> None:
    phone = new_phone()
    with transaction() as session:
        service.create_superuser(session, phone=phone, name="Root", password=PASSWORD)
    login = client.post(f"{AUTH}/login/", json={"phone": phone, "password": PASSWORD}).json()
    assert login["user"]["role"] == "administrator"
    with transaction() as session:
        actor = service.authenticate(session, login["access"], now=clock.now())
    assert (actor.role, actor.is_superuser) == (Role.ADMINISTRATOR, True)
    with pytest.raises(Invalid), transaction() as session:
        service.create_superuser(session, phone=phone, name="Root", password="short")


def test_expired_tokens_are_dropped_and_spent_ones_kept_until_then(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    spent = sign_in(client, user).json()["refresh"]
    refresh(client, spent)
    old = sign_in(client, user).json()["refresh"]
    old_id = jwt.decode(old, options={"verify_signature": False})["jti"]
    with transaction() as session:
        past = clock.now() - timedelta(seconds=1)
        session.execute(update(RefreshToken).where(RefreshToken.id == old_id).values(expires_at=past))
    drop_expired()
    with transaction() as session:
        rows = session.scalars(select(RefreshToken).where(RefreshToken.user_id == user.id)).all()
    assert len(rows) == 2
    assert str(old_id) not in {str(row.id) for row in rows}
    assert code_of(refresh(client, spent)) == (401, "token_reused")
