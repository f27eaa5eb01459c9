"""Devices and services on the real broker, and raw sockets for clients that break the rules."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiomqtt
import psycopg
import pytest

from brokers.credentials import issue_device_token, issue_secret, store_credential
from brokers.embedded_wire import CONNECT, packet
from config import clock
from config.settings import DEVELOPMENT_SECRET

SERVICE_PASSWORD = SIGNING_KEY = DEVELOPMENT_SECRET


@dataclass(frozen=True, slots=True)
class Device:
    """A registered tracker; client id, user name and topics all use `uid`."""

    uid: str
    secret: str

    def topic(self, tail: str) -> str:
        return f"v1/devices/{self.uid}/{tail}"


@dataclass(frozen=True, slots=True)
class Mqtt:
    """The broker under test."""

    host: str
    port: int

    def client(
        self, client_id: str, password: str | None, *, username: str | None = None, **options: Any
    ) -> AbstractAsyncContextManager[aiomqtt.Client]:
        """An MQTT 3.1.1 client; `username` defaults to the client id."""
        return aiomqtt.Client(
            self.host,
            self.port,
            identifier=client_id,
            username=username or client_id,
            password=password,
            protocol=aiomqtt.ProtocolVersion.V311,
            timeout=20,
            **options,
        )

    def device(self, device: Device, **options: Any) -> AbstractAsyncContextManager[aiomqtt.Client]:
        return self.client(device.uid, device.secret, **options)

    def service(self, name: str = "svc-test", **options: Any) -> AbstractAsyncContextManager[aiomqtt.Client]:
        return self.client(name, SERVICE_PASSWORD, **options)

    def raw(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=20)

    def raw_login(self, client_id: str, password: str, **options: Any) -> socket.socket:
        """A socket on which CONNECT has been accepted; `options` as of `connect_packet`."""
        sock = self.raw()
        sock.sendall(connect_packet(client_id, client_id, password, **options))
        answer = read_exactly(sock, 4)
        assert answer[0] == 0x20, answer
        assert answer[3] == 0, f"CONNACK code {answer[3]}"
        return sock


def connect_packet(
    client_id: str,
    username: str | None,
    password: str | None,
    *,
    clean: bool = True,
    level: int = 4,
    keep_alive_s: int = 60,
    will: tuple[str, bytes] | None = None,
) -> bytes:
    """`will`: topic and payload, QoS 1, retained."""
    flags = (
        (2 if clean else 0) | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    )
    flags |= 0x2C if will is not None else 0
    body = text(b"MQTT") + bytes([level, flags]) + keep_alive_s.to_bytes(2, "big") + text(client_id.encode())
    if will is not None:
        body += text(will[0].encode()) + text(will[1])
    for value in (username, password):
        if value is not None:
            body += text(value.encode())
    return packet(CONNECT, body)


def text(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def read_exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError(f"closed after {data!r}")
        data += more
    return data


def is_closed(sock: socket.socket) -> bool:
    """Wait for the broker to close; False when it sends something instead. Times out with OSError."""
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def token_for(client_id: str, *, username: str | None = None, lifetime_s: float = 3600) -> str:
    return issue_device_token(
        SIGNING_KEY,
        client_id=client_id,
        username=username or client_id,
        now=clock.now(),
        lifetime=timedelta(seconds=lifetime_s),
    )


@pytest.fixture
def mqtt(mqtt_broker: Any) -> Mqtt:
    return Mqtt(mqtt_broker.host, mqtt_broker.port)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


_numbers = iter(range(1, 1_000_000))


@pytest.fixture
def new_device(database: psycopg.Connection[Any]) -> Callable[[], Device]:
    """Registers trackers, each with a uid of its own."""

    def register() -> Device:
        uid = f"truck-{next(_numbers):04d}"
        row = database.execute(
            "INSERT INTO devices (uid, kind) VALUES (%s, 'tracker') RETURNING id", (uid,)
        ).fetchone()
        assert row is not None
        secret = issue_secret()
        store_credential(database, username=uid, client_id=uid, secret=secret, device_id=row[0])
        return Device(uid, secret)

    return register
