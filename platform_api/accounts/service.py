"""Register, sign in, stay signed in, sign out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from config.logging import get_logger
from config.settings import get_settings
from platform_api.accounts import repository, rules, tokens
from platform_api.accounts.models import RefreshToken, User
from platform_api.actor import Actor, MemberRole, Role
from platform_api.errors import Unauthorised

log = get_logger(__name__)

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: User
    access: str
    refresh: str


def register(session: Session, *, phone: str, name: str, role: Role, password: str) -> User:
    """A taken phone number ends in the unique constraint: Conflict `phone_taken`."""
    rules.check_registrable(role)
    return _create_user(session, phone=phone, name=name, role=role, password=password, is_superuser=False)


def create_superuser(session: Session, *, phone: str, name: str, password: str) -> User:
    """An administrator who may do everything; for the command line."""
    return _create_user(
        session, phone=phone, name=name, role=Role.ADMINISTRATOR, password=password, is_superuser=True
    )


def _create_user(
    session: Session, *, phone: str, name: str, role: Role, password: str, is_superuser: bool
) -> User:
    rules.check_password(password)
    user = User(
        phone=rules.normalise_phone(phone),
        name=name,
        role=role.value,
        password_hash=_hasher.hash(password),
        is_superuser=is_superuser,
    )
    session.add(user)
    session.flush()  # the answer shows the id and time that the database gives
    return user


def login(session: Session, *, phone: str, password: str, now: datetime) -> SignedIn:
    """Raises Unauthorised `wrong_credentials`, the same for an unknown phone and a wrong password."""
    user = repository.find_by_phone(session, rules.normalise_phone(phone))
    if not _password_matches(user, password) or user is None:
        raise Unauthorised("wrong_credentials", "Phone number or password is wrong.")
    rules.check_enabled(disabled=user.disabled)
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)
    return _issue(session, user, family=uuid4(), now=now)


@lru_cache
def _unknown_user_hash() -> str:
    return _hasher.hash("nobody has this password")


def _password_matches(user: User | None, password: str) -> bool:
    # An unknown phone costs one verification as well, so that time does not tell who is registered.
    stored = _unknown_user_hash() if user is None else user.password_hash
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _issue(session: Session, user: User, *, family: UUID, now: datetime) -> SignedIn:
    settings = get_settings()
    secret = settings.jwt_secret.get_secret_value()
    expires_at = (now + timedelta(days=settings.refresh_token_days)).replace(microsecond=0)
    claims = tokens.RefreshClaims(token_id=uuid4(), user_id=user.id, expires_at=expires_at)
    session.add(RefreshToken(id=claims.token_id, user_id=user.id, family=family, expires_at=expires_at))
    return SignedIn(
        user=user,
        access=tokens.encode_access(
            user.id, user.role, now=now, minutes=settings.access_token_minutes, secret=secret
        ),
        refresh=tokens.encode_refresh(claims, now=now, secret=secret),
    )


def refresh(session: Session, *, token: str, now: datetime) -> SignedIn | Unauthorised:
    """Spend a refresh token for a new pair. A token spent before revokes its whole family.

    The refusal is returned, not raised: raising would roll the revocation back.
    """
    claims = tokens.decode_refresh(token, now=now, secret=get_settings().jwt_secret.get_secret_value())
    row = repository.lock_refresh_token(session, claims.token_id)
    if row is None:
        return Unauthorised("invalid_token", "This token is not valid.")
    verdict = rules.judge_refresh(
        used_at=row.used_at, revoked_at=row.revoked_at, expires_at=row.expires_at, now=now
    )
    if verdict is rules.RefreshVerdict.REUSED:
        log.warning("refresh token reused, family revoked", user_id=str(row.user_id), family=str(row.family))
        repository.revoke_family(session, row.family, now)
        return Unauthorised("token_reused", "This token was used before. Sign in again.")
    if verdict is rules.RefreshVerdict.REFUSED:
        return Unauthorised("token_revoked", "This token was revoked. Sign in again.")
    row.used_at = now
    user = repository.find_user(session, row.user_id)
    if user is None or user.disabled:
        return Unauthorised("account_disabled", "This account is disabled.")
    return _issue(session, user, family=row.family, now=now)


def logout(session: Session, *, token: str, now: datetime) -> None:
    """Revoke the login that this refresh token belongs to; again is harmless."""
    claims = tokens.decode_refresh(token, now=now, secret=get_settings().jwt_secret.get_secret_value())
    row = repository.lock_refresh_token(session, claims.token_id)
    if row is not None:
        repository.revoke_family(session, row.family, now)


def authenticate(session: Session, access_token: str, *, now: datetime) -> Actor:
    """Who holds this access token and for whom he acts, as the tables say now: disabling and removing work at once.

    Raises Unauthorised `invalid_token`, `token_expired` or `account_disabled`.
    """
    user_id = tokens.decode_access(access_token, now=now, secret=get_settings().jwt_secret.get_secret_value())
    return actor_of_user(session, user_id)


def actor_of_user(session: Session, user_id: UUID) -> Actor:
    """Raises Unauthorised `invalid_token` for nobody, `account_disabled`."""
    signed = repository.find_signed(session, user_id)
    if signed is None:
        raise Unauthorised("invalid_token", "This token is not valid.")
    user = signed.user
    # A business that is shut out is shut out with everybody who acts for it.
    rules.check_enabled(disabled=user.disabled or bool(signed.owner_disabled))
    return rules.actor_of(
        user_id=user.id,
        role=Role(user.role),
        is_superuser=user.is_superuser,
        carrier_id=user.carrier_id,
        acts_for=signed.owner_id,
        member_role=MemberRole(signed.member_role or MemberRole.OWNER),
    )


def drop_spent_tokens(session: Session, *, now: datetime) -> int:
    """Rows deleted."""
    return repository.drop_expired_tokens(session, now)
