"""Passwords: hashed with Argon2id, forgotten and set anew with a code, changed by who knows the old one."""

from datetime import datetime
from functools import lru_cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from platform_api.accounts import limits, otp, otp_rules, repository, rules, sessions
from platform_api.accounts.models import User
from platform_api.accounts.otp_rules import CODE_LIFE, Purpose
from platform_api.accounts.sessions import Origin, SignedIn
from platform_api.errors import Forbidden, PlatformError
from platform_api.languages import Language
from platform_api.sms import service as sms
from platform_api.throttle import service as throttle

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """Costs tens of milliseconds. Raises Invalid `invalid_password`."""
    rules.check_password(password)
    return _hasher.hash(password)


@lru_cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this password")


def matches(stored: str | None, password: str) -> bool:
    """`stored` None: nobody. Costs one verification as well, so that time does not tell who is registered."""
    try:
        return _hasher.verify(stored or _nobodys_hash(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def proves(session: Session, user: User | None, password: str) -> bool:
    """Whether it is his password; if so the account is held, and nobody sets another before the commit.

    Checking takes tens of milliseconds: in that time its owner may have set a new one to shut a thief out.
    For nobody as `matches`.
    """
    checked = None if user is None else user.password_hash
    if not matches(checked, password) or user is None:
        return False
    session.refresh(user, with_for_update={"key_share": True})
    return user.password_hash == checked or matches(user.password_hash, password)


def renew_hash(user: User, password: str) -> None:
    """After the parameters of the hash were raised; `password` is the right one, and the account is held."""
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)


def ask_reset(session: Session, phone: str, *, language: Language, now: datetime) -> datetime:
    """Text a code to the owner of an account; for any other number do all but text. When the code expires.

    `phone` is E.164.
    """
    code = otp.new_code(session, phone, Purpose.RESET, now=now)
    expires_at = now + CODE_LIFE
    user = repository.find_by_phone(session, phone)
    if user is not None and not user.disabled:
        text = otp_rules.code_text(Purpose.RESET, language, code)
        sms.queue(session, to=phone, text=text, purpose="reset_code", now=now, expires_at=expires_at)
    return expires_at


def reset(
    session: Session, *, phone: str, code: str, password_hash: str, origin: Origin, now: datetime
) -> SignedIn | PlatformError:
    """Set a new password with the code that was texted, sign out everywhere else, and sign in.

    A refusal is returned, not raised, so that the try counts. Whoever has the phone is let in whatever
    strangers did to the account: all locks of it are opened.
    """
    refusal = otp.spend(session, phone, Purpose.RESET, code, now=now)
    if refusal is not None:
        return refusal
    user = repository.find_by_phone(session, phone, lock=True)
    if user is None:
        # Nobody was texted this code: it was guessed, or the account is gone.
        return otp_rules.no_code()
    rules.check_enabled(disabled=user.disabled)
    user.password_hash = password_hash
    repository.revoke_sign_ins(session, user.id, now, "password")
    throttle.unlock(session, phone)
    throttle.refill(session, limits.LOGIN_PHONE, phone)
    return sessions.start(session, user, origin, now=now)


def change(
    session: Session,
    user: User,
    *,
    current: str,
    password_hash: str,
    keep: UUID | None,
    network: str,
    language: Language,
    now: datetime,
) -> None:
    """Sign out everywhere but in `keep`, and tell the owner by text. Raises Forbidden `wrong_password`."""
    if not proves(session, user, current):
        raise Forbidden("wrong_password", "This is not your password.")
    user.password_hash = password_hash
    repository.revoke_sign_ins(session, user.id, now, "password", keep=keep)
    throttle.forgive(session, "password", user.phone, network)
    text = otp_rules.password_changed_text(language)
    sms.queue(session, to=user.phone, text=text, purpose="password_changed", now=now)
