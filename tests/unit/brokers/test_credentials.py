import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.credentials import (
    Credential,
    CredentialError,
    hash_secret,
    issue_device_token,
    issue_secret,
    verify_device_token,
    verify_secret,
)
from brokers.topics import DeviceIdError

KEY = "a signing key of more than thirty-two characters"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_secret_has_256_bits_and_no_dot() -> None:
    secrets = {issue_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert all(len(secret) == 43 and "." not in secret for secret in secrets)


def test_the_hash_is_emqx_sha256_with_the_salt_first() -> None:
    assert hash_secret("ab", "cd") == hashlib.sha256(b"abcd").hexdigest()


@given(st.text(max_size=20), st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_only_the_right_secret_verifies(salt: str, secret: str, other: str) -> None:
    credential = Credential("u", "c", salt, hash_secret(salt, secret), None, disabled=False)
    assert verify_secret(credential, secret)
    assert verify_secret(credential, other) is (other == secret)


def test_a_disabled_credential_never_verifies() -> None:
    credential = Credential("u", "c", "s", hash_secret("s", "x"), None, disabled=True)
    assert not verify_secret(credential, "x")


def token(**changes: Any) -> str:
    claims = {
        "sub": "phone-1",
        "username": "awa",
        "aud": "mqtt",
        "exp": int((NOW + HOUR).timestamp()),
        **changes,
    }
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY)


def test_an_issued_token_verifies_until_it_expires() -> None:
    issued = issue_device_token(KEY, client_id="phone-1", username="awa", now=NOW, lifetime=HOUR)
    checked = verify_device_token(issued, KEY, client_id="phone-1", username="awa", now=NOW)
    assert checked.expires_at_s == int((NOW + HOUR).timestamp())
    just_before = NOW + HOUR - timedelta(seconds=1)
    verify_device_token(issued, KEY, client_id="phone-1", username="awa", now=just_before)
    with pytest.raises(CredentialError) as caught:
        verify_device_token(issued, KEY, client_id="phone-1", username="awa", now=NOW + HOUR)
    assert caught.value.code == "token_expired"


def test_an_issued_token_holds_only_our_claims_and_whole_seconds() -> None:
    now = NOW.replace(microsecond=123_456)
    issued = issue_device_token(KEY, client_id="phone-1", username="awa", now=now, lifetime=HOUR)
    claims = jwt.decode(issued, options={"verify_signature": False})
    assert set(claims) == {"sub", "username", "aud", "iat", "exp"}
    assert type(claims["exp"]) is int
    assert type(claims["iat"]) is int


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": None}, "token_without_expiry"),
        ({"exp": NOW.timestamp() + 60.5}, "token_without_expiry"),
        ({"exp": str(int(NOW.timestamp()) + 60)}, "token_without_expiry"),
        ({"exp": True}, "token_without_expiry"),
        ({"exp": int(NOW.timestamp())}, "token_expired"),
        ({"nbf": int(NOW.timestamp()) + 60}, "token_not_yet_valid"),
        ({"nbf": "soon"}, "token_not_yet_valid"),
        ({"aud": "api"}, "token_wrong_audience"),
        ({"aud": None}, "token_wrong_audience"),
        ({"aud": ["mqtt"]}, "token_wrong_audience"),
        ({"sub": "phone-2"}, "token_wrong_client"),
        ({"sub": None}, "token_wrong_client"),
        ({"username": "ali"}, "token_wrong_user"),
        ({"username": None}, "token_wrong_user"),
    ],
)
def test_bad_claims(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(CredentialError) as caught:
        verify_device_token(token(**changes), KEY, client_id="phone-1", username="awa", now=NOW)
    assert caught.value.code == code


@pytest.mark.parametrize("text", ["", "a.b.c", "x" * 5000, token() + "x", token()[:-4], "é.é.é"])
def test_unreadable_or_forged_tokens(text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        verify_device_token(text, KEY, client_id="phone-1", username="awa", now=NOW)
    assert caught.value.code == "token_malformed"


@pytest.mark.parametrize("client_id", ["svc-ingest-1", "+", "a/b", ""])
def test_no_token_for_an_id_no_device_may_have(client_id: str) -> None:
    with pytest.raises(DeviceIdError):
        issue_device_token(KEY, client_id=client_id, username="awa", now=NOW, lifetime=HOUR)


@pytest.mark.parametrize("username", ["", "+", "a/b", "#"])
def test_no_token_for_a_user_name_with_wildcards(username: str) -> None:
    with pytest.raises(CredentialError) as caught:
        issue_device_token(KEY, client_id="phone-1", username=username, now=NOW, lifetime=HOUR)
    assert caught.value.code == "username_malformed"
