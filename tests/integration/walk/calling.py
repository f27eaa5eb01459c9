"""One call by one caller, and what class of answer it is."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from httpx import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.walk.entries import Call, Entry
from tests.support.api import Person

_DEADLINE_S = 30.0
_CLOSE_CODES = {4401: 401, 4403: 403, 4404: 404}
# What a driver who may is told after five seconds here, where no broker takes his pings.
_WITHOUT_BROKER = (1013, "try_again_later")


@dataclass(frozen=True, slots=True)
class Answer:
    """`said` is the body without what differs between any two answers."""

    status: int
    said: str

    def shown(self) -> str:
        return f"{self.status} {self.said[:200]}"


def send(client: Client, entry: Entry, call: Call, caller: Person | None) -> Answer:
    method, _, template = entry.route.partition(" ")
    path = template.format(**{name: str(value) for name, value in call.path.items()})
    if method == "WS":
        return _open_socket(client, path, caller)
    headers = {**(caller.headers if caller else {}), **call.headers}
    content: dict[str, Any] = {"content": call.content} if call.content is not None else {"json": call.body}
    answer = client.request(method, path, params=dict(call.query), headers=headers, **content)
    return Answer(answer.status_code, _without_request_id(answer.text))


def _without_request_id(text: str) -> str:
    return re.sub(r'"request_id":\s*"[^"]*"', '"request_id":""', text)


def _open_socket(client: Client, path: str, caller: Person | None) -> Answer:
    """The first message, or the reason of the close as a status. A frame that is no JSON makes every socket speak."""
    token = caller.headers["Authorization"].removeprefix("Bearer ") if caller else ""
    url = f"ws://{client.base_url.host}:{client.base_url.port}{path}?token={token}"
    with connect(url, proxy=None) as socket:
        said = ""
        try:
            socket.send("?")
            said = str(socket.recv(timeout=_DEADLINE_S))
            while json.loads(said)["type"] == "error":
                socket.recv(timeout=_DEADLINE_S)
        except ConnectionClosed as closed:
            # Its reason is the code of the error; the message before it may have been overtaken.
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")
            if (code, reason) != _WITHOUT_BROKER:
                return Answer(_CLOSE_CODES.get(code, code), reason)
        return Answer(200, said)


def to_nowhere(call: Call) -> Iterator[Call]:
    """The same call with one id after another replaced by one that does not exist."""
    for name, value in call.path.items():
        yield replace(call, path={**call.path, name: _unknown(value)})


def _unknown(value: object) -> object:
    if isinstance(value, int):
        return 2**40
    try:
        UUID(str(value))
    except ValueError:
        return f"no-such-{uuid4().hex[:12]}"
    return uuid4()


def kind_of(entry: Entry, answer: Answer, expected: str) -> str:
    let_in = 200 <= answer.status < 300 or (expected == "ok" and answer.status in entry.also)
    return "ok" if let_in else str(answer.status)


def told(secrets: set[str], answer: Answer, call: Call) -> Mapping[str, str]:
    """What of the secrets is in the answer, but for what the caller said himself."""
    sent = {str(value) for value in call.path.values()} | {json.dumps(call.body, default=str)}
    return {
        secret: answer.said
        for secret in secrets
        if secret in answer.said and not any(secret in each for each in sent)
    }
