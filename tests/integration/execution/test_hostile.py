"""A phone's batch of nonsense: each action is answered by itself, and none is a server error."""

import json
from uuid import uuid4

import pytest

from tests.integration.execution.world import SYNC, ExecutionWorld
from tests.support.api import code_of

NONSENSE = [
    {"text": "a\u0000b"},
    {"text": "\ud800"},
    {"text": "x" * 100_000},
    {"text": "   "},
    {"text": ["a"]},
    {"time": 1e300},
    {"time": "0001-01-01T00:00:00Z"},
    {"time": "9999-12-31T23:59:59.999999Z"},
    {"time": "2026-03-02T09:12:00"},
    {"time": "2026-03-02T09:12:00+23:59"},
    {"position": {"lat": 91, "lon": 0}},
    {"position": {"lat": 14.6, "lon": -17.4, "accuracy_m": -1}},
    {"position": {"lat": 14.6, "lon": -17.4, "accuracy_m": 1e308}},
    {"position": {"lat": "14.6", "lon": None}},
    {"photos": [str(uuid4())] * 21},
    {"photos": ["not an id"]},
    {"order_id": "\u0000"},
    {"order_id": str(uuid4())},
    {"kind": "moon"},
    {"kind": None},
    {"id": "{" + str(uuid4()) + "}"},
    {"id": "0" * 32},
    {"unknown": 1},
]


def test_nonsense_holds_up_no_other(world: ExecutionWorld) -> None:
    order = world.assigned()
    for change in NONSENSE:
        bad = world.action(order, "note", 10, text="Barrage à Diamniadio") | change
        good = world.action(order, "note", 20, text="Reparti")
        response = order.driver.client.post(
            SYNC,
            content=json.dumps({"actions": [bad, good]}),
            headers={**order.driver.headers, "Content-Type": "application/json"},
        )
        assert response.status_code in (200, 422), (change, response.text)
        if response.status_code == 200:
            _, second = response.json()["results"]
            assert second["state"] == "applied", change
    listed = order.shipper.get(f"{order.path}statements/")
    assert listed.status_code == 200


@pytest.mark.parametrize("token", ["%00", "%F0%9F%9A%9A", "a%2Fb", "x" * 64, "%ED%A0%80", "'--"])
def test_a_token_that_nobody_made_is_unknown(world: ExecutionWorld, token: str) -> None:
    assert world.client.get(f"/api/v1/waybills/verify/{token}/").status_code in (404, 422)
    assert world.client.get(f"/verify/{token}").status_code in (404, 422)


def test_a_stop_without_a_number_and_a_place_that_is_none(world: ExecutionWorld) -> None:
    order = world.assigned()
    answers = world.states(
        order.driver,
        world.action(order, "arrived", 10, place="stop"),
        world.action(order, "arrived", 11, place="stop", stop=9),
        world.action(order, "arrived", 12, place="pickup", stop=2),
    )
    assert order.driver.get("/api/v1/driver/tasks/").status_code == 200
    assert set(answers) <= {"applied", "invalid_action"}


def test_a_batch_that_names_another_s_order_says_nothing_of_it(world: ExecutionWorld) -> None:
    mine, theirs = world.assigned(), world.assigned()
    assert world.states(mine.driver, world.action(theirs, "loading", 10)) == ["order_not_found"]
    assert code_of(mine.driver.get(f"{theirs.path}statements/")) == (404, "order_not_found")
    assert theirs.shipper.get(f"{theirs.path}statements/").json()["items"] == []
    assert theirs.shipper.get(theirs.path).json()["picked_up_at"] is None
