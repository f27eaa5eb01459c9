"""What is asked of EMQX's management API, against a server that answers as EMQX 5.8 does."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

import pytest

from brokers.emqx_admin import EmqxAdmin, EmqxError
from brokers.topics import DeviceIdError

UNTIL = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


class FakeEmqx(ThreadingHTTPServer):
    """Connected clients and bans, with the answers of `emqx_mgmt_api_clients` and `emqx_mgmt_api_banned`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connected: set[str] = set()
        self.banned: dict[str, dict[str, str]] = {}
        self.broken = False


class _Handler(BaseHTTPRequestHandler):
    server: FakeEmqx

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: object = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refused(self) -> bool:
        expected = "Basic " + base64.b64encode(b"key:secret").decode()
        if self.server.broken:
            self._answer(500, {"code": "INTERNAL_ERROR"})
        elif self.headers["Authorization"] != expected:
            self._answer(401, {"code": "BAD_API_KEY_OR_SECRET"})
        else:
            return False
        return True

    def do_DELETE(self) -> None:
        if self._refused():
            return
        kind, name = self.path.removeprefix("/api/v5/").rsplit("/", 1)
        uid = unquote(name)
        known = self.server.connected if kind == "clients" else self.server.banned
        assert kind in ("clients", "banned/clientid"), self.path
        if uid not in known:
            self._answer(404, {"code": "NOT_FOUND"})
            return
        self.server.connected.discard(uid) if kind == "clients" else self.server.banned.pop(uid)
        self._answer(204)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._refused():
            return
        assert self.path == "/api/v5/banned"
        if body["who"] in self.server.banned:
            self._answer(400, {"code": "ALREADY_EXISTS"})
            return
        self.server.banned[body["who"]] = body
        self.server.connected.discard(body["who"])
        self._answer(200, body)


@pytest.fixture
def emqx() -> Iterator[FakeEmqx]:
    server = FakeEmqx()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def admin(emqx: FakeEmqx) -> Iterator[EmqxAdmin]:
    with EmqxAdmin(f"http://127.0.0.1:{emqx.server_port}/", key="key", secret="secret") as admin:
        yield admin


def test_a_client_is_disconnected_and_one_that_is_not_there_is_fine(emqx: FakeEmqx, admin: EmqxAdmin) -> None:
    emqx.connected |= {"truck:1", "truck-2"}
    for _ in range(2):
        admin.disconnect_device("truck:1")
    assert emqx.connected == {"truck-2"}


def test_a_ban_keeps_out_until_its_end_and_may_be_prolonged_and_lifted(
    emqx: FakeEmqx, admin: EmqxAdmin
) -> None:
    emqx.connected.add("phone-1")
    admin.keep_out("phone-1", until=UNTIL)
    assert emqx.connected == set()
    assert emqx.banned["phone-1"]["until"] == "2026-03-01T12:00:00+00:00"
    admin.keep_out("phone-1", until=UNTIL + timedelta(hours=1))
    assert (emqx.banned["phone-1"]["as"], emqx.banned["phone-1"]["until"]) == (
        "clientid",
        "2026-03-01T13:00:00+00:00",
    )
    for _ in range(2):
        admin.let_in("phone-1")
    assert emqx.banned == {}


def test_an_answer_that_is_no_success_is_an_error(emqx: FakeEmqx, admin: EmqxAdmin) -> None:
    emqx.broken = True
    with pytest.raises(EmqxError, match="500"):
        admin.disconnect_device("truck-1")
    emqx.broken = False
    stranger = EmqxAdmin(f"http://127.0.0.1:{emqx.server_port}", key="key", secret="x")
    with stranger, pytest.raises(EmqxError, match="401"):
        stranger.disconnect_device("truck-1")


def test_nobody_there_is_an_error() -> None:
    with (
        EmqxAdmin("http://127.0.0.1:1", key="key", secret="secret", deadline_s=1) as admin,
        pytest.raises(EmqxError),
    ):
        admin.disconnect_device("truck-1")


def test_only_device_uids_go_into_an_address(admin: EmqxAdmin) -> None:
    for uid in ("a/../b", "svc-ingest-1", "+"):
        with pytest.raises(DeviceIdError):
            admin.disconnect_device(uid)
