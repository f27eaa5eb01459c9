"""One HTTP question to a routing engine: in time, once more if it fails, and the answer as an object."""

import json
import time
from typing import Any

import httpx

from platform_api.routing.engines import EngineError

CONNECT_S = 1.0
ATTEMPTS = 2
# Of an answer that is not understood, as much is told.
_TOLD_CHARS = 200
_BUSY = 429
_SERVER_FAULT = 500
# The longest way of a country with every bend of it is a tenth of this.
MAX_ANSWER_BYTES = 32 * 1024 * 1024


def client(base_url: str, *, read_s: float) -> httpx.Client:
    """The engine is a neighbour: no proxy of the environment is asked."""
    timeout = httpx.Timeout(read_s, connect=CONNECT_S)
    return httpx.Client(base_url=base_url.rstrip("/"), timeout=timeout, trust_env=False)


def ask(http: httpx.Client, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
    """The JSON object it answers, whatever the status below 500: both engines tell faults in the body.

    Raises EngineError `unavailable` after a second failure, `bad_answer`.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            status, body = _exchange(http, method, path, **kwargs)
        except httpx.HTTPError as error:
            if attempt == ATTEMPTS:
                raise EngineError("unavailable", f"{type(error).__name__}: {error}") from error
            continue
        if status < _SERVER_FAULT and status != _BUSY:
            return _object(body)
    raise EngineError("unavailable", f"HTTP {status}")


def _exchange(http: httpx.Client, method: str, path: str, **kwargs: Any) -> tuple[int, bytes]:
    """(status, body). The read timeout is for the whole answer: httpx's own is for each piece of it."""
    within_s = http.timeout.read
    began_s = time.monotonic()
    body = bytearray()
    with http.stream(method, path, **kwargs) as response:
        for piece in response.iter_bytes():
            body += piece
            if within_s is not None and time.monotonic() - began_s > within_s:
                raise httpx.ReadTimeout("the answer did not end in time")
            if len(body) > MAX_ANSWER_BYTES:
                raise EngineError("bad_answer", f"more than {MAX_ANSWER_BYTES} bytes")
    return response.status_code, bytes(body)


def _object(body: bytes) -> dict[str, Any]:
    told = body[:_TOLD_CHARS].decode(errors="replace")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise EngineError("bad_answer", f"not JSON: {told}") from error
    if not isinstance(answer, dict):
        raise EngineError("bad_answer", f"not an object: {told}")
    return answer
