"""A forgotten password, and a new one - over HTTP on a real database."""

import httpx
import pytest
from sqlalchemy import select, update

from config import clock
from config.database import transaction
from platform_api.accounts import passwords, sessions
from platform_api.accounts.models import OneTimeCode, User
from platform_api.actor import Role
from platform_api.sms.models import SmsMessage
from tests.integration.accounts.people import AUTH, bearer, let_time_pass, register, sign_in, wrong
from tests.support.api import PASSWORD, Person, code_of, code_texted_to, last_text, new_phone, person

NEW = "a new password of mine"


def ask(client: httpx.Client, phone: str) -> httpx.Response:
    return client.post(f"{AUTH}/password/reset/", json={"phone": phone})


def confirm(
    client: httpx.Client, phone: str, code: str, password: str = NEW, network: str = "127.0.0.1"
) -> httpx.Response:
    body = {"phone": phone, "code": code, "new_password": password}
    headers = {"X-Forwarded-For": network}
    return client.post(f"{AUTH}/password/reset/confirm/", json=body, headers=headers)


def change(user: Person, current: str, new: str = NEW) -> httpx.Response:
    return user.post(f"{AUTH}/password/change/", {"current_password": current, "new_password": new})


def texts_to(phone: str) -> int:
    with transaction() as session:
        return len(session.scalars(select(SmsMessage).where(SmsMessage.phone == phone)).all())


def test_a_reset_signs_out_everywhere_and_in_here(client: httpx.Client) -> None:
    user = person(client, Role.CARRIER)
    old = sign_in(client, user.phone).json()
    assert ask(client, user.phone).status_code == 202
    answer = confirm(client, user.phone, code_texted_to(user.phone))
    assert answer.status_code == 200
    assert client.get(f"{AUTH}/me/", headers=bearer(answer.json()["access"])).status_code == 200
    assert code_of(client.get(f"{AUTH}/me/", headers=bearer(old["access"]))) == (401, "token_revoked")
    refreshed = client.post(f"{AUTH}/token/refresh/", json={"refresh": old["refresh"]})
    assert code_of(refreshed) == (401, "token_revoked")
    assert code_of(sign_in(client, user.phone)) == (401, "wrong_credentials")
    assert sign_in(client, user.phone, NEW).status_code == 200


def test_a_reset_code_is_spent_once_and_for_that_alone(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    ask(client, user.phone)
    code = code_texted_to(user.phone)
    assert confirm(client, user.phone, code).status_code == 200
    assert code_of(confirm(client, user.phone, code)) == (409, "code_expired")
    pending = register(client)
    # The code of a registration resets nothing.
    assert code_of(confirm(client, pending["phone"], code_texted_to(pending["phone"]))) == (
        409,
        "code_expired",
    )


def test_nothing_tells_whether_a_number_has_an_account(client: httpx.Client) -> None:
    known, unknown = person(client, Role.SHIPPER).phone, new_phone()
    stories = []
    for phone in (known, unknown):
        answer = ask(client, phone)
        story = [(answer.status_code, sorted(answer.json()), answer.json()["resend_after_s"])]
        story += [code_of(confirm(client, phone, "000000" if i else "999999")) for i in range(7)]
        story += [code_of(ask(client, phone))]
        let_time_pass()
        for i in range(8):
            story += [code_of(confirm(client, phone, "111111", network=f"198.51.100.{i}"))]
        stories.append(story)
    assert stories[0] == stories[1]
    assert (texts_to(known), texts_to(unknown)) == (1, 0)


def test_who_is_disabled_gets_no_code(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    with transaction() as session:
        session.execute(update(User).where(User.id == user.id).values(disabled=True))
    assert ask(client, user.phone).status_code == 202
    assert texts_to(user.phone) == 0


def test_strangers_guess_little_and_stop_nobody(client: httpx.Client) -> None:
    """Wrong codes lock the network they come from; the owner's own tries are not touched."""
    user = person(client, Role.SHIPPER)
    ask(client, user.phone)
    code = code_texted_to(user.phone)
    for _ in range(5):
        assert code_of(confirm(client, user.phone, wrong(code), network="203.0.113.9")) == (403, "code_wrong")
    locked = confirm(client, user.phone, code, network="203.0.113.9")
    assert code_of(locked) == (429, "locked_out")
    assert int(locked.headers["Retry-After"]) <= 30
    assert confirm(client, user.phone, code, network="203.0.113.10").status_code == 200


def test_guessing_from_many_networks_uses_the_code_up(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    ask(client, user.phone)
    code = code_texted_to(user.phone)
    for number in range(10):
        answer = confirm(client, user.phone, wrong(code), network=f"203.0.113.{number}")
        assert code_of(answer) == (403, "code_wrong")
    assert code_of(confirm(client, user.phone, code, network="192.0.2.1")) == (409, "code_used_up")


def test_a_code_expires(client: httpx.Client) -> None:
    user = person(client, Role.SHIPPER)
    ask(client, user.phone)
    with transaction() as session:
        of_user = update(OneTimeCode).where(OneTimeCode.phone == user.phone)
        session.execute(of_user.values(expires_at=clock.now()))
    assert code_of(confirm(client, user.phone, code_texted_to(user.phone))) == (409, "code_expired")


def test_changing_ends_every_other_session_and_tells_the_owner(client: httpx.Client) -> None:
    user = person(client, Role.DRIVER)
    elsewhere = sign_in(client, user.phone).json()["access"]
    assert change(user, PASSWORD).status_code == 204
    assert user.get(f"{AUTH}/me/").status_code == 200
    assert code_of(client.get(f"{AUTH}/me/", headers=bearer(elsewhere))) == (401, "token_revoked")
    assert "mot de passe a été changé" in last_text(user.phone)
    assert sign_in(client, user.phone, NEW).status_code == 200


def test_who_does_not_know_the_old_one_changes_nothing_and_guesses_little(client: httpx.Client) -> None:
    user = person(client, Role.DRIVER)
    for _ in range(5):
        assert code_of(change(user, "not mine")) == (403, "wrong_password")
    assert code_of(change(user, PASSWORD)) == (429, "locked_out")
    # Signing in is another door.
    assert sign_in(client, user.phone).status_code == 200
    assert texts_to(user.phone) == 0


@pytest.mark.parametrize("password", ["short", "x" * 129])
def test_a_bad_new_password(client: httpx.Client, password: str) -> None:
    user = person(client, Role.SHIPPER)
    assert code_of(change(user, PASSWORD, password)) == (422, "invalid_body")
    assert code_of(confirm(client, user.phone, "123456", password)) == (422, "invalid_body")


@pytest.mark.parametrize("edge", ["login", "change"])
def test_a_password_that_was_replaced_while_it_was_checked_opens_nothing(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, edge: str
) -> None:
    """A thief signs in with the old one in the very moment in which its owner resets it."""
    user = person(client, Role.SHIPPER)
    ask(client, user.phone)
    code, matches = code_texted_to(user.phone), passwords.matches

    def slow(stored: str | None, password: str) -> bool:
        right = matches(stored, password)
        monkeypatch.setattr(passwords, "matches", matches)
        assert confirm(client, user.phone, code, network="203.0.113.77").status_code == 200
        return right

    again = sign_in(client, user.phone).json()["access"]
    monkeypatch.setattr(passwords, "matches", slow)
    if edge == "login":
        assert code_of(sign_in(client, user.phone)) == (401, "wrong_credentials")
    else:
        body = {"current_password": PASSWORD, "new_password": "what the thief likes"}
        answer = client.post(f"{AUTH}/password/change/", json=body, headers=bearer(again))
        assert code_of(answer) == (403, "wrong_password")
    with transaction() as session:
        assert len(sessions.live(session, user.id, now=clock.now())) == 1
    assert sign_in(client, user.phone, NEW).status_code == 200
