"""A server on the loopback that speaks as Orange's SMS API does, and remembers what it was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class FakeOrange:
    """`answers` are given in turn, then 201; an answer is a status and a body, or None for no answer at all."""

    url: str = ""
    tokens: int = 0
    token_status: int = 200
    seen: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, Any] | None] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [
            body["outboundSMSMessageRequest"]["outboundSMSTextMessage"]["message"]
            for body in (request["body"] for request in self.seen)
        ]


@contextmanager
def fake_orange() -> Iterator[FakeOrange]:
    fake = FakeOrange()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/oauth/v3/token":
                fake.tokens += 1
                token = {"token_type": "Bearer", "access_token": f"token-{fake.tokens}", "expires_in": "3600"}
                self._answer(fake.token_status, token)
                return
            fake.seen.append(
                {
                    "path": self.path,
                    "authorization": self.headers["Authorization"],
                    "body": json.loads(body),
                }
            )
            answer = fake.answers.pop(0) if fake.answers else (201, self._accepted(json.loads(body)))
            if answer is None:
                self.close_connection = True
            else:
                self._answer(*answer)

        def _accepted(self, body: dict[str, Any]) -> dict[str, Any]:
            request = body["outboundSMSMessageRequest"]
            resource = f"{fake.url}{self.path}/c0ffee-{len(fake.seen)}"
            return {"outboundSMSMessageRequest": {**request, "resourceURL": resource}}

        def _answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
