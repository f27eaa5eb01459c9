"""Sign-ins by device: start one, keep it alive with rotating refresh tokens, end one or all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from config.logging import get_logger
from config.settings import get_settings
from platform_api.accounts import repository, rules, tokens
from platform_api.accounts.models import RefreshToken, SignInSession, User
from platform_api.errors import NotFound, Unauthorised

log = get_logger(__name__)

# At once, of one person; the next one ends the one not seen for longest.
MOST = 30
MAX_USER_AGENT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """From where somebody signs in, as he says himself: `device_name` is his word, `user_agent` his program's."""

    device_name: str = ""
    user_agent: str = ""
    ip: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    user: User
    access: str
    refresh: str


def start(session: Session, user: User, origin: Origin, *, now: datetime) -> SignedIn:
    row = SignInSession(
        id=uuid4(),
        user_id=user.id,
        device_name=origin.device_name,
        user_agent=origin.user_agent[:MAX_USER_AGENT_CHARS],
        ip=origin.ip,
        created_at=now,
        last_seen_at=now,
        expires_at=now,
    )
    session.add(row)
    signed_in = _issue(session, user, row, now=now)
    repository.revoke_beyond(session, user.id, now, "too_many", most=MOST)
    return signed_in


def _issue(session: Session, user: User, row: SignInSession, *, now: datetime) -> SignedIn:
    settings = get_settings()
    secret = settings.jwt_secret.get_secret_value()
    expires_at = (now + timedelta(days=settings.refresh_token_days)).replace(microsecond=0)
    claims = tokens.RefreshClaims(token_id=uuid4(), user_id=user.id, expires_at=expires_at)
    row.last_seen_at, row.expires_at = now, expires_at
    session.flush()
    session.add(RefreshToken(id=claims.token_id, user_id=user.id, family=row.id, expires_at=expires_at))
    session.flush()
    minutes = settings.access_token_minutes
    return SignedIn(
        user=user,
        access=tokens.encode_access(user.id, user.role, row.id, now=now, minutes=minutes, secret=secret),
        refresh=tokens.encode_refresh(claims, now=now, secret=secret),
    )


def decode_refresh(token: str, *, now: datetime) -> tokens.RefreshClaims:
    """Raises Unauthorised `token_expired` or `invalid_token`."""
    return tokens.decode_refresh(token, now=now, secret=get_settings().jwt_secret.get_secret_value())


def refresh(session: Session, *, token: str, origin: Origin, now: datetime) -> SignedIn | Unauthorised:
    """Spend a refresh token for a new pair. A token spent before ends its sign-in.

    The refusal is returned, not raised: raising would roll the end back.
    """
    claims = decode_refresh(token, now=now)
    found = _lock(session, claims.token_id)
    if found is None:
        return Unauthorised("invalid_token", "This token is not valid.")
    spent, row = found
    verdict = rules.judge_refresh(
        used_at=spent.used_at, revoked_at=row.revoked_at, expires_at=spent.expires_at, now=now
    )
    if verdict is rules.RefreshVerdict.REUSED:
        log.warning("refresh token reused, session revoked", user_id=str(row.user_id), session=str(row.id))
        row.revoked_at, row.revoked_why = now, "token_reused"
        return Unauthorised("token_reused", "This token was used before. Sign in again.")
    if verdict is rules.RefreshVerdict.REFUSED:
        return Unauthorised("token_revoked", "This token was revoked. Sign in again.")
    spent.used_at = now
    user = repository.find_user(session, row.user_id)
    if user is None or user.disabled:
        return Unauthorised("account_disabled", "This account is disabled.")
    row.ip, row.user_agent = origin.ip, origin.user_agent[:MAX_USER_AGENT_CHARS]
    return _issue(session, user, row, now=now)


def _lock(session: Session, token_id: UUID) -> tuple[RefreshToken, SignInSession] | None:
    """The sign-in is locked before its token is judged: whoever comes second sees what the first did."""
    token = repository.find_refresh_token(session, token_id)
    if token is None:
        return None
    row = repository.lock_sign_in(session, token.family)
    token = repository.find_refresh_token(session, token_id)
    return None if row is None or token is None else (token, row)


def logout(session: Session, *, token: str, now: datetime) -> None:
    """End the sign-in of this refresh token, its access tokens too; again is harmless."""
    found = _lock(session, decode_refresh(token, now=now).token_id)
    if found is not None:
        _revoke(found[1], now, "signed_out")


def live(session: Session, user_id: UUID, *, now: datetime) -> Sequence[SignInSession]:
    """Where somebody is signed in, last seen first; at most `MOST`."""
    return repository.live_sign_ins(session, user_id, now)


def revoke(session: Session, user_id: UUID, session_id: UUID, *, now: datetime) -> None:
    """End one of his own sign-ins; again is harmless. Raises NotFound `session_not_found`."""
    row = repository.lock_sign_in(session, session_id)
    if row is None or row.user_id != user_id:
        raise NotFound("session_not_found", "You have no such session.")
    _revoke(row, now, "revoked")


def revoke_all(session: Session, user_id: UUID, *, keep: UUID | None, now: datetime) -> int:
    """Sign out everywhere, but in `keep`; from how many."""
    return repository.revoke_sign_ins(session, user_id, now, "revoked", keep=keep)


def _revoke(row: SignInSession, now: datetime, why: str) -> None:
    if row.revoked_at is None:
        row.revoked_at, row.revoked_why = now, why
