"""The whole API on a real server and database, and people to call it with."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from httpx import Client, Response

from config import clock
from config.database import transaction
from config.settings import get_settings
from platform_api.accounts import tokens
from platform_api.accounts.models import SignInSession, User
from platform_api.actor import Role
from platform_api.app import create_app
from platform_api.sms import service as sms
from tests.support.documented import documented
from tests.support.settings import apply_settings, forget_settings
from tests.support.waiting import wait_until

PASSWORD = "correct horse battery"
_numbers = count(1_000_000)


@dataclass(frozen=True, slots=True)
class Person:
    """A registered user, signed in."""

    client: Client
    id: UUID
    phone: str
    role: Role
    headers: dict[str, str]
    session_id: UUID | None = None

    def get(self, path: str, **kwargs: Any) -> Response:
        return self.client.get(path, headers=self.headers, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Response:
        return self.client.post(path, json=body, headers=self.headers, **kwargs)

    def put(self, path: str, body: Any) -> Response:
        return self.client.put(path, json=body, headers=self.headers)

    def patch(self, path: str, body: Any) -> Response:
        return self.client.patch(path, json=body, headers=self.headers)

    def delete(self, path: str) -> Response:
        return self.client.delete(path, headers=self.headers)


@contextmanager
def api_client(app: FastAPI | None = None) -> Iterator[Client]:
    """A client of uvicorn on a free port, with the settings now in force (`settings_for`)."""
    app = app or create_app()
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio", lifespan="on"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        host, port = listener.getsockname()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive(), what="the API to start")
            assert server.started, "the API did not start"
            hooks = {"response": [documented()]}
            with Client(
                base_url=f"http://{host}:{port}", timeout=30, trust_env=False, event_hooks=hooks
            ) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(timeout=60)
    assert not thread.is_alive(), "the API did not stop"


@contextmanager
def api_on(database_url: str, redis_url: str, **settings: Any) -> Iterator[Client]:
    """The API of a whole test module: settings, server and client."""
    with pytest.MonkeyPatch.context() as patch:
        apply_settings(patch, database_url=database_url, redis_url=redis_url, **settings)
        with api_client() as client:
            yield client
    forget_settings()


@lru_cache
def _password_hash() -> str:
    return PasswordHasher().hash(PASSWORD)


def new_phone() -> str:
    """A valid Senegalese mobile number nobody has yet."""
    return f"+22177{next(_numbers)}"


def person(
    client: Client, role: Role, *, carrier_id: UUID | None = None, is_superuser: bool = False
) -> Person:
    """Insert a user straight into the database (no argon2 per test) and sign him in."""
    with transaction() as session:
        user = User(
            phone=new_phone(),
            name=f"Test {role}",
            role=role.value,
            carrier_id=carrier_id,
            is_superuser=is_superuser,
            password_hash=_password_hash(),
        )
        session.add(user)
        session.flush()
        now = clock.now()
        sign_in = SignInSession(
            id=uuid4(), user_id=user.id, created_at=now, last_seen_at=now, expires_at=now + timedelta(days=30)
        )
        session.add(sign_in)
        headers = {"Authorization": f"Bearer {access_token(user.id, role, sign_in.id, now=now)}"}
        return Person(client, user.id, user.phone, role, headers, sign_in.id)


def access_token(user_id: UUID, role: str, session_id: UUID, *, now: datetime) -> str:
    secret = get_settings().jwt_secret.get_secret_value()
    return tokens.encode_access(user_id, role, session_id, now=now, minutes=15, secret=secret)


def last_text(phone: str) -> str:
    """What the last text message to this number says."""
    with transaction() as session:
        texts = sms.latest(session, phone, limit=1)
    assert texts, f"no text message to {phone}"
    return texts[0].text or ""


def code_texted_to(phone: str) -> str:
    found = re.search(r"\b\d{6}\b", last_text(phone))
    assert found, "no code in the last text message"
    return found.group()


def code_of(response: Response) -> tuple[int, str]:
    """Status and error code, for one assertion that shows both."""
    body = response.json() if response.content else {}
    return response.status_code, body.get("code", "") if isinstance(body, dict) else ""
