"""JSON web tokens of the API: short access tokens, rotating refresh tokens. Pure: secret and time come in."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt

from platform_api.errors import Unauthorised

ALGORITHM = "HS256"
AUDIENCE = "api"
ACCESS = "access"
REFRESH = "refresh"
MAX_TOKEN_CHARS = 2048


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    token_id: UUID
    user_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AccessClaims:
    user_id: UUID
    session_id: UUID


def encode_access(
    user_id: UUID, role: str, session_id: UUID, *, now: datetime, minutes: int, secret: str
) -> str:
    expires_at = now + timedelta(minutes=minutes)
    return _encode(ACCESS, uuid4(), user_id, now, expires_at, secret, role=role, sid=str(session_id))


def encode_refresh(claims: RefreshClaims, *, now: datetime, secret: str) -> str:
    return _encode(REFRESH, claims.token_id, claims.user_id, now, claims.expires_at, secret)


def decode_access(token: str, *, now: datetime, secret: str) -> AccessClaims:
    """Raises Unauthorised `token_expired` or `invalid_token`."""
    claims = _decode(token, ACCESS, now, secret)
    return AccessClaims(user_id=_user_id(claims), session_id=_uuid(claims.get("sid")))


def decode_refresh(token: str, *, now: datetime, secret: str) -> RefreshClaims:
    """Raises Unauthorised `token_expired` or `invalid_token`."""
    claims = _decode(token, REFRESH, now, secret)
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return RefreshClaims(token_id=_uuid(claims["jti"]), user_id=_user_id(claims), expires_at=expires_at)


def _encode(
    kind: str, token_id: UUID, user_id: UUID, now: datetime, expires_at: datetime, secret: str, **more: str
) -> str:
    claims: dict[str, Any] = {
        "sub": str(user_id),
        "aud": AUDIENCE,
        "typ": kind,
        "jti": str(token_id),
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        **more,
    }
    return jwt.encode(claims, secret, ALGORITHM)


def _decode(token: str, kind: str, now: datetime, secret: str) -> dict[str, Any]:
    problem = Unauthorised("invalid_token", "This token is not valid.")
    if len(token) > MAX_TOKEN_CHARS:
        raise problem
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            # Times are judged below against `now`, not against the wall clock.
            options={
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "require": ["sub", "typ", "jti", "exp"],
            },
        )
    except jwt.PyJWTError as error:
        raise problem from error
    if claims["typ"] != kind or not isinstance(claims["exp"], int):
        raise problem
    if claims["exp"] <= now.timestamp():
        raise Unauthorised("token_expired", "This token has expired.")
    return claims


def _user_id(claims: dict[str, Any]) -> UUID:
    return _uuid(claims["sub"])


def _uuid(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise Unauthorised("invalid_token", "This token is not valid.") from error
