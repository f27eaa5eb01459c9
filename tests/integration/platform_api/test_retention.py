"""Retention policies over HTTP: whose they are, what they may say, and that ingest reads what was set."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from ingest.retention_store import load_policies
from platform_api.actor import Role
from telemetry.retention import RetentionPolicy
from tests.support.api import Person, api_on, code_of, person

PATH = "/api/v1/fleet/retention/"
FOR_EVER = dict.fromkeys(("ping_days", "thin_after_days", "thin_to_s", "interval_days", "visit_days"))


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url, ping_retention_days=200) as client:
        yield client


@pytest.fixture
def carrier(client: httpx.Client) -> Person:
    return person(client, Role.CARRIER)


@pytest.fixture
def administrator(client: httpx.Client) -> Iterator[Person]:
    made = person(client, Role.ADMINISTRATOR)
    yield made
    made.delete(PATH)


def days(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if name in FOR_EVER and value is not None}


def test_a_carrier_sets_its_own_and_ingest_reads_it(carrier: Person, database_url: str) -> None:
    before = carrier.get(PATH).json()
    assert (before["own"], before["ping_days"], before["updated_at"]) == (False, 200, None)
    policy = {
        "ping_days": 365,
        "thin_after_days": 90,
        "thin_to_s": 60,
        "interval_days": 730,
        "visit_days": 365,
    }
    answer = carrier.put(PATH, policy)
    assert days(answer) == policy
    assert (answer.json()["own"], answer.json()["carrier_id"]) == (True, str(carrier.id))
    assert carrier.get(PATH).json() == answer.json()
    with psycopg.connect(database_url) as connection:
        assert load_policies(connection)[carrier.id] == RetentionPolicy(365, 90, 60, 730, 365)
    # The whole of it is replaced: what is left out is for ever.
    assert days(carrier.put(PATH, {"ping_days": 100})) == {"ping_days": 100}
    assert days(carrier.delete(PATH)) == {"ping_days": 200}
    assert days(carrier.delete(PATH)) == {"ping_days": 200}


def test_an_administrator_sets_the_default_and_any_fleets(carrier: Person, administrator: Person) -> None:
    other = person(carrier.client, Role.CARRIER)
    assert days(administrator.put(PATH, {"ping_days": 50})) == {"ping_days": 50}
    assert administrator.get(PATH).json()["carrier_id"] is None
    of_other = f"{PATH}?carrier_id={other.id}"
    assert days(administrator.get(of_other)) == {"ping_days": 50}
    assert days(administrator.put(of_other, {})) == {}
    assert other.get(PATH).json()["own"] is True
    assert days(carrier.get(PATH)) == {"ping_days": 50}
    for user_id in (uuid4(), person(carrier.client, Role.DRIVER).id):
        answer = administrator.put(f"{PATH}?carrier_id={user_id}", {})
        assert code_of(answer) == (404, "carrier_not_found")


def test_nobody_reads_or_sets_anothers(client: httpx.Client, carrier: Person) -> None:
    rival = person(client, Role.CARRIER)
    path = f"{PATH}?carrier_id={carrier.id}"
    for actor, where in (
        (rival, path),
        *((person(client, role), PATH) for role in (Role.DRIVER, Role.SHIPPER, Role.BROKER)),
    ):
        for answer in (actor.get(where), actor.put(where, {}), actor.delete(where)):
            assert code_of(answer) == (403, "role_not_allowed")
    assert code_of(client.get(PATH)) == (401, "not_authenticated")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ping_days": 34}, "retention_too_short"),
        ({"ping_days": 4000}, "retention_too_long"),
        ({"ping_days": 90, "visit_days": 60}, "retention_order"),
        ({"ping_days": 90, "thin_to_s": 60}, "thinning"),
        ({"ping_days": 0}, "invalid_body"),
        ({"ping_days": "90 days"}, "invalid_body"),
        ({"ping_days": 2**40}, "invalid_body"),
        ({"pings": 90}, "invalid_body"),
    ],
)
def test_a_policy_that_cannot_be(carrier: Person, body: dict[str, Any], code: str) -> None:
    assert code_of(carrier.put(PATH, body)) == (422, code)
    assert carrier.get(PATH).json()["own"] is False


def test_two_set_it_at_once_and_one_of_them_stands(carrier: Person, administrator: Person) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda d: carrier.put(PATH, {"ping_days": 100 + d}), range(8)))
        answers += list(pool.map(lambda d: administrator.put(PATH, {"ping_days": 100 + d}), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert carrier.get(PATH).json()["ping_days"] in range(100, 108)
