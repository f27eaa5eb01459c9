"""One HTTP question to a routing engine: in time, once more if it fails, and the answer as an object."""

from typing import Any

import httpx

from platform_api.routing.engines import EngineError

CONNECT_S = 1.0
ATTEMPTS = 2
# Of an answer that is not understood, as much is told.
_TOLD_CHARS = 200
_BUSY = 429
_SERVER_FAULT = 500


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
            response = http.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            if attempt == ATTEMPTS:
                raise EngineError("unavailable", f"{type(error).__name__}: {error}") from error
            continue
        if response.status_code < _SERVER_FAULT and response.status_code != _BUSY:
            return _object(response)
    raise EngineError("unavailable", f"HTTP {response.status_code}")


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError as error:
        raise EngineError("bad_answer", f"not JSON: {response.text[:_TOLD_CHARS]}") from error
    if not isinstance(answer, dict):
        raise EngineError("bad_answer", f"not an object: {response.text[:_TOLD_CHARS]}")
    return answer
