"""Access and refresh tokens: what is accepted, and the many things that are not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest

from platform_api.accounts import tokens
from platform_api.errors import Unauthorised

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "s" * 64
USER, SESSION = uuid4(), uuid4()


def claims(**changes: Any) -> dict[str, Any]:
    plain = {
        "sub": str(USER),
        "aud": "api",
        "typ": "access",
        "jti": str(uuid4()),
        "role": "shipper",
        "sid": str(SESSION),
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


def test_an_access_token_names_its_user_and_session_until_it_expires() -> None:
    token = tokens.encode_access(USER, "shipper", SESSION, now=NOW, minutes=15, secret=SECRET)
    read = tokens.decode_access(token, now=NOW + timedelta(minutes=14, seconds=59), secret=SECRET)
    assert read == tokens.AccessClaims(USER, SESSION)
    with pytest.raises(Unauthorised, match="token_expired"):
        tokens.decode_access(token, now=NOW + timedelta(minutes=15), secret=SECRET)


def test_an_access_token_has_the_published_claims() -> None:
    token = tokens.encode_access(USER, "carrier", SESSION, now=NOW, minutes=15, secret=SECRET)
    read = jwt.decode(token, options={"verify_signature": False})
    assert read.keys() == {"sub", "aud", "typ", "jti", "iat", "exp", "role", "sid"}
    assert (read["sub"], read["aud"], read["typ"], read["role"]) == (str(USER), "api", "access", "carrier")


def test_a_refresh_token_round_trips() -> None:
    issued = tokens.RefreshClaims(uuid4(), USER, NOW + timedelta(days=30))
    assert (
        tokens.decode_refresh(tokens.encode_refresh(issued, now=NOW, secret=SECRET), now=NOW, secret=SECRET)
        == issued
    )


def test_one_kind_is_not_taken_for_the_other() -> None:
    access = tokens.encode_access(USER, "shipper", SESSION, now=NOW, minutes=15, secret=SECRET)
    issued = tokens.RefreshClaims(uuid4(), USER, NOW + timedelta(days=30))
    refresh = tokens.encode_refresh(issued, now=NOW, secret=SECRET)
    with pytest.raises(Unauthorised, match="invalid_token"):
        tokens.decode_refresh(access, now=NOW, secret=SECRET)
    with pytest.raises(Unauthorised, match="invalid_token"):
        tokens.decode_access(refresh, now=NOW, secret=SECRET)


@pytest.mark.parametrize(
    "bad",
    [
        {"aud": "mqtt"},
        {"aud": None},
        {"typ": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"sub": "somebody"},
        {"sub": None},
        {"jti": None},
        {"sid": None},
        {"sid": "somewhere"},
    ],
)
def test_a_token_with_wrong_claims_is_refused(bad: dict[str, Any]) -> None:
    token = jwt.encode(claims(**bad), SECRET, "HS256")
    with pytest.raises(Unauthorised, match="invalid_token"):
        tokens.decode_access(token, now=NOW, secret=SECRET)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        "x" * (tokens.MAX_TOKEN_CHARS + 1),
        jwt.encode(claims(), "t" * 64, "HS256"),
        jwt.encode(claims(), SECRET, "HS512"),
        jwt.encode(claims(), "", "none"),
    ],
)
def test_a_token_that_was_not_signed_by_us_is_refused(token: str) -> None:
    with pytest.raises(Unauthorised, match="invalid_token"):
        tokens.decode_access(token, now=NOW, secret=SECRET)
