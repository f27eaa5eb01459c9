"""The same POST again: once made, the same answer, whatever happened in between."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from config import clock
from config.database import transaction
from platform_api.actor import Role
from platform_api.geofences.models import Geofence
from platform_api.idempotency import tasks
from platform_api.idempotency.models import IdempotencyKey
from platform_api.idempotency.once import KEY_KEPT, drop_old_keys
from tests.support.api import Person, api_on, code_of, person

ROUNDS = 100
PATH = "/api/v1/geofences/"
CIRCLE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 300},
}
FENCE = {"name": "Port", "shape": CIRCLE}


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def carrier(client: httpx.Client) -> Person:
    return person(client, Role.CARRIER)


def draw(someone: Person, key: str | None, body: Any = FENCE, path: str = PATH) -> httpx.Response:
    headers = someone.headers if key is None else {**someone.headers, "Idempotency-Key": key}
    return someone.client.post(path, json=body, headers=headers)


def fences_of(someone: Person) -> int:
    with transaction() as session:
        count = select(func.count()).select_from(Geofence).where(Geofence.owner_id == someone.id)
        return session.scalar(count) or 0


def test_again_it_answers_the_same_and_makes_nothing(carrier: Person) -> None:
    first, again = draw(carrier, "a"), draw(carrier, "a")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert fences_of(carrier) == 1


def test_without_a_key_each_call_makes_one(carrier: Person) -> None:
    assert draw(carrier, None).json()["id"] != draw(carrier, None).json()["id"]


def test_it_answers_as_it_was_even_when_the_thing_is_gone(carrier: Person) -> None:
    first = draw(carrier, "gone")
    assert carrier.delete(f"{PATH}{first.json()['id']}/").status_code == 204
    assert draw(carrier, "gone").json() == first.json()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (FENCE | {"name": "Gare"}, PATH),
        (FENCE, f"{PATH}?x=1"),
        ({"plate": "DK-0001-ID"}, "/api/v1/fleet/vehicles/"),
    ],
)
def test_the_key_of_another_request_is_refused(carrier: Person, body: Any, path: str) -> None:
    assert draw(carrier, "one").status_code == 201
    assert code_of(draw(carrier, "one", body, path)) == (409, "idempotency_key_reused")
    assert fences_of(carrier) == 1


def test_each_has_keys_of_his_own(carrier: Person) -> None:
    other = person(carrier.client, Role.CARRIER)
    assert draw(carrier, "mine").json()["id"] != draw(other, "mine").json()["id"]
    assert fences_of(other) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "é".encode()])
def test_a_malformed_key_is_refused(carrier: Person, key: Any) -> None:
    answer = draw(carrier, key)
    assert answer.status_code == 400
    assert answer.json()["code"] in ("invalid_idempotency_key", "invalid_parameter")
    assert fences_of(carrier) == 0


@pytest.mark.parametrize("key", ["x" * 128, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"])
def test_any_printable_text_is_a_key(carrier: Person, key: str) -> None:
    assert draw(carrier, key).json() == draw(carrier, key).json()


def test_a_refusal_is_not_kept(carrier: Person) -> None:
    nowhere = FENCE | {"vehicle_id": 2**40}
    assert code_of(draw(carrier, "mend", nowhere)) == (404, "vehicle_not_found")
    assert draw(carrier, "mend").status_code == 201
    assert fences_of(carrier) == 1


def test_two_at_once_make_one(carrier: Person) -> None:
    with ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            answers = list(pool.map(lambda key: draw(carrier, key), [f"race-{number}"] * 2))
            assert [answer.status_code for answer in answers] == [201, 201]
            assert answers[0].json() == answers[1].json()
            assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 1
    assert fences_of(carrier) == ROUNDS


def test_of_two_different_requests_at_once_with_one_key_one_is_refused(carrier: Person) -> None:
    bodies = [FENCE | {"name": "Nord"}, FENCE | {"name": "Sud"}]
    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            answers = list(pool.map(lambda body, n=number: draw(carrier, f"either-{n}", body), bodies))
            assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert fences_of(carrier) == 20


def test_keys_are_kept_for_seven_days(carrier: Person) -> None:
    first = draw(carrier, "old")
    with transaction() as session:
        (row,) = session.scalars(select(IdempotencyKey).where(IdempotencyKey.user_id == carrier.id))
        made_at = row.created_at
        drop_old_keys(session, made_at + KEY_KEPT - timedelta(seconds=1))
    assert draw(carrier, "old").json() == first.json()
    with transaction() as session:
        assert drop_old_keys(session, made_at + KEY_KEPT) >= 1
    assert draw(carrier, "old").json()["id"] != first.json()["id"]


def test_the_task_drops_what_is_old(carrier: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(carrier, "swept")
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + KEY_KEPT + timedelta(minutes=1))
    tasks.drop_old_keys()
    with transaction() as session:
        assert session.get(IdempotencyKey, (carrier.id, "swept")) is None
