"""A WebSocket client for the tests: messages with a deadline, and how the socket ended."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from httpx import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.api import Person

DEADLINE_S = 30.0


def token_of(person: Person) -> str:
    return person.headers["Authorization"].removeprefix("Bearer ")


def url(api: Client, path: str, token: str | None) -> str:
    query = "" if token is None else f"?token={token}"
    return f"ws://{api.base_url.host}:{api.base_url.port}{path}{query}"


@contextmanager
def watching(
    api: Client, order_id: UUID | str, token: str | None, **options: Any
) -> Iterator[ClientConnection]:
    with connect(url(api, f"/ws/tracking/order/{order_id}/", token), proxy=None, **options) as socket:
        yield socket


@contextmanager
def driving(api: Client, token: str | None, **options: Any) -> Iterator[ClientConnection]:
    with connect(url(api, "/ws/tracking/driver/", token), proxy=None, **options) as socket:
        yield socket


def receive(socket: ClientConnection, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=deadline_s))
    return message


def receive_until(
    socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool], deadline_s: float = DEADLINE_S
) -> list[dict[str, Any]]:
    """Everything up to and including the first wanted message."""
    messages = []
    while not messages or not wanted(messages[-1]):
        messages.append(receive(socket, deadline_s))
    return messages


def rest(socket: ClientConnection, deadline_s: float = DEADLINE_S) -> tuple[list[dict[str, Any]], int, str]:
    """What still comes until the server closes, and the close code and reason."""
    messages: list[dict[str, Any]] = []

    def read_on() -> None:
        while True:
            messages.append(receive(socket, deadline_s))

    with pytest.raises(ConnectionClosed) as ended:
        read_on()
    frame = ended.value.rcvd
    assert frame is not None, "the server vanished without a close frame"
    return messages, frame.code, frame.reason
