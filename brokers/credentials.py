"""MQTT credentials: random secrets kept as salted hashes, and tokens for phones.

The database functions work inside the caller's transaction and never commit. EMQX reads the same
table with the same hash (`sha256`, salt first), so both brokers accept the same devices.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
import psycopg
from psycopg.rows import class_row

from brokers.topics import SERVICE_PREFIX, check_device_uid

SECRET_BYTES: Final = 32
SALT_BYTES: Final = 16
TOKEN_ALGORITHM: Final = "HS256"  # noqa: S105 - not a secret
TOKEN_AUDIENCE: Final = "mqtt"  # noqa: S105 - not a secret
TOKEN_MAX_CHARS: Final = 4096
# One row for all services: EMQX cannot know the random ends of ids such as svc-api-5f2c in advance.
ANY_SERVICE: Final = f"{SERVICE_PREFIX}*"

FIND_ACTIVE_SQL: Final = """
    SELECT c.username, c.client_id, c.salt, c.password_hash, c.device_id, c.disabled
      FROM mqtt_credentials c LEFT JOIN devices d ON d.id = c.device_id
     WHERE c.username = %s AND c.client_id = %s AND NOT c.disabled AND NOT coalesce(d.disabled, false)
"""
STILL_ACTIVE_SQL: Final = """
    SELECT c.client_id
      FROM mqtt_credentials c LEFT JOIN devices d ON d.id = c.device_id
     WHERE (c.username, c.client_id, c.password_hash) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
       AND NOT c.disabled AND NOT coalesce(d.disabled, false)
"""
# A token says nothing of the device: it is good until it ends, unless the device is disabled.
SHUT_OUT_SQL: Final = "SELECT uid FROM devices WHERE uid = ANY(%s) AND disabled"
# PostgreSQL's NOTIFY with a client id, by the triggers of `mqtt_credentials` and `devices`.
REVOKED_CHANNEL: Final = "mqtt_revoked"


class CredentialError(Exception):
    """A credential or token that is not good. `code` is stable, `detail` is for people and logs."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Credential:
    """A row of `mqtt_credentials`; `client_id` is the only one this credential may connect as."""

    username: str
    client_id: str
    salt: str
    password_hash: str
    device_id: int | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class DeviceToken:
    """What a verified phone token says."""

    client_id: str
    username: str
    expires_at_s: int  # seconds since the Unix epoch; the connection ends here too


def issue_secret() -> str:
    """A new device secret: 256 random bits, URL-safe and without dots (a token has dots)."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_secret(salt: str, secret: str) -> str:
    """hex(sha256(salt + secret)), EMQX's `{name = sha256, salt_position = prefix}`.

    A fast hash is enough for 256 random bits; bcrypt would cost the broker 86 ms a connect.
    """
    return hashlib.sha256((salt + secret).encode()).hexdigest()


def verify_secret(credential: Credential, secret: str) -> bool:
    expected = hash_secret(credential.salt, secret)
    return hmac.compare_digest(expected, credential.password_hash) and not credential.disabled


def store_credential(
    connection: psycopg.Connection[Any],
    *,
    username: str,
    client_id: str,
    secret: str,
    device_id: int | None = None,
) -> None:
    """Insert a device's credential. Raises `DeviceIdError`, or `CredentialError` (credential_exists)."""
    check_device_uid(client_id)
    _check_username(username)
    salt = secrets.token_hex(SALT_BYTES)
    inserted = connection.execute(
        "INSERT INTO mqtt_credentials (username, client_id, salt, password_hash, device_id)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (username, client_id, salt, hash_secret(salt, secret), device_id),
    )
    if inserted.rowcount == 0:
        raise CredentialError("credential_exists", f"{username} already has a credential for {client_id}.")


def rotate(connection: psycopg.Connection[Any], *, username: str, client_id: str) -> str:
    """Replace the secret and return the new one, once; the old one stops working at the commit.

    There is no overlap: a connection that was made with the old one is ended (`brokers.emqx_admin`, and
    the embedded broker by itself). A disabled credential stays disabled. Raises `CredentialError` (credential_unknown).
    """
    secret = issue_secret()
    _replace_secret(connection, username, client_id, secret)
    return secret


def disable(connection: psycopg.Connection[Any], *, username: str, client_id: str) -> bool:
    """Refuse this credential from the commit on; False when there is none. A live connection is ended, too."""
    updated = connection.execute(
        "UPDATE mqtt_credentials SET disabled = true WHERE username = %s AND client_id = %s",
        (username, client_id),
    )
    return updated.rowcount > 0


def find_credential(connection: psycopg.Connection[Any], username: str, client_id: str) -> Credential | None:
    """The active credential of exactly this pair; None when unknown, disabled, or its device is disabled."""
    with connection.cursor(row_factory=class_row(Credential)) as cursor:
        return cursor.execute(FIND_ACTIVE_SQL, (username, client_id)).fetchone()


def ensure_service_credentials(
    connection: psycopg.Connection[Any], password: str, names: tuple[str, ...] = (ANY_SERVICE,)
) -> None:
    """Make EMQX accept the services with `password`; running it again with the same one changes nothing.

    The default row lets any `svc-...` client in whose user name equals its client id, which is what
    the embedded broker checks against its settings.
    """
    for name in names:
        if not name.startswith(SERVICE_PREFIX):
            raise CredentialError("not_a_service", f"{name} does not begin with {SERVICE_PREFIX!r}.")
        credential = find_credential(connection, name, name)
        if credential is not None and verify_secret(credential, password):
            continue
        connection.execute(
            "INSERT INTO mqtt_credentials (username, client_id, salt, password_hash) VALUES (%s, %s, '', '')"
            " ON CONFLICT (username, client_id) DO UPDATE SET disabled = false",
            (name, name),
        )
        _replace_secret(connection, name, name, password)


def _replace_secret(connection: psycopg.Connection[Any], username: str, client_id: str, secret: str) -> None:
    salt = secrets.token_hex(SALT_BYTES)
    updated = connection.execute(
        "UPDATE mqtt_credentials SET salt = %s, password_hash = %s WHERE username = %s AND client_id = %s",
        (salt, hash_secret(salt, secret), username, client_id),
    )
    if updated.rowcount == 0:
        raise CredentialError("credential_unknown", f"{username} has no credential for {client_id}.")


def _check_username(username: str) -> None:
    if not username or any(character in username for character in "+#/\0"):
        raise CredentialError("username_malformed", "A user name is not empty and holds no '+', '#' or '/'.")


def issue_device_token(
    signing_key: str, *, client_id: str, username: str, now: datetime, lifetime: timedelta
) -> str:
    """A phone's MQTT password: an HS256 token bound to one client id and one user name.

    Raises `DeviceIdError` for an id no device may have. It holds no claim of the caller's choosing,
    because EMQX gives power to some (`is_superuser`, `acl`, `client_attrs`).
    """
    check_device_uid(client_id)
    _check_username(username)
    claims = {
        "sub": client_id,
        "username": username,
        "aud": TOKEN_AUDIENCE,
        "iat": int(now.timestamp()),
        # Whole seconds: a fractional exp crashes EMQX's authenticator.
        "exp": int((now + lifetime).timestamp()),
    }
    return jwt.encode(claims, signing_key, algorithm=TOKEN_ALGORITHM)


def verify_device_token(
    token: str, signing_key: str, *, client_id: str, username: str, now: datetime
) -> DeviceToken:
    """Check a phone's token against the ids of its CONNECT; raises `CredentialError` (token_...).

    Time is checked here and not by PyJWT, which reads the wall clock.
    """
    if len(token) > TOKEN_MAX_CHARS:
        raise CredentialError("token_malformed", "The token is too long.")
    try:
        claims = jwt.decode(
            token,
            signing_key,
            algorithms=[TOKEN_ALGORITHM],
            options={
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
                "verify_sub": False,
            },
        )
    except jwt.PyJWTError as error:
        raise CredentialError("token_malformed", f"The token cannot be trusted: {error}") from error
    return _check_claims(claims, client_id, username, now)


def _check_claims(claims: dict[str, Any], client_id: str, username: str, now: datetime) -> DeviceToken:
    expires_at_s = claims.get("exp")
    if type(expires_at_s) is not int:
        raise CredentialError("token_without_expiry", "The token has no expiry in whole seconds.")
    if expires_at_s <= now.timestamp():
        raise CredentialError("token_expired", "The token has expired.")
    not_before_s = claims.get("nbf", 0)
    if not isinstance(not_before_s, int | float) or not_before_s > now.timestamp():
        raise CredentialError("token_not_yet_valid", "The token is not valid yet.")
    # An access token of the API is signed with the same key; its audience keeps it out.
    if claims.get("aud") != TOKEN_AUDIENCE:
        raise CredentialError("token_wrong_audience", "The token is not meant for MQTT.")
    if claims.get("sub") != client_id:
        raise CredentialError("token_wrong_client", "The token belongs to another client id.")
    if claims.get("username") != username:
        raise CredentialError("token_wrong_user", "The token belongs to another user name.")
    return DeviceToken(client_id, username, expires_at_s)
