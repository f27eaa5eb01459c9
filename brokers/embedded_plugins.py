"""amqtt plugins of the embedded broker: who may connect, and what they may do there."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from amqtt.contexts import Action, BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from brokers.acl import allows
from brokers.credentials import (
    FIND_ACTIVE_SQL,
    REVOKED_CHANNEL,
    SHUT_OUT_SQL,
    STILL_ACTIVE_SQL,
    Credential,
    CredentialError,
    verify_device_token,
    verify_secret,
)
from brokers.topics import SERVICE_PREFIX, DeviceIdError, check_device_uid, is_service_id
from config import clock
from config.logging import get_logger

DATABASE_CONNECT_S: Final = 3
DATABASE_STATEMENT_MS: Final = 3000

# Keys of a session's attributes
EXPIRES_AT_S: Final = "mess.expires_at_s"
# The hash of the stored secret that it was let in by
STORED_CREDENTIAL: Final = "mess.stored_credential"

log = get_logger(__name__)


def is_good_service(client_id: str, username: str, password: str, expected: str) -> bool:
    """A service proves itself by the shared password and uses its client id as user name."""
    return (
        is_service_id(client_id)
        and username == client_id
        and hmac.compare_digest(password.encode(), expected.encode())
    )


def looks_like_token(password: str) -> bool:
    """Three parts with dots between; our device secrets never hold a dot."""
    return password.count(".") == 2


class CredentialStore:
    """Reads `mqtt_credentials` without blocking the event loop, over one connection that heals itself."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    async def find(self, username: str, client_id: str) -> Credential | None:
        """The active credential of this pair; raises psycopg.Error when the database cannot answer."""
        # PostgreSQL has no text with U+0000, so there is no such row either.
        if "\0" in username or "\0" in client_id:
            return None
        rows = await self._rows(FIND_ACTIVE_SQL, (username, client_id))
        return Credential(*rows[0]) if rows else None

    async def revoked(self, stored: Sequence[tuple[str, str, str]]) -> set[str]:
        """Of these (user name, client id, hash of the secret), the client ids that may not be connected any more."""
        columns = [list(column) for column in zip(*stored, strict=True)]
        active = await self._rows(STILL_ACTIVE_SQL, columns)
        return set(columns[1]) - {row[0] for row in active}

    async def shut_out(self, client_ids: Sequence[str]) -> set[str]:
        """Of these phones, which sign in by token, those that are disabled."""
        clean = [client_id for client_id in client_ids if "\0" not in client_id]
        return {row[0] for row in await self._rows(SHUT_OUT_SQL, (clean,))}

    async def revocations(self) -> AsyncIterator[str]:
        """Client ids as they are revoked, over a connection of its own; raises psycopg.Error when it breaks."""
        async with await psycopg.AsyncConnection.connect(
            self._database_url, autocommit=True, connect_timeout=DATABASE_CONNECT_S
        ) as connection:
            await connection.execute(f"LISTEN {REVOKED_CHANNEL}")
            async for notice in connection.notifies():
                yield notice.payload

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _rows(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        async with self._lock:
            reused = self._connection is not None
            try:
                return await self._query(query, parameters)
            except psycopg.OperationalError:
                # An old connection may have died with a restarted server; a fresh one tells the truth.
                await self.close()
                if not reused:
                    raise
                return await self._query(query, parameters)
            except BaseException:
                await self.close()
                raise

    async def _query(self, query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._database_url,
                autocommit=True,
                connect_timeout=DATABASE_CONNECT_S,
                options=f"-c statement_timeout={DATABASE_STATEMENT_MS}",
            )
        cursor = await self._connection.execute(query, parameters)
        return await cursor.fetchall()


class CredentialPlugin(BaseAuthPlugin):  # type: ignore[misc]  # amqtt has no types
    """No anonymous clients: services by password, phones by token, devices by stored secret."""

    @dataclass
    class Config:
        database_url: str = field(repr=False)
        service_password: str = field(repr=False)
        signing_key: str = field(repr=False)

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.store = CredentialStore(self.config.database_url)

    async def close(self) -> None:
        await self.store.close()

    async def authenticate(self, *, session: Session) -> bool:
        """Also leaves in the session's attributes until when, or by which stored row, it is good."""
        client_id, username, password = session.client_id, session.username, session.password
        if not client_id or not username or not password:
            log.info("client refused", client_id=client_id, code="anonymous")
            return False
        try:
            await self._check(session, client_id, username, password)
        except (CredentialError, DeviceIdError) as error:
            log.info("client refused", client_id=client_id, code=error.code, detail=error.detail)
            return False
        return True

    async def _check(self, session: Session, client_id: str, username: str, password: str) -> None:
        if client_id.startswith(SERVICE_PREFIX):
            if not is_good_service(client_id, username, password, self.config.service_password):
                raise CredentialError("service_refused", "Wrong service password or user name.")
            return
        check_device_uid(client_id)
        if looks_like_token(password):
            token = verify_device_token(
                password,
                self.config.signing_key,
                client_id=client_id,
                username=username,
                now=clock.now(),
            )
            if await self._is_shut_out(client_id):
                raise CredentialError("device_disabled", "The device of this token is disabled.")
            session.attributes[EXPIRES_AT_S] = token.expires_at_s
            return
        credential = await self.store.find(username, client_id)
        if credential is None:
            raise CredentialError("credential_unknown", "No active credential for this user and client id.")
        if not verify_secret(credential, password):
            raise CredentialError("secret_wrong", "The secret is wrong.")
        session.attributes[STORED_CREDENTIAL] = credential.password_hash

    async def _is_shut_out(self, client_id: str) -> bool:
        try:
            return bool(await self.store.shut_out([client_id]))
        except psycopg.Error as error:
            # As with EMQX, phones are let in without the database. The next sweep that reaches it puts that right.
            log.warning("a token is trusted without the database", client_id=client_id, error=str(error))
            return False


class AclPlugin(BaseTopicPlugin):  # type: ignore[misc]
    """Asks `brokers.acl` about every publish, will and subscription."""

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        if session is None or topic is None or action not in (Action.PUBLISH, Action.SUBSCRIBE):
            return False
        return allows(
            session.client_id,
            session.username or "",
            "publish" if action == Action.PUBLISH else "subscribe",
            topic,
        )
