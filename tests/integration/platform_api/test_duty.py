"""Duty over HTTP: a driver's own buttons, races between them, and what he is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from config import clock
from config.database import transaction
from platform_api.actor import Role
from platform_api.duty.tasks import close_forgotten
from tests.support.api import Person, api_on, code_of, person

DUTY = "/api/v1/duty/"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def driver(client: httpx.Client) -> Person:
    return person(client, Role.DRIVER)


def execute(sql: str, **values: Any) -> None:
    with transaction() as session:
        session.execute(text(sql), values)


def shift(driver: Person, hours: float) -> None:
    """As if the open duty had begun so much earlier."""
    execute(
        "UPDATE duty_periods SET started_at = started_at - :by, closes_at = closes_at - :by WHERE user_id = :id",
        by=hours * HOUR,
        id=driver.id,
    )


def test_a_day_at_work(driver: Person) -> None:
    assert driver.get(DUTY).json() == {
        "positions_taken": False,
        "reasons": [],
        "items": [],
        "next_cursor": None,
    }
    began = driver.post(f"{DUTY}start/")
    assert began.status_code == 200
    body = began.json()
    lasts = datetime.fromisoformat(body["closes_at"]) - datetime.fromisoformat(body["started_at"])
    assert (lasts, body["ended_at"]) == (16 * HOUR, None)
    assert driver.post(f"{DUTY}start/").json() == body
    shown = driver.get(DUTY).json()
    assert shown["positions_taken"] is True
    assert [(r["why"], r["since"], r["until"]) for r in shown["reasons"]] == [
        ("duty", body["started_at"], body["closes_at"])
    ]
    ended = driver.post(f"{DUTY}stop/").json()
    assert ended["ended_by"] == "driver"
    assert driver.get(DUTY).json()["positions_taken"] is False
    assert code_of(driver.post(f"{DUTY}stop/")) == (409, "not_on_duty")


def test_started_without_coverage(driver: Person) -> None:
    pressed = (clock.now() - 2 * HOUR).replace(microsecond=0)
    body = driver.post(f"{DUTY}start/", {"at": pressed.isoformat()}).json()
    assert datetime.fromisoformat(body["started_at"]) == pressed
    driver.post(f"{DUTY}stop/")
    for at, expected in (
        (pressed + HOUR, (409, "duty_overlap")),
        (clock.now() + HOUR, (422, "time_in_future")),
        (clock.now() - 17 * HOUR, (422, "time_too_long_ago")),
    ):
        assert code_of(driver.post(f"{DUTY}start/", {"at": at.isoformat()})) == expected
    assert code_of(driver.post(f"{DUTY}start/", {"at": "2026-03-01T12:00:00"})) == (422, "invalid_body")
    assert code_of(driver.post(f"{DUTY}start/", {"driver_id": str(driver.id)})) == (422, "invalid_body")


def test_a_forgotten_duty_ends_at_its_limit(driver: Person) -> None:
    driver.post(f"{DUTY}start/")
    shift(driver, 17)
    assert driver.get(DUTY).json()["positions_taken"] is False
    assert close_forgotten() == 1
    (row,) = driver.get(DUTY).json()["items"]
    assert (row["ended_at"], row["ended_by"]) == (row["closes_at"], "limit")
    # Not yet swept up when the next one begins.
    driver.post(f"{DUTY}start/")
    shift(driver, 17)
    driver.post(f"{DUTY}start/")
    newest, before, _ = driver.get(DUTY).json()["items"]
    assert (newest["ended_at"], before["ended_by"]) == (None, "limit")


def test_nobody_else_reads_or_presses_the_buttons(client: httpx.Client, driver: Person) -> None:
    for role in (Role.CARRIER, Role.ADMINISTRATOR, Role.SHIPPER, Role.BROKER):
        other = person(client, role, is_superuser=role is Role.ADMINISTRATOR)
        for answer in (other.post(f"{DUTY}start/"), other.post(f"{DUTY}stop/"), other.get(DUTY)):
            assert code_of(answer) == (403, "role_not_allowed")
    assert code_of(client.get(DUTY)) == (401, "not_authenticated")


def test_the_list_goes_on_page_by_page(driver: Person) -> None:
    for number in range(5):
        execute(
            "INSERT INTO duty_periods (user_id, started_at, closes_at, ended_at, ended_by)"
            " VALUES (:id, :at, :at + interval '16 hours', :at + interval '1 hour', 'driver')",
            id=driver.id,
            at=clock.now() - (100 - number) * HOUR,
        )
    seen, cursor = [], ""
    while True:
        page = driver.get(f"{DUTY}?limit=2{cursor}").json()
        seen += [item["started_at"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 5
    assert code_of(driver.get(f"{DUTY}?cursor=x")) == (400, "invalid_cursor")


@pytest.mark.parametrize("_round", range(5))
def test_two_presses_at_once_are_one_duty(driver: Person, _round: int) -> None:
    start = Barrier(2)

    def press() -> Any:
        start.wait()
        return driver.post(f"{DUTY}start/").json()

    with ThreadPoolExecutor(2) as pool:
        one, two = (future.result() for future in [pool.submit(press) for _ in range(2)])
    assert one == two
    assert len(driver.get(DUTY).json()["items"]) == 1
