"""Registering: the code, who may spend it, and what nobody learns - over HTTP on a real database."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, update

from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api.accounts.models import OneTimeCode, Registration, User
from platform_api.accounts.otp_rules import Purpose, hash_code
from platform_api.accounts.tasks import drop_expired
from platform_api.actor import Role
from platform_api.sms.models import SmsMessage
from tests.integration.accounts.people import (
    AUTH,
    let_time_pass,
    register,
    registration,
    sign_in,
    sign_up,
    verify,
    wrong,
)
from tests.support.api import PASSWORD, code_of, code_texted_to, last_text, new_phone, person
from tests.support.figures import figures


def resend(client: httpx.Client, pending: dict[str, Any]) -> httpx.Response:
    return client.post(f"{AUTH}/otp/resend/", json={"registration_id": pending["registration_id"]})


def expire_code(phone: str) -> None:
    with transaction() as session:
        session.execute(update(OneTimeCode).where(OneTimeCode.phone == phone).values(expires_at=clock.now()))


def users_with(phone: str) -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).select_from(User).where(User.phone == phone)) or 0


def test_there_is_no_user_before_the_code(client: httpx.Client) -> None:
    pending = register(client)
    assert users_with(pending["phone"]) == 0
    signed_in = verify(client, pending).json()
    assert users_with(pending["phone"]) == 1
    me = client.get(f"{AUTH}/me/", headers={"Authorization": f"Bearer {signed_in['access']}"})
    assert me.json()["phone"] == pending["phone"]


def test_the_code_is_in_the_text_alone_and_stored_hashed(client: httpx.Client) -> None:
    answer = client.post(f"{AUTH}/register/", json=registration())
    phone = answer.json()["phone"]
    code = code_texted_to(phone)
    assert code not in figures(answer.text)
    with transaction() as session:
        row = session.get_one(OneTimeCode, (phone, "register"))
        stored = {str(getattr(row, column.name)) for column in OneTimeCode.__table__.columns}
    secret = get_settings().jwt_secret.get_secret_value()
    assert row.code_hmac == hash_code(secret, Purpose.REGISTER, phone, code)
    assert all(code not in value or value == phone for value in stored)


def test_the_text_is_french_unless_somebody_asks_for_english(client: httpx.Client) -> None:
    assert "ouvrir votre compte" in last_text(register(client)["phone"])
    body = registration()
    client.post(f"{AUTH}/register/", json=body, headers={"Accept-Language": "en"})
    assert "open your account" in last_text(body["phone"])


def test_a_code_that_is_stale_is_not_texted(client: httpx.Client) -> None:
    pending = register(client)
    with transaction() as session:
        row = session.scalars(select(SmsMessage).where(SmsMessage.phone == pending["phone"])).one()
    assert row.expires_at - row.created_at == timedelta(minutes=10)


def test_wrong_codes_use_it_up_and_a_new_one_helps(client: httpx.Client) -> None:
    pending = register(client)
    code = code_texted_to(pending["phone"])
    for _ in range(5):
        assert code_of(verify(client, pending, wrong(code))) == (403, "code_wrong")
    assert code_of(verify(client, pending, code)) == (409, "code_used_up")
    let_time_pass()
    assert resend(client, pending).status_code == 200
    new = code_texted_to(pending["phone"])
    if new != code:
        assert code_of(verify(client, pending, code)) == (403, "code_wrong")
    assert verify(client, pending, new).status_code == 200


def test_a_code_expires(client: httpx.Client) -> None:
    pending = register(client)
    expire_code(pending["phone"])
    assert code_of(verify(client, pending)) == (409, "code_expired")
    drop_expired()
    assert code_of(verify(client, pending)) == (409, "code_expired")


def test_a_code_is_spent_once(client: httpx.Client) -> None:
    pending = register(client)
    assert verify(client, pending).status_code == 200
    assert code_of(verify(client, pending)) == (404, "registration_not_found")
    assert users_with(pending["phone"]) == 1


def test_who_is_not_verified_is_told_when_he_knows_his_password(client: httpx.Client) -> None:
    pending = register(client)
    assert code_of(sign_in(client, pending["phone"])) == (403, "phone_not_verified")
    assert code_of(sign_in(client, pending["phone"], "another one")) == (401, "wrong_credentials")
    verify(client, pending)
    assert sign_in(client, pending["phone"]).status_code == 200


def test_a_registration_forgives_no_guesses_at_an_account(client: httpx.Client) -> None:
    victim = person(client, Role.SHIPPER).phone
    register(client, phone=victim, password="the stranger's")
    answers = [code_of(sign_in(client, victim, word)) for word in ("guess", "the stranger's") * 3]
    assert answers == [(401, "wrong_credentials"), (403, "phone_not_verified")] * 2 + [
        (401, "wrong_credentials"),
        (429, "locked_out"),
    ]


def test_nobody_squats_a_number(client: httpx.Client) -> None:
    """A stranger registers somebody's number, before and after him; no code opens the stranger's registration."""
    phone = new_phone()
    squatter = register(client, phone=phone, password="the stranger's")
    let_time_pass()
    owner = register(client, phone=phone)
    assert code_of(verify(client, squatter)) == (404, "registration_not_found")
    let_time_pass()
    again = register(client, phone=phone, password="the stranger's")
    # The code in the newest text belongs to the stranger's registration; the owner's app has its own id.
    assert code_of(verify(client, owner)) == (404, "registration_not_found")
    assert again["registration_id"] != owner["registration_id"]
    let_time_pass()
    mine = register(client, phone=phone)
    assert verify(client, mine).json()["user"]["phone"] == phone
    assert sign_in(client, phone).status_code == 200
    assert code_of(sign_in(client, phone, "the stranger's")) == (401, "wrong_credentials")


def test_a_registration_is_forgotten(client: httpx.Client) -> None:
    pending = register(client)
    with transaction() as session:
        session.execute(
            update(Registration).where(Registration.phone == pending["phone"]).values(expires_at=clock.now())
        )
    assert code_of(verify(client, pending)) == (404, "registration_not_found")
    assert code_of(resend(client, pending)) == (404, "registration_not_found")
    drop_expired()
    with transaction() as session:
        gone = select(Registration).where(Registration.phone == pending["phone"])
        assert session.scalar(gone) is None


def test_nothing_tells_whether_a_number_has_an_account(client: httpx.Client) -> None:
    """Answers to a registration of a taken number are those of a free one, to the last wrong code."""
    taken = person(client, Role.SHIPPER).phone
    answers = []
    for phone in (taken, new_phone()):
        answer = client.post(f"{AUTH}/register/", json=registration(phone=phone, password="somebody's"))
        pending = answer.json()
        story = [(answer.status_code, sorted(pending), pending["resend_after_s"])]
        story += [code_of(sign_in(client, phone, word)) for word in ("somebody's", "nobody's")]
        story += [code_of(verify(client, pending, "000000" if i else "999999")) for i in range(6)]
        too_soon = resend(client, pending)
        story += [(code_of(too_soon), "Retry-After" in too_soon.headers)]
        story += [code_of(client.post(f"{AUTH}/register/", json=registration(phone=phone)))]
        let_time_pass()
        story += [resend(client, pending).status_code]
        answers.append(story)
    assert answers[0] == answers[1]
    # Its owner is told, and nothing of his changes.
    assert "a déjà un compte" in last_text(taken)
    assert sign_in(client, taken).status_code == 200


def test_codes_to_one_number_are_few(client: httpx.Client) -> None:
    body = registration()
    assert client.post(f"{AUTH}/register/", json=body).status_code == 201
    soon = client.post(f"{AUTH}/register/", json=body)
    assert code_of(soon) == (429, "too_many_requests")
    assert 0 < int(soon.headers["Retry-After"]) <= 60
    reset = client.post(f"{AUTH}/password/reset/", json={"phone": body["phone"]})
    assert code_of(reset) == (429, "too_many_requests")
    # Another number is not concerned.
    register(client)


def test_a_number_that_got_an_account_meanwhile(client: httpx.Client) -> None:
    pending = register(client)
    code = code_texted_to(pending["phone"])
    with transaction() as session:
        session.add(User(phone=pending["phone"], name="Root", role="administrator", password_hash="!"))
    assert code_of(verify(client, pending, code)) == (409, "phone_taken")


def test_what_is_no_registration(client: httpx.Client) -> None:
    nothing = {"registration_id": str(uuid4())}
    assert code_of(resend(client, nothing)) == (404, "registration_not_found")
    assert code_of(verify(client, nothing, "123456")) == (404, "registration_not_found")
    assert code_of(verify(client, {"registration_id": "x"}, "123456")) == (422, "invalid_body")


@pytest.mark.parametrize("typed", ["12", "abcdef", "١٢٣٤٥٦"])
def test_what_is_no_code(client: httpx.Client, typed: str) -> None:
    assert code_of(verify(client, register(client), typed)) == (403, "code_wrong")


def test_the_password_of_the_registration_is_the_accounts(client: httpx.Client) -> None:
    phone = sign_up(client)["user"]["phone"]
    assert sign_in(client, phone, PASSWORD).status_code == 200
