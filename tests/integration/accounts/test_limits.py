"""Locks and limits: over processes, restarts and outages, on a real database."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from cli.parts.process import free_port
from cli.processes import api_command
from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api.accounts import limits, passwords
from platform_api.actor import Role
from platform_api.throttle import edge, service
from platform_api.throttle.models import Lockout, RateLimit
from platform_api.throttle.rules import Limit
from platform_api.throttle.tasks import drop_old
from tests.integration.accounts.people import AUTH, let_time_pass, register, sign_in
from tests.support.api import PASSWORD, api_on, code_of, code_texted_to, new_phone, person
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]


def sign_in_from(client: httpx.Client, network: str, phone: str, password: str) -> httpx.Response:
    body = {"phone": phone, "password": password}
    return client.post(f"{AUTH}/login/", json=body, headers={"X-Forwarded-For": network})


@pytest.mark.usefixtures("standing_clock")
def test_wrong_passwords_lock_the_number_for_that_address_alone(client: httpx.Client) -> None:
    phone = person(client, Role.SHIPPER).phone
    for _ in range(5):
        assert code_of(sign_in_from(client, "203.0.113.1", phone, "guess")) == (401, "wrong_credentials")
    locked = sign_in_from(client, "203.0.113.1", phone, PASSWORD)
    assert code_of(locked) == (429, "locked_out")
    assert 0 < int(locked.headers["Retry-After"]) <= 30
    assert sign_in_from(client, "203.0.113.2", phone, PASSWORD).status_code == 200
    # Another number from there is open.
    assert (
        sign_in_from(client, "203.0.113.1", person(client, Role.SHIPPER).phone, PASSWORD).status_code == 200
    )


@pytest.mark.usefixtures("standing_clock")
def test_the_lock_grows_and_a_right_password_ends_it(client: httpx.Client) -> None:
    phone = person(client, Role.SHIPPER).phone
    for _ in range(5):
        sign_in(client, phone, "guess")
    waits = []
    for _ in range(3):
        let_lock_pass(phone)
        assert code_of(sign_in(client, phone, "guess")) == (401, "wrong_credentials")
        waits.append(int(sign_in(client, phone, "guess").headers["Retry-After"]))
    assert waits == [60, 120, 240]
    let_lock_pass(phone)
    assert sign_in(client, phone).status_code == 200
    for _ in range(4):
        assert code_of(sign_in(client, phone, "guess")) == (401, "wrong_credentials")
    assert sign_in(client, phone).status_code == 200


def let_lock_pass(phone: str) -> None:
    with transaction() as session:
        for row in session.scalars(select(Lockout).where(Lockout.phone == phone)):
            row.failed_at -= timedelta(hours=1)


@pytest.mark.usefixtures("standing_clock")
def test_unknown_numbers_lock_the_same_way(client: httpx.Client) -> None:
    phone = new_phone()
    answers = [code_of(sign_in(client, phone, "guess")) for _ in range(6)]
    assert answers == [(401, "wrong_credentials")] * 5 + [(429, "locked_out")]


def test_guessing_from_everywhere_ends_and_the_owner_gets_in_by_his_phone(client: httpx.Client) -> None:
    phone = person(client, Role.SHIPPER).phone
    for number in range(limits.LOGIN_PHONE.times):
        answer = sign_in_from(client, f"198.51.100.{number}", phone, "guess")
        assert code_of(answer) == (401, "wrong_credentials")
    assert code_of(sign_in_from(client, "192.0.2.1", phone, PASSWORD)) == (429, "too_many_requests")
    client.post(f"{AUTH}/password/reset/", json={"phone": phone})
    body = {"phone": phone, "code": code_texted_to(phone), "new_password": "a new one of mine"}
    assert client.post(f"{AUTH}/password/reset/confirm/", json=body).status_code == 200
    # And from anywhere again.
    assert sign_in_from(client, "192.0.2.1", phone, "a new one of mine").status_code == 200


def test_where_the_owner_is_signed_in_strangers_shut_him_out_of_nothing(client: httpx.Client) -> None:
    phone = person(client, Role.SHIPPER).phone
    home, elsewhere = "203.0.113.200", "203.0.113.201"
    assert sign_in_from(client, home, phone, PASSWORD).status_code == 200
    for number in range(limits.LOGIN_PHONE.times):
        sign_in_from(client, f"198.51.100.{number}", phone, "guess")
    assert code_of(sign_in_from(client, elsewhere, phone, PASSWORD)) == (429, "too_many_requests")
    assert sign_in_from(client, home, phone, PASSWORD).status_code == 200
    # Guessing from there is locked like anywhere, and gives strangers no try back.
    for _ in range(5):
        sign_in_from(client, home, phone, "guess")
    assert code_of(sign_in_from(client, home, phone, PASSWORD)) == (429, "locked_out")
    assert code_of(sign_in_from(client, elsewhere, phone, PASSWORD)) == (429, "too_many_requests")


def test_right_passwords_are_not_counted(client: httpx.Client) -> None:
    phone = person(client, Role.SHIPPER).phone
    for _ in range(8):
        assert sign_in(client, phone).status_code == 200
    with transaction() as session:
        assert session.scalars(select(Lockout).where(Lockout.phone == phone)).all() == []
        spent = session.get(RateLimit, limits.LOGIN_PHONE.key(phone))
        assert spent is not None
        assert spent.full_at <= clock.now()


def test_tries_at_once_do_not_outrun_the_count(client: httpx.Client) -> None:
    phone = person(client, Role.SHIPPER).phone
    with ThreadPoolExecutor(12) as pool:
        answers = sorted(code_of(a) for a in pool.map(lambda _: sign_in(client, phone, "guess"), range(12)))
    assert answers == [(401, "wrong_credentials")] * 5 + [(429, "locked_out")] * 7


def test_a_try_that_breaks_is_counted(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = person(client, Role.SHIPPER).phone

    def broken(*_: Any) -> bool:
        raise RuntimeError("broken")

    monkeypatch.setattr(passwords, "matches", broken)
    for _ in range(5):
        assert sign_in(client, phone).status_code == 500
    assert code_of(sign_in(client, phone)) == (429, "locked_out")


@pytest.mark.parametrize(
    ("path", "limit", "body"),
    [
        ("register", limits.REGISTER, {}),
        ("login", limits.LOGIN, {}),
        ("otp/verify", limits.VERIFY, {}),
        ("otp/resend", limits.RESEND, {}),
        ("token/refresh", limits.REFRESH, {}),
        ("logout", limits.LOGOUT, {}),
        ("password/reset", limits.RESET, {}),
        ("password/reset/confirm", limits.CONFIRM, {}),
    ],
)
def test_every_door_has_a_limit_by_network(
    client: httpx.Client, standing_clock: datetime, path: str, limit: Limit, body: dict[str, Any]
) -> None:
    network = "203.0.113.77"
    with transaction() as session:
        session.merge(RateLimit(key=limit.key(network), full_at=standing_clock + limit.per))
    answer = client.post(f"{AUTH}/{path}/", json=body, headers={"X-Forwarded-For": network})
    assert code_of(answer) == (429, "too_many_requests")
    assert int(answer.headers["Retry-After"]) >= 1
    other = client.post(f"{AUTH}/{path}/", json=body, headers={"X-Forwarded-For": "203.0.113.78"})
    assert code_of(other) == (422, "invalid_body")


def test_a_client_that_turns_in_circles_is_slowed(client: httpx.Client, standing_clock: datetime) -> None:
    user = person(client, Role.SHIPPER)
    token = sign_in(client, user.phone).json()["refresh"]
    with transaction() as session:
        spent = standing_clock + limits.REFRESH_USER.per
        session.merge(RateLimit(key=limits.REFRESH_USER.key(str(user.id)), full_at=spent))
    answer = client.post(f"{AUTH}/token/refresh/", json={"refresh": token})
    assert code_of(answer) == (429, "too_many_requests")


def test_of_several_limits_all_or_none_is_spent(client: httpx.Client) -> None:
    wide, narrow = Limit("wide", 5, timedelta(hours=1)), Limit("narrow", 1, timedelta(hours=1))
    now = clock.now()
    edge.spend((wide, "x"), (narrow, "x"), now=now)
    for _ in range(9):
        with pytest.raises(service.TooMany):
            edge.spend((wide, "x"), (narrow, "x"), now=now)
    for _ in range(4):
        edge.spend((wide, "x"), now=now)
    with pytest.raises(service.TooMany):
        edge.spend((wide, "x"), now=now)


def test_what_means_nothing_any_more_is_dropped(client: httpx.Client) -> None:
    let_time_pass()
    phone = person(client, Role.SHIPPER).phone
    sign_in(client, phone, "guess")
    with transaction() as session:
        session.add(RateLimit(key="old|x", full_at=clock.now()))
        session.add(
            Lockout(
                kind="login", phone=new_phone(), network="x", failures=9,
                failed_at=clock.now() - service.LOCK.forget,
            )
        )  # fmt: skip
    assert drop_old() >= 2
    with transaction() as session:
        assert session.get(RateLimit, "old|x") is None
        assert session.scalars(select(Lockout).where(Lockout.phone == phone)).one().failures == 1


def test_without_redis_the_door_is_neither_open_nor_shut(database_url: str, client: httpx.Client) -> None:
    phone = person(client, Role.SHIPPER).phone
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        environment = dict(os.environ)
        with api_on(database_url, f"redis://127.0.0.1:{port}/0") as lame:
            assert sign_in(lame, phone).status_code == 200
            assert register(lame)["registration_id"]
            answers = [code_of(sign_in(lame, phone, "guess")) for _ in range(6)]
        os.environ.update(environment)
        get_settings.cache_clear()
    assert answers == [(401, "wrong_credentials")] * 5 + [(429, "locked_out")]


@contextmanager
def process(port: int) -> Iterator[httpx.Client]:
    """A real API process of its own."""
    settings = get_settings().model_copy(update={"api_port": port})
    command = api_command(settings)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            wait_until(lambda: _answers(client), deadline_s=60, what="the API process")
            yield client
    finally:
        running.terminate()
        running.wait(20)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/health/").status_code == 200
    except httpx.HTTPError:
        time.sleep(0.1)
        return False


def test_two_processes_count_together_and_a_restart_forgets_nothing(
    database_url: str, redis_url: str, client: httpx.Client, settings_for: Callable[..., Any]
) -> None:
    phone = person(client, Role.SHIPPER).phone
    settings_for(database_url=database_url, redis_url=redis_url)
    first_port, second_port = free_port(), free_port()
    with process(first_port) as first, process(second_port) as second:
        answers = [code_of(sign_in(each, phone, "guess")) for each in (first, second, first, second, first)]
        assert answers == [(401, "wrong_credentials")] * 5
        assert code_of(sign_in(second, phone)) == code_of(sign_in(first, phone)) == (429, "locked_out")
        pending = register(first)
        body = {"phone": pending["phone"]}
        assert code_of(second.post(f"{AUTH}/password/reset/", json=body)) == (429, "too_many_requests")
        # Signed out at the one, out at the other.
        user = person(client, Role.SHIPPER)
        token = sign_in(first, user.phone).json()
        second.post(f"{AUTH}/logout/", json={"refresh": token["refresh"]})
        me = first.get(f"{AUTH}/me/", headers={"Authorization": f"Bearer {token['access']}"})
        assert code_of(me) == (401, "token_revoked")
    with process(first_port) as again:
        assert code_of(sign_in(again, phone)) == (429, "locked_out")
