"""Pure ASGI, because Starlette's BaseHTTPMiddleware cuts context variables and the request id with them."""

import json
import re
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.logging import get_logger
from platform_api.error_bodies import error_body

log = get_logger(__name__)

REQUEST_ID_HEADER = b"x-request-id"
# Whoever reads such an address can follow the order.
_SECRET = re.compile(r"^((?:/api/v1)?/track/)[^/]+")
_ACCEPTED_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestContext:
    """Gives each request an id (the caller's, if sane), binds it to every log line, returns it as X-Request-Id.

    Also the last resort: an unexpected exception is logged with that id and answered 500 `internal_error`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == "websocket":
                await self.app(scope, receive, send)
            else:
                await self._http(scope, receive, send, request_id)

    async def _http(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {
                    **message,
                    "headers": [*message.get("headers", ()), (REQUEST_ID_HEADER, request_id.encode())],
                }
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            log.exception(
                "unexpected error", method=scope["method"], path=_SECRET.sub(r"\1...", scope["path"])
            )
            if status:
                raise  # half a response is out: only a broken connection tells the client
            await _send_error(
                scope,
                send_with_id,
                500,
                code="internal_error",
                detail="Something broke on our side; quote the request id when you ask.",
            )
        # Without the query string: WebSocket tokens and other secrets travel there.
        log.info(
            "request",
            method=scope["method"],
            path=_SECRET.sub(r"\1...", scope["path"]),
            status=status,
            duration_ms=round((time.perf_counter() - started) * 1000, 1),
        )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _ACCEPTED_ID.fullmatch(value):
            return bytes(value).decode("ascii")
    return uuid4().hex


class BodyLimit:
    """Refuses a request body over `max_bytes` with 413: at once when announced, else when it gets there.

    `larger`: paths that take more, with how much.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes = self.larger.get(scope["path"], self.max_bytes)
        if _announced_bytes(scope) > max_bytes:
            await _send_error(
                scope,
                send,
                413,
                code="body_too_large",
                detail=f"A request body has at most {max_bytes} bytes.",
            )
            return
        received_bytes = 0

        async def receive_limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > max_bytes:
                raise HTTPException(413, f"A request body has at most {max_bytes} bytes.")
            return message

        await self.app(scope, receive_limited, send)


def _announced_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _send_error(scope: Scope, send: Send, status: int, *, code: str, detail: str) -> None:
    answer = error_body(HTTPConnection(scope), code, detail)
    body = json.dumps(answer.content).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **answer.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
