"""The edges of the API: commit before response, error shape, request id, limits, health."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import event, text
from starlette.types import Message, Receive, Scope, Send

from config.database import after_commit, transaction
from platform_api.actor import Role
from platform_api.app import MAX_BODY_BYTES, create_app
from platform_api.deps import CurrentActor, SessionDep
from platform_api.errors import Conflict, TooMany
from tests.support.api import api_client, api_on, code_of, person
from tests.support.settings import apply_settings, forget_settings

POOL_SIZE = 3
happened: list[str] = []
router = APIRouter(prefix="/probe")


@router.post("/write/")
def write(session: SessionDep, value: int) -> dict[str, int]:
    session.execute(text("INSERT INTO probe VALUES (:value)"), {"value": value})
    after_commit(session, lambda: happened.append("after commit"))
    happened.append("handler")
    return {"value": value}


@router.post("/refuse/")
def refuse(session: SessionDep, value: int) -> None:
    session.execute(text("INSERT INTO probe VALUES (:value)"), {"value": value})
    after_commit(session, lambda: happened.append("after commit"))
    raise Conflict("probe_refused", "No.")


@router.post("/broken-commit/")
def broken_commit(session: SessionDep) -> dict[str, str]:
    after_commit(session, lambda: happened.append("after commit"))

    @event.listens_for(session, "before_commit")
    def fail(_session: Any) -> None:
        raise RuntimeError("the disk is full")

    return {"status": "fine"}


@router.get("/actor/")
def actor_and_query(session: SessionDep, actor: CurrentActor) -> str:
    session.execute(text("SELECT pg_sleep(0.01)"))
    return str(actor.user_id)


@router.get("/crash/")
def crash() -> None:
    raise RuntimeError("secret internals")


@router.get("/slow-down/")
def slow_down() -> None:
    raise TooMany("slow_down", "Wait.", retry_after_s=7)


@router.get("/null/")
def break_not_null(session: SessionDep) -> None:
    session.execute(text("INSERT INTO users (phone) VALUES ('x')"))


@router.get("/number/{number}/")
def number(number: int, session: SessionDep) -> int:
    session.execute(text("SELECT CAST(:number AS bigint)"), {"number": number})
    return number


class Witness:
    """Outermost: notes when a response leaves."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                happened.append(f"response {message['status']}")
            await send(message)

        await self.app(scope, receive, noting)


def probe_app() -> FastAPI:
    app = create_app()
    app.include_router(router)
    app.add_middleware(Witness)
    return app


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch:
        apply_settings(patch, database_url=database_url, redis_url=redis_url, database_pool_size=POOL_SIZE)
        with transaction() as session:
            session.execute(text("CREATE TABLE probe (value int UNIQUE DEFERRABLE INITIALLY DEFERRED)"))
        with api_client(probe_app()) as client:
            yield client
    forget_settings()


@pytest.fixture(autouse=True)
def _nothing_happened() -> None:
    happened.clear()


def stored(value: int) -> int:
    with transaction() as session:
        count = session.scalar(text("SELECT count(*) FROM probe WHERE value = :value"), {"value": value})
        return int(count or 0)


def test_the_commit_and_what_is_queued_after_it_precede_the_response(client: httpx.Client) -> None:
    assert client.post("/probe/write/?value=1").status_code == 200
    assert happened == ["handler", "after commit", "response 200"]
    assert stored(1) == 1


def test_a_commit_that_violates_a_constraint_is_a_conflict_and_queues_nothing(client: httpx.Client) -> None:
    client.post("/probe/write/?value=2")
    happened.clear()
    # The constraint is deferred: the INSERT succeeds and the COMMIT fails.
    assert code_of(client.post("/probe/write/?value=2")) == (409, "conflict")
    assert happened == ["handler", "response 409"]
    assert stored(2) == 1


def test_a_commit_that_breaks_is_a_server_error_and_queues_nothing(client: httpx.Client) -> None:
    assert code_of(client.post("/probe/broken-commit/")) == (500, "internal_error")
    assert happened == ["response 500"]


def test_a_business_error_rolls_back(client: httpx.Client) -> None:
    assert code_of(client.post("/probe/refuse/?value=3")) == (409, "probe_refused")
    assert happened == ["response 409"]
    assert stored(3) == 0


def test_many_more_requests_than_connections_all_get_through(client: httpx.Client) -> None:
    caller = person(client, Role.SHIPPER)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: caller.get("/probe/actor/"), range(120)))
    assert {answer.status_code for answer in answers} == {200}


def test_every_error_has_one_shape(client: httpx.Client) -> None:
    driver = person(client, Role.DRIVER)
    answers = [
        client.get("/nowhere/"),
        client.get("/api/v1/auth/login/"),
        client.get("/api/v1/auth/me/"),
        driver.get("/api/v1/fleet/vehicles/"),
        client.post("/api/v1/auth/login/", content=b"{", headers={"Content-Type": "application/json"}),
        client.post("/api/v1/auth/login/", data={"phone": "771234567", "password": "long enough"}),
        client.get("/probe/crash/"),
        client.get("/probe/null/"),
        client.get("/probe/slow-down/"),
        client.get(f"/probe/number/{2**70}/"),
        person(client, Role.CARRIER).get("/api/v1/fleet/vehicles/?limit=0"),
    ]
    assert [code_of(answer) for answer in answers] == [
        (404, "not_found"),
        (405, "method_not_allowed"),
        (401, "not_authenticated"),
        (403, "role_not_allowed"),
        (422, "invalid_body"),
        (415, "unsupported_media_type"),
        (500, "internal_error"),
        (500, "internal_error"),
        (429, "slow_down"),
        (422, "invalid_value"),
        (400, "invalid_parameter"),
    ]
    for answer in answers:
        body = answer.json()
        assert body.keys() - {"errors"} == {"code", "detail", "request_id"}
        assert body["detail"]
        assert body["request_id"] == answer.headers["X-Request-Id"]
    assert answers[2].headers["WWW-Authenticate"] == "Bearer"
    assert answers[8].headers["Retry-After"] == "7"
    assert "secret internals" not in answers[6].text


def test_validation_names_the_field_and_never_echoes_the_value(client: httpx.Client) -> None:
    body = {"phone": "771234567", "name": "A", "role": "shipper", "password": "geheim"}
    answer = client.post("/api/v1/auth/register/", json=body)
    assert code_of(answer) == (422, "invalid_body")
    assert [error["field"] for error in answer.json()["errors"]] == ["body.password"]
    assert "geheim" not in answer.text


@pytest.mark.parametrize("wanted", ["abc-123", "A.b_c", "x" * 64])
def test_a_sane_request_id_of_the_caller_is_kept(client: httpx.Client, wanted: str) -> None:
    answer = client.get("/nowhere/", headers={"X-Request-Id": wanted})
    assert answer.json()["request_id"] == wanted


@pytest.mark.parametrize("wanted", ["", "x" * 65, "a b", "a;b", '"'])
def test_any_other_request_id_is_replaced(client: httpx.Client, wanted: str) -> None:
    answer = client.get("/nowhere/", headers={"X-Request-Id": wanted})
    assert answer.json()["request_id"] not in (wanted, "")


def test_a_body_over_the_limit_is_refused_announced_or_not(client: httpx.Client) -> None:
    body = b'{"name": "' + b"a" * MAX_BODY_BYTES + b'"}'
    headers = {"Content-Type": "application/json"}
    announced = client.post("/api/v1/auth/register/", content=body, headers=headers)
    assert code_of(announced) == (413, "body_too_large")
    chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
    chunked = client.post("/api/v1/auth/register/", content=chunks, headers=headers)
    assert code_of(chunked) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
def test_the_documentation_needs_nothing_from_elsewhere(client: httpx.Client, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 2
    for asset in loaded:
        assert asset.startswith("/api/docs-assets/")
        answer = client.get(asset)
        assert answer.status_code == 200
        assert len(answer.content) > 1000
    assert "/api/openapi.json" in page.text
    assert client.get("/api/openapi.json").json()["openapi"].startswith("3.1")


def test_a_path_without_its_slash_is_not_redirected(client: httpx.Client) -> None:
    assert code_of(client.post("/api/v1/auth/login", json={})) == (404, "not_found")


def test_health_names_the_part_that_is_down(client: httpx.Client, database_url: str, redis_url: str) -> None:
    assert client.get("/api/health/").json() == {"status": "ok", "database": "ok", "redis": "ok"}
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        with api_on(database_url, f"redis://127.0.0.1:{port}/0") as lame:
            answer = lame.get("/api/health/")
            assert answer.status_code == 503
            assert answer.json() == {"status": "degraded", "database": "ok", "redis": "unreachable"}
        with api_on(f"postgresql://postgres@127.0.0.1:{port}/none", redis_url) as lame:
            assert lame.get("/api/health/").json()["database"] == "unreachable"
            body = {"phone": "771234567", "password": str(uuid4())}
            assert code_of(lame.post("/api/v1/auth/login/", json=body)) == (503, "database_unavailable")
