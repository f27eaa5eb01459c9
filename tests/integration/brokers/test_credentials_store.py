"""Credentials in the database, and the query with which EMQX reads them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from brokers.credentials import (
    ANY_SERVICE,
    CredentialError,
    disable,
    ensure_service_credentials,
    find_credential,
    hash_secret,
    issue_secret,
    rotate,
    store_credential,
    verify_secret,
)
from brokers.topics import DeviceIdError

EMQX_CONF = Path(__file__).parents[3] / "brokers" / "emqx" / "emqx.conf"
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url) as opened:
        yield opened
        opened.rollback()


def test_store_find_rotate_disable(connection: Connection) -> None:
    secret = issue_secret()
    store_credential(connection, username="u", client_id="truck-1", secret=secret)
    found = find_credential(connection, "u", "truck-1")
    assert found is not None
    assert verify_secret(found, secret)
    assert secret not in (found.password_hash, found.salt)

    renewed = rotate(connection, username="u", client_id="truck-1")
    found = find_credential(connection, "u", "truck-1")
    assert found is not None
    assert verify_secret(found, renewed)
    assert not verify_secret(found, secret)

    assert disable(connection, username="u", client_id="truck-1")
    assert find_credential(connection, "u", "truck-1") is None
    assert not disable(connection, username="u", client_id="nobody")


def test_a_credential_is_for_one_client_id(connection: Connection) -> None:
    store_credential(connection, username="u", client_id="truck-1", secret="s")
    assert find_credential(connection, "u", "truck-2") is None
    assert find_credential(connection, "truck-1", "truck-1") is None


def test_refusals(connection: Connection) -> None:
    store_credential(connection, username="u", client_id="truck-1", secret="s")
    with pytest.raises(CredentialError) as caught:
        store_credential(connection, username="u", client_id="truck-1", secret="t")
    assert caught.value.code == "credential_exists"
    with pytest.raises(CredentialError) as caught:
        rotate(connection, username="u", client_id="truck-2")
    assert caught.value.code == "credential_unknown"
    with pytest.raises(CredentialError) as caught:
        store_credential(connection, username="+", client_id="truck-3", secret="s")
    assert caught.value.code == "username_malformed"
    with pytest.raises(DeviceIdError):
        store_credential(connection, username="u", client_id="svc-x", secret="s")
    with pytest.raises(CredentialError) as caught:
        ensure_service_credentials(connection, "password", ("truck-1",))
    assert caught.value.code == "not_a_service"


def test_service_credentials_are_renewed_only_when_the_password_changes(connection: Connection) -> None:
    ensure_service_credentials(connection, "one")
    first = find_credential(connection, ANY_SERVICE, ANY_SERVICE)
    ensure_service_credentials(connection, "one")
    assert find_credential(connection, ANY_SERVICE, ANY_SERVICE) == first
    ensure_service_credentials(connection, "two")
    second = find_credential(connection, ANY_SERVICE, ANY_SERVICE)
    assert first is not None
    assert second is not None
    assert not verify_secret(second, "one")
    assert verify_secret(second, "two")


EmqxLogin = Callable[[str, str, str], bool]


@pytest.fixture
def emqx_login(connection: Connection) -> EmqxLogin:
    """Whether EMQX lets (client id, user name, password) in by its PostgreSQL authenticator."""
    found = re.search(r'query = "([^"]+)"', EMQX_CONF.read_text())
    assert found
    # EMQX binds each placeholder as a parameter of its own; so does this, on the server.
    query = found[1].replace("%", "%%").replace("${username}", "%(username)s")
    query = query.replace("${clientid}", "%(clientid)s")

    def login(client_id: str, username: str, password: str) -> bool:
        row = connection.execute(query, {"username": username, "clientid": client_id}).fetchone()
        if row is None:
            return False
        password_hash, salt, is_superuser = row
        assert is_superuser is False
        return bool(password_hash == hash_secret(salt, password))

    return login


def test_emqx_query(connection: Connection, emqx_login: EmqxLogin) -> None:
    ensure_service_credentials(connection, "service password")
    row = connection.execute(
        "INSERT INTO devices (uid, kind) VALUES ('truck-9', 'tracker') RETURNING id"
    ).fetchone()
    assert row is not None
    store_credential(connection, username="u", client_id="truck-9", secret="s", device_id=row[0])

    assert emqx_login("truck-9", "u", "s")
    assert not emqx_login("truck-9", "u", "wrong")
    assert not emqx_login("truck-8", "u", "s")
    assert not emqx_login("truck-9", "truck-9", "s")
    assert not emqx_login("truck-9", "u", "service password")

    assert emqx_login("svc-ingest-1", "svc-ingest-1", "service password")
    assert emqx_login("svc-api-5f2c", "svc-api-5f2c", "service password")
    assert not emqx_login("svc-ingest-1", "svc-ingest-1", "s")
    assert not emqx_login("svc-ingest-1", "u", "service password")
    assert not emqx_login("truck-9", ANY_SERVICE, "service password")
    assert not emqx_login("svcXtruck", "svcXtruck", "service password")

    connection.execute("UPDATE devices SET disabled = true WHERE uid = 'truck-9'")
    assert not emqx_login("truck-9", "u", "s")
    connection.execute("UPDATE devices SET disabled = false WHERE uid = 'truck-9'")
    disable(connection, username="u", client_id="truck-9")
    assert not emqx_login("truck-9", "u", "s")
