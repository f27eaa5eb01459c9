"""Two at once: exactly one wins. A hundred rounds each, on a real database."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import clock
from config.database import transaction
from platform_api.accounts import otp, passwords, registering, repository, sessions
from platform_api.accounts.models import OneTimeCode, Registration, SignInSession, User
from platform_api.accounts.otp_rules import Purpose
from platform_api.accounts.sessions import Origin, SignedIn
from platform_api.actor import Role
from platform_api.errors import PlatformError
from platform_api.languages import Language
from tests.integration.accounts.people import wrong
from tests.support.api import code_texted_to, new_phone
from tests.support.races import race

ROUNDS = 100
HERE = Origin()


@pytest.fixture(autouse=True)
def _settings(database_url: str, redis_url: str, settings_for: Callable[..., Any]) -> None:
    settings_for(database_url=database_url, redis_url=redis_url)


def or_raise(outcome: SignedIn | PlatformError | None) -> None:
    if isinstance(outcome, PlatformError):
        raise outcome


def register(session: Session, phone: str, now: datetime) -> UUID:
    return registering.register(
        session,
        phone=phone,
        name="Awa",
        role=Role.SHIPPER,
        password_hash="!",
        language=Language.FRENCH,
        now=now,
    ).id


def pending(phone: str) -> UUID:
    with transaction() as session:
        return register(session, phone, clock.now())


def a_user() -> UUID:
    with transaction() as session:
        user = User(phone=new_phone(), name="Awa", role="shipper", password_hash="!")
        session.add(user)
        session.flush()
        return user.id


def signed_in(user_id: UUID) -> SignedIn:
    with transaction() as session:
        user = repository.find_user(session, user_id)
        assert user is not None
        return sessions.start(session, user, HERE, now=clock.now())


def count(kind: type, phone: str) -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).select_from(kind).where(kind.phone == phone)) or 0


def test_the_same_code_twice_makes_one_account() -> None:
    for _ in range(ROUNDS):
        phone = new_phone()
        registration_id = pending(phone)
        code = code_texted_to(phone)

        def verify(session: Session, now: datetime, of: UUID = registration_id, code: str = code) -> None:
            or_raise(registering.verify(session, of, code=code, origin=HERE, now=now))

        assert sorted(race(verify, verify)) == ["ok", "registration_not_found"]
        assert count(User, phone) == 1


def test_two_registrations_leave_one() -> None:
    for _ in range(ROUNDS):
        phone = new_phone()
        ids: list[UUID] = []

        def again(session: Session, now: datetime, phone: str = phone, ids: list[UUID] = ids) -> None:
            ids.append(register(session, phone, now))

        assert race(again, again) == ["ok", "ok"]
        assert (count(Registration, phone), count(OneTimeCode, phone)) == (1, 1)
        with transaction() as session:
            left = session.scalars(select(Registration.id).where(Registration.phone == phone)).one()
            code = code_texted_to(phone)
            outcome = registering.verify(session, left, code=code, origin=HERE, now=clock.now())
        assert left in ids
        assert isinstance(outcome, SignedIn)


def test_a_registration_against_a_verification() -> None:
    """Either the account is there first, or the registration that is verified is gone."""
    for _ in range(ROUNDS):
        phone = new_phone()
        registration_id = pending(phone)
        code = code_texted_to(phone)

        def verify(session: Session, now: datetime, of: UUID = registration_id, code: str = code) -> None:
            or_raise(registering.verify(session, of, code=code, origin=HERE, now=now))

        def again(session: Session, now: datetime, phone: str = phone) -> None:
            register(session, phone, now)

        verified, registered = race(verify, again)
        assert registered == "ok"
        assert verified in {"ok", "registration_not_found", "code_wrong"}
        assert count(User, phone) == (verified == "ok")


def test_wrong_codes_at_once_are_all_counted() -> None:
    for _ in range(ROUNDS // 5):
        phone = new_phone()
        pending(phone)
        bad = wrong(code_texted_to(phone))
        answers: list[str] = []

        def guess(
            session: Session, now: datetime, phone: str = phone, bad: str = bad, to: list[str] = answers
        ) -> None:
            refusal = otp.spend(session, phone, Purpose.REGISTER, bad, now=now)
            assert refusal is not None
            to.append(refusal.code)

        assert race(*[guess] * 8) == ["ok"] * 8
        assert sorted(answers) == ["code_used_up"] * 3 + ["code_wrong"] * 5


def test_the_same_reset_twice_sets_one_password() -> None:
    user_id = a_user()
    with transaction() as session:
        phone = session.get_one(User, user_id).phone
    for _ in range(ROUNDS):
        with transaction() as session:
            passwords.ask_reset(session, phone, language=Language.FRENCH, now=clock.now())
        code = code_texted_to(phone)

        def reset(session: Session, now: datetime, code: str = code) -> None:
            outcome = passwords.reset(
                session, phone=phone, code=code, password_hash="!", origin=HERE, now=now
            )
            or_raise(outcome)

        assert sorted(race(reset, reset)) == ["code_expired", "ok"]
    with transaction() as session:
        live = repository.live_sign_ins(session, user_id, clock.now())
    assert len(live) == 1


def test_a_refresh_token_is_spent_once() -> None:
    user_id = a_user()
    for _ in range(ROUNDS):
        token = signed_in(user_id).refresh

        def refresh(session: Session, now: datetime, token: str = token) -> None:
            or_raise(sessions.refresh(session, token=token, origin=HERE, now=now))

        assert sorted(race(refresh, refresh)) == ["ok", "token_reused"]


def test_a_refresh_against_signing_out_leaves_nobody_signed_in() -> None:
    user_id = a_user()
    for number in range(ROUNDS):
        token = signed_in(user_id).refresh

        def refresh(session: Session, now: datetime, token: str = token) -> None:
            or_raise(sessions.refresh(session, token=token, origin=HERE, now=now))

        def logout(session: Session, now: datetime, token: str = token) -> None:
            sessions.logout(session, token=token, now=now)

        def everywhere(session: Session, now: datetime) -> None:
            sessions.revoke_all(session, user_id, keep=None, now=now)

        refreshed, out = race(refresh, logout if number % 2 else everywhere)
        assert out == "ok"
        assert refreshed in {"ok", "token_revoked"}
        with transaction() as session:
            live = select(SignInSession).where(
                SignInSession.user_id == user_id, SignInSession.revoked_at.is_(None)
            )
            assert session.scalars(live).all() == []


def test_signing_in_at_once_beyond_the_most() -> None:
    user_id = a_user()
    for _ in range(sessions.MOST):
        signed_in(user_id)

    def start(session: Session, now: datetime) -> None:
        user = repository.find_user(session, user_id)
        assert user is not None
        sessions.start(session, user, HERE, now=now)

    for _ in range(ROUNDS // 5):
        assert race(*[start] * 4) == ["ok"] * 4
    with transaction() as session:
        assert len(repository.live_sign_ins(session, user_id, clock.now())) <= sessions.MOST + 4
