"""Incidents: told by phones that were offline, once, to those who wait for the goods."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from platform_api.actor import Role
from platform_api.incidents import service
from platform_api.incidents.rules import Kind
from platform_api.incidents.service import Report
from tests.integration.aftermath.world import After
from tests.integration.orders.world import actor_of
from tests.support.api import Person, code_of, person
from tests.support.races import race

PATH = "/api/v1/incidents/"


def report(by: Person, **more: Any) -> dict[str, Any]:
    body = {"id": str(uuid4()), "kind": "breakdown", "description": "Pneu éclaté", **more}
    answer = by.post(PATH, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_driver_reports_and_everybody_who_waits_is_told(world: After) -> None:
    order = world.assigned()
    photo = world.photo(order.driver)
    at = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    place = {"lat": 14.3, "lon": -16.4}
    made = report(order.driver, order_id=str(order.id), place=place, time=at, file_ids=[photo])
    assert (made["vehicle_id"], made["severity"], made["file_ids"]) == (order.vehicle_id, "warning", [photo])
    for waiting in (order.shipper, order.carrier):
        (alert,) = world.alerts(waiting, "incident_reported")
        assert "Pneu éclaté" in alert["detail"]
        assert waiting.get(f"{PATH}{made['id']}/").json() == made
        assert waiting.get(f"{PATH}{made['id']}/files/{photo}/").status_code == 200


def test_sent_twice_it_is_one(world: After) -> None:
    order = world.assigned()
    body = {"id": str(uuid4()), "kind": "accident", "order_id": str(order.id)}
    answers = [order.driver.post(PATH, body) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len(world.alerts(order.shipper, "incident_reported")) == 1
    assert code_of(order.carrier.post(PATH, body)) == (409, "incident_id_taken")


def test_sent_twice_at_once_it_is_one(world: After) -> None:
    order = world.assigned()
    driver = replace(actor_of(order.driver), carrier_id=order.carrier.id)

    for _ in range(20):
        given = Report(uuid4(), Kind.BREAKDOWN)

        def send(session: Session, now: datetime, given: Report = given) -> object:
            return service.report(session, driver, given, now=now)

        assert race(send, send) == ["ok", "ok"]
        assert len(world.sql("SELECT 1 FROM incidents WHERE id = %s", given.id)) == 1


def test_it_is_closed_by_the_carrier_and_not_by_the_shipper(world: After) -> None:
    order = world.assigned()
    made = report(order.driver, order_id=str(order.id))
    path = f"{PATH}{made['id']}/close/"
    assert code_of(order.shipper.post(path, {"note": "x"})) == (403, "role_not_allowed")
    for _ in range(2):
        assert order.carrier.post(path, {"note": "Réparé"}).json()["closing_note"] == "Réparé"
    assert order.carrier.get(PATH, params={"open": True}).json()["items"] == []
    assert len(order.carrier.get(PATH, params={"order_id": str(order.id)}).json()["items"]) == 1


def test_strangers_and_the_next_carrier_see_nothing(world: After) -> None:
    order = world.assigned()
    made = report(order.driver, order_id=str(order.id))
    other, other_driver, _ = world.fleet()
    for stranger in (
        other,
        other_driver,
        person(world.client, Role.SHIPPER),
        person(world.client, Role.BROKER),
    ):
        assert code_of(stranger.get(f"{PATH}{made['id']}/")) == (404, "incident_not_found")
        assert stranger.get(PATH).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kind": "dance"}, (422, "invalid_body")),
        ({"time": "2099-01-01T00:00:00Z"}, (422, "time_in_future")),
        ({"time": "2020-01-01T00:00:00Z"}, (422, "incident_too_old")),
        ({"order_id": str(uuid4())}, (404, "order_not_found")),
        ({"vehicle_id": 999_999}, (404, "vehicle_not_found")),
        ({"file_ids": [str(uuid4())]}, (404, "file_not_found")),
    ],
)
def test_reports_that_cannot_be(world: After, body: dict[str, Any], expected: tuple[int, str]) -> None:
    full = {"id": str(uuid4()), "kind": "breakdown", **body}
    assert code_of(world.driver.post(PATH, full)) == expected


def test_shippers_report_none(world: After) -> None:
    body = {"id": str(uuid4()), "kind": "breakdown"}
    assert code_of(world.shipper.post(PATH, body)) == (403, "role_not_allowed")
    assert code_of(person(world.client, Role.DRIVER).post(PATH, body)) == (403, "driver_without_carrier")
