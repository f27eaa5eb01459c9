"""Sessions by device: listed, ended one by one or all, and over at once - over HTTP on a real database."""

from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import select

from config import clock
from config.database import transaction
from platform_api.accounts import repository, sessions
from platform_api.accounts.models import SignInSession
from platform_api.actor import Role
from tests.integration.accounts.people import AUTH, bearer, sign_in
from tests.integration.tracking.viewer import rest, watching
from tests.support.api import Person, code_of, person
from tests.support.queries import count_queries


def listed(client: httpx.Client, access: str) -> list[dict[str, Any]]:
    answer = client.get(f"{AUTH}/sessions/", headers=bearer(access))
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def me(client: httpx.Client, access: str) -> tuple[int, str]:
    return code_of(client.get(f"{AUTH}/me/", headers=bearer(access)))


def refresh(client: httpx.Client, token: str, **headers: str) -> httpx.Response:
    return client.post(f"{AUTH}/token/refresh/", json={"refresh": token}, headers=headers)


def why(user: Person) -> list[str | None]:
    with transaction() as session:
        of_user = select(SignInSession.revoked_why).where(SignInSession.user_id == user.id)
        return list(session.scalars(of_user.order_by(SignInSession.created_at)))


def test_each_device_is_a_session_with_its_name(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    phone = sign_in(client, user.phone, device_name="Mon Tecno").json()
    headers = {"User-Agent": "MESS/1.2 (Android 14)", "X-Forwarded-For": "41.82.1.2"}
    body = {"phone": user.phone, "password": "correct horse battery"}
    web = client.post(f"{AUTH}/login/", json=body, headers=headers).json()
    shown = listed(client, web["access"])
    assert [row["current"] for row in shown] == [True, False, False]
    assert (shown[0]["user_agent"], shown[0]["ip"]) == ("MESS/1.2 (Android 14)", "41.82.1.2")
    assert shown[1]["device_name"] == "Mon Tecno"
    assert shown[1]["ip"] == "127.0.0.1"
    again = refresh(client, phone["refresh"], **{"X-Forwarded-For": "41.82.7.7"}).json()
    first = listed(client, again["access"])[0]
    assert (first["current"], first["ip"], first["device_name"]) == (True, "41.82.7.7", "Mon Tecno")
    assert first["created_at"] < first["last_seen_at"]


def test_ending_a_session_is_at_once(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    stolen = sign_in(client, user.phone, device_name="lost").json()
    lost = next(row for row in listed(client, stolen["access"]) if row["device_name"] == "lost")
    for _ in range(2):
        assert user.delete(f"{AUTH}/sessions/{lost['id']}/").status_code == 204
    assert me(client, stolen["access"]) == (401, "token_revoked")
    assert code_of(refresh(client, stolen["refresh"])) == (401, "token_revoked")
    with watching(client, uuid4(), stolen["access"]) as socket:
        assert rest(socket)[1:] == (4401, "token_revoked")
    assert [row["id"] for row in listed(client, user.headers["Authorization"].split()[1])] == [
        str(user.session_id)
    ]


def test_other_peoples_sessions_are_none(client: httpx.Client) -> None:
    user, other = person(client, Role.SHIPPER), person(client, Role.CARRIER)
    assert code_of(user.delete(f"{AUTH}/sessions/{other.session_id}/")) == (404, "session_not_found")
    assert code_of(user.delete(f"{AUTH}/sessions/{uuid4()}/")) == (404, "session_not_found")
    assert other.get(f"{AUTH}/me/").status_code == 200


def test_sign_out_everywhere(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    others = [sign_in(client, user.phone).json()["access"] for _ in range(2)]
    kept = user.post(f"{AUTH}/sessions/revoke-all/", {"keep_current": True})
    assert kept.json() == {"revoked": 2}
    assert [me(client, access) for access in others] == [(401, "token_revoked")] * 2
    assert user.get(f"{AUTH}/me/").status_code == 200
    assert user.post(f"{AUTH}/sessions/revoke-all/").json() == {"revoked": 1}
    assert code_of(user.get(f"{AUTH}/me/")) == (401, "token_revoked")
    assert why(user) == ["revoked"] * 3


def test_logout_ends_the_access_token_too(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    here, there = (sign_in(client, user.phone).json() for _ in range(2))
    assert client.post(f"{AUTH}/logout/", json={"refresh": here["refresh"]}).status_code == 204
    assert me(client, here["access"]) == (401, "token_revoked")
    assert me(client, there["access"]) == (200, "")


def test_a_stolen_refresh_token_ends_access_tokens_too(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    first = sign_in(client, user.phone).json()
    second = refresh(client, first["refresh"]).json()
    assert code_of(refresh(client, first["refresh"])) == (401, "token_reused")
    assert me(client, first["access"]) == me(client, second["access"]) == (401, "token_revoked")
    assert why(user) == [None, "token_reused"]


def test_one_too_many_ends_the_one_not_seen_for_longest(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    for _ in range(sessions.MOST):
        with transaction() as session:
            owner = repository.find_user(session, user.id)
            assert owner is not None
            last = sessions.start(session, owner, sessions.Origin(), now=clock.now())
    assert code_of(user.get(f"{AUTH}/me/")) == (401, "token_revoked")
    assert len(listed(client, last.access)) == sessions.MOST
    assert why(user).count("too_many") == 1


def test_who_calls_is_found_with_one_query(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    with count_queries() as statements:
        user.get(f"{AUTH}/sessions/")
    # One for the caller and his session, one for the list.
    assert len(statements) == 2
