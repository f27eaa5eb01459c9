"""Bulk exports: what is in the file, who may have it, and what happens when a task dies."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import update

from config import clock
from config.database import transaction
from platform_api.actor import Role
from platform_api.exports import rules, sources, tasks, writing
from platform_api.exports.models import BulkExport
from tests.integration.orders.world import Assigned, World
from tests.integration.walk.copies import copy_last
from tests.integration.walk.lists_of_aftermath import VOIDED
from tests.support.api import Person, api_on, code_of, person
from tests.support.queries import count_queries
from tests.support.races import race

PATH = "/api/v1/exports/"


@pytest.fixture(scope="module")
def client(
    database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("exports")
    with api_on(database_url, redis_url, export_dir=str(folder)) as client:
        yield client


@pytest.fixture
def world(client: httpx.Client, database_url: str) -> World:
    return World(client, database_url)


def wish(**changes: Any) -> dict[str, Any]:
    now = clock.now()
    return {
        "kind": "orders",
        "format": "ndjson",
        "from_time": (now - timedelta(days=1)).isoformat(),
        "until_time": (now + timedelta(days=1)).isoformat(),
    } | changes


def ask(owner: Person, **changes: Any) -> dict[str, Any]:
    answer = owner.post(PATH, wish(**changes))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def fetch(owner: Person, **changes: Any) -> httpx.Response:
    made = ask(owner, **changes)
    tasks.write(made["id"])
    return owner.get(f"{PATH}{made['id']}/file/")


def test_a_shippers_orders_as_the_api_shows_them(world: World) -> None:
    paths = [world.posted() for _ in range(3)]
    world.posted(person(world.client, Role.SHIPPER))
    answer = fetch(world.shipper)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    shown = [json.loads(line) for line in answer.text.splitlines()]
    assert shown == [world.shipper.get(path).json() for path in paths]


def test_a_carrier_gets_its_own_and_not_the_market(world: World) -> None:
    own = world.assigned()
    world.posted()
    rows = [json.loads(line) for line in fetch(own.carrier).text.splitlines()]
    assert [row["id"] for row in rows] == [str(own.id)]


def test_as_csv_with_the_same_columns_and_no_formulas(world: World) -> None:
    path = world.posted()
    order_id = path.split("/")[-2]
    world.sql("UPDATE orders SET goods = '=1+1' WHERE id = %s", order_id)
    rows = list(csv.DictReader(io.StringIO(fetch(world.shipper, format="csv").text)))
    assert list(rows[0]) == list(world.shipper.get(path).json())
    assert rows[0]["goods"] == "'=1+1"
    assert json.loads(rows[0]["pickup"])["name"] == "Port de Dakar"


def test_orders_cost_no_query_each(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = person(world.client, Role.SHIPPER)
    counts = []
    for _ in range(2):
        for _ in range(3):
            world.posted(owner)
        made = ask(owner)
        with count_queries() as statements:
            tasks.write(made["id"])
        rows = owner.get(f"{PATH}{made['id']}/file/").text.splitlines()
        counts.append((len(rows), len(statements)))
    assert [rows for rows, _ in counts] == [3, 6]
    assert counts[0][1] == counts[1][1]
    # read in pieces, it is the same file
    monkeypatch.setattr(sources, "ROWS_AT_ONCE", 4)
    assert fetch(owner).text.splitlines() == rows


KINDS_OF_CARRIERS = [
    ("waybills", "/api/v1/waybills/"),
    ("incidents", "/api/v1/incidents/"),
    ("intervals", "/api/v1/telemetry/intervals/"),
]


def loaded(world: World) -> Assigned:
    """An order on the road, with a waybill, an incident and a stop of its truck."""
    order = world.assigned()
    assert order.driver.post(f"{order.path}confirm-loading/").status_code == 200
    body = {"id": str(uuid4()), "kind": "breakdown", "order_id": str(order.id)}
    assert order.driver.post("/api/v1/incidents/", body).status_code == 201
    world.sql(
        "INSERT INTO intervals (vehicle_id, kind, family, origin, device_id, started_at, ended_at, seen_at)"
        " VALUES (%s, 'stop', 'stop', 'platform', 0, now(), NULL, now()) RETURNING id",
        order.vehicle_id,
    )
    return order


@pytest.mark.parametrize(("kind", "path"), KINDS_OF_CARRIERS)
def test_what_a_carrier_has_as_its_lists_show_it(world: World, kind: str, path: str) -> None:
    order = loaded(world)
    loaded(world)  # another carrier's
    listed = order.carrier.get(path).json()["items"]
    assert len(listed) == 1
    assert [json.loads(line) for line in fetch(order.carrier, kind=kind).text.splitlines()] == listed
    assert fetch(person(world.client, Role.CARRIER), kind=kind).text == ""
    of_shipper = len(fetch(order.shipper, kind=kind).text.splitlines())
    assert of_shipper == (2 if kind == "incidents" else 0), "of his orders alone, and of no fleet"
    assert len(fetch(order.carrier, kind=kind, format="csv").text.splitlines()) == 2


@pytest.mark.parametrize(
    ("kind", "but"),
    [
        ("waybills", VOIDED),
        ("incidents", {}),
        ("intervals", {"started_at": "o.started_at - random() * interval '9 hours'", "ended_at": "now()"}),
    ],
)
def test_ten_rows_of_it_cost_what_one_costs(
    world: World, kind: str, but: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order = loaded(world)
    counts = []
    for _ in range(2):
        made = ask(order.carrier, kind=kind)
        with count_queries() as statements:
            tasks.write(made["id"])
        counts.append(len(statements))
        copy_last(world, kind, 9, but)
    assert counts[0] == counts[1]
    rows = fetch(order.carrier, kind=kind).text.splitlines()
    assert len(rows) == 19
    monkeypatch.setattr(sources, "ROWS_AT_ONCE", 4)
    assert fetch(order.carrier, kind=kind).text.splitlines() == rows


def test_an_empty_period_is_an_empty_file(world: World) -> None:
    old = {"from_time": "2020-01-01T00:00:00Z", "until_time": "2020-02-01T00:00:00Z"}
    assert fetch(world.shipper, **old).text == ""
    assert fetch(world.shipper, format="csv", **old).text.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"until_time": "2020-01-01T00:00:00Z"}, "invalid_period"),
        ({"from_time": "2024-01-01T00:00:00Z"}, "period_too_long"),
        ({"kind": "passwords"}, "invalid_body"),
        ({"format": "xlsx"}, "invalid_body"),
    ],
)
def test_what_cannot_be_exported(world: World, changes: dict[str, Any], code: str) -> None:
    assert code_of(world.shipper.post(PATH, wish(**changes))) == (422, code)


def test_one_at_a_time_and_a_repeated_click_is_one(world: World) -> None:
    body = wish()
    headers = world.shipper.headers | {"Idempotency-Key": "monthly"}
    first, again = (world.client.post(PATH, json=body, headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert code_of(world.shipper.post(PATH, wish())) == (409, "export_in_progress")
    assert code_of(world.shipper.get(f"{PATH}{first.json()['id']}/file/")) == (409, "export_not_ready")
    tasks.write(first.json()["id"])
    ask(world.shipper)


def test_nobody_else_sees_it(world: World) -> None:
    made = ask(world.shipper)
    stranger = person(world.client, Role.SHIPPER)
    for path in ("", "file/"):
        assert code_of(stranger.get(f"{PATH}{made['id']}/{path}")) == (404, "export_not_found")
    assert stranger.get(PATH).json()["items"] == []


def test_a_key_exports_no_more_than_it_reads(world: World, client: httpx.Client) -> None:
    def key(*scopes: str) -> dict[str, str]:
        made = world.shipper.post("/api/v1/api-keys/", {"name": "ERP", "scopes": list(scopes)}).json()
        return {"Authorization": f"Bearer {made['key']}"}

    narrow, wide = key("exports:read", "exports:write"), key("exports:read", "exports:write", "orders:read")
    refused = client.post(PATH, json=wish(), headers=narrow)
    assert code_of(refused) == (403, "scope_missing")
    assert "orders:read" in refused.json()["detail"]
    assert code_of(client.post(PATH, json=wish(kind="alerts"), headers=wide)) == (403, "scope_missing")
    made = client.post(PATH, json=wish(), headers=wide).json()
    tasks.write(made["id"])
    path = f"{PATH}{made['id']}/file/"
    assert code_of(client.get(path, headers=narrow)) == (403, "scope_missing")
    assert client.get(path, headers=wide).status_code == 200


def test_a_task_that_died_is_begun_again_and_at_the_third_time_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ask(world.shipper)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    queued: list[str] = []
    monkeypatch.setattr(tasks, "queue", lambda _task, export_id: queued.append(export_id))
    for attempt in range(1, rules.MAX_ATTEMPTS + 1):
        with monkeypatch.context() as broken:
            broken.setattr(writing, "write", die)
            with pytest.raises(KeyboardInterrupt):
                tasks.write(made["id"])
        tasks.write(made["id"])  # too early: the dead one may be alive
        shown = world.shipper.get(f"{PATH}{made['id']}/").json()
        assert (shown["state"], len(queued)) == ("running", attempt - 1)
        with transaction() as session:
            past = clock.now() - rules.STALE_AFTER
            session.execute(update(BulkExport).where(BulkExport.id == made["id"]).values(touched_at=past))
        tasks.sweep()
        assert queued.count(made["id"]) == attempt
    tasks.write(made["id"])
    assert world.shipper.get(f"{PATH}{made['id']}/").json()["state"] == "failed"
    assert code_of(world.shipper.get(f"{PATH}{made['id']}/file/")) == (409, "export_failed")


def test_two_tasks_write_it_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []
    original = writing.write

    def counting(*args: Any) -> tuple[int, int]:
        written.append(args)
        return original(*args)

    monkeypatch.setattr(writing, "write", counting)
    for _ in range(20):
        made = ask(world.shipper)
        assert race(*[lambda *_, key=made["id"]: tasks.write(key)] * 2) == ["ok", "ok"]
        assert world.shipper.get(f"{PATH}{made['id']}/").json()["state"] == "ready"
    assert len(written) == 20


def test_the_file_goes_after_some_days(world: World, client: httpx.Client) -> None:
    made = ask(world.shipper)
    tasks.write(made["id"])
    assert world.shipper.get(f"{PATH}{made['id']}/file/").status_code == 200
    with transaction() as session:
        session.execute(update(BulkExport).where(BulkExport.id == made["id"]).values(expires_at=clock.now()))
    tasks.sweep()
    assert code_of(world.shipper.get(f"{PATH}{made['id']}/file/")) == (409, "export_deleted")
    assert not list(Path(tasks.spool.folder()).glob(f"*{made['id']}*"))
