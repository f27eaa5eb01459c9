"""The inbox over HTTP: what is raised is read by its party alone, in its language, until somebody takes note."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import Client

from config.database import transaction
from platform_api.actor import Role
from platform_api.alerts import service
from tests.support.api import Person, api_on, code_of, person
from tests.support.queries import count_queries
from tests.support.races import race

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FACTS = {
    "reference": "MESS-26-AB12CD", "plate": "DK-1234-AB", "pickup": "Port de Dakar", "delivery": "Kaolack",
    "stopped_at": AT.isoformat(), "minutes": 45, "lat": 14.4, "lon": -16.6,
}  # fmt: skip
ROUNDS = 100


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def shipper(client: Client) -> Person:
    return person(client, Role.SHIPPER)


def tell(party_id: UUID, *, at: datetime = AT, dedup: str | None = None, **facts: Any) -> int:
    with transaction() as session:
        return service.raise_alert(
            session,
            party_id=party_id,
            kind="unplanned_stop",
            at=at,
            now=datetime.now(UTC),
            facts=FACTS | facts,
            dedup=dedup,
        ).id


def inbox(person: Person, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = person.get("/api/v1/alerts/", params=query).json()["items"]
    return items


def test_an_alert_is_read_by_its_party_alone(client: Client, shipper: Person) -> None:
    alert_id = tell(shipper.id)
    (shown,) = inbox(shipper)
    assert (shown["id"], shown["kind"], shown["severity"]) == (alert_id, "unplanned_stop", "warning")
    assert "01/03/2026 12:30" in shown["detail"]
    for stranger in (person(client, Role.SHIPPER), person(client, Role.ADMINISTRATOR)):
        assert inbox(stranger) == []
        refused = stranger.post(f"/api/v1/alerts/{alert_id}/acknowledge/")
        assert code_of(refused) == (404, "alert_not_found")
    assert client.get("/api/v1/alerts/").status_code == 401


def test_it_speaks_the_language_of_its_reader(shipper: Person) -> None:
    tell(shipper.id)
    response = shipper.client.get("/api/v1/alerts/", headers=shipper.headers | {"Accept-Language": "fr-SN"})
    (shown,) = response.json()["items"]
    assert shown["title"] == "DK-1234-AB est arrêté hors des lieux prévus"
    assert "01/03/2026 à 12:30" in shown["detail"]


def test_an_alert_that_its_texts_cannot_tell_is_not_raised(shipper: Person) -> None:
    with pytest.raises(KeyError), transaction() as session:
        service.raise_alert(session, party_id=shipper.id, kind="unplanned_stop", at=AT, now=AT, facts={})
    with pytest.raises(KeyError), transaction() as session:
        service.raise_alert(session, party_id=shipper.id, kind="no_such_kind", at=AT, now=AT)
    assert inbox(shipper) == []


def test_acknowledged_it_is_no_longer_open(shipper: Person) -> None:
    first, second, third = (tell(shipper.id) for _ in range(3))
    done = shipper.post(f"/api/v1/alerts/{first}/acknowledge/")
    assert done.json()["acknowledged_by"] == str(shipper.id)
    again = shipper.post(f"/api/v1/alerts/{first}/acknowledge/")
    assert again.json() == done.json()
    assert [alert["id"] for alert in inbox(shipper, open="true")] == [third, second]
    assert [alert["id"] for alert in inbox(shipper, open="false")] == [first]
    assert shipper.get("/api/v1/alerts/count/").json() == {"open": 2, "by_severity": {"warning": 2}}
    some = shipper.post("/api/v1/alerts/acknowledge-all/", {"up_to": second})
    assert some.json() == {"acknowledged": 1}
    assert shipper.post("/api/v1/alerts/acknowledge-all/").json() == {"acknowledged": 1}
    assert shipper.get("/api/v1/alerts/count/").json() == {"open": 0, "by_severity": {}}


def test_the_same_thing_told_again_revises_its_alert(client: Client, shipper: Person) -> None:
    carrier = person(client, Role.CARRIER)
    alert_id = tell(shipper.id, dedup="stop/1")
    tell(carrier.id, dedup="stop/1")
    shipper.post(f"/api/v1/alerts/{alert_id}/acknowledge/")
    assert tell(shipper.id, dedup="stop/1", at=AT + timedelta(minutes=5), minutes=60) == alert_id
    (shown,) = inbox(shipper)
    assert (shown["revision"], shown["facts"]["minutes"], shown["acknowledged_by"]) == (
        1,
        60,
        str(shipper.id),
    )
    tell(shipper.id, dedup="stop/1", at=AT + timedelta(minutes=5), minutes=60)
    assert inbox(shipper)[0]["revision"] == 1
    assert inbox(carrier)[0]["revision"] == 0


def test_what_did_not_happen_is_withdrawn_from_every_inbox(client: Client, shipper: Person) -> None:
    carrier = person(client, Role.CARRIER)
    people, now = (shipper, carrier), datetime.now(UTC)
    alert_id = tell(shipper.id, dedup="stop/2")
    tell(carrier.id, dedup="stop/2")
    shipper.post(f"/api/v1/alerts/{alert_id}/acknowledge/")
    with transaction() as session:
        assert service.withdraw_alert(session, "stop/2", now=now) == 2
    with transaction() as session:
        assert service.withdraw_alert(session, "stop/2", now=now) == 0
    assert [inbox(someone, open="true") for someone in people] == [[], []]
    assert all(alert["withdrawn_at"] for someone in people for alert in inbox(someone))
    # It happened after all: news, although it had been acknowledged before.
    tell(shipper.id, dedup="stop/2")
    (shown,) = inbox(shipper, open="true")
    assert (shown["id"], shown["acknowledged_at"], shown["withdrawn_at"]) == (alert_id, None, None)


def test_what_is_over_says_since_when(shipper: Person) -> None:
    tell(shipper.id, dedup="stop/3")
    over = AT + timedelta(hours=1)
    with transaction() as session:
        assert service.end_alert(session, "stop/3", at=over, now=over) == 1
        assert service.end_alert(session, "stop/3", at=over, now=over) == 0
    (shown,) = inbox(shipper)
    assert datetime.fromisoformat(shown["ended_at"]) == over


def test_filters_and_pages(shipper: Person) -> None:
    ids = [tell(shipper.id) for _ in range(3)]
    first = shipper.get("/api/v1/alerts/", params={"limit": 2}).json()
    rest = shipper.get("/api/v1/alerts/", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [alert["id"] for alert in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    assert inbox(shipper, kind="late_arrival") == []
    assert inbox(shipper, order_id="00000000-0000-0000-0000-000000000000") == []
    unknown = shipper.get("/api/v1/alerts/", params={"kind": "sunshine"})
    assert code_of(unknown) == (400, "alert_kind_unknown")


def test_a_full_page_costs_what_an_empty_one_costs(shipper: Person) -> None:
    costs = []
    for extra in (1, 20):
        for _ in range(extra):
            tell(shipper.id)
        with count_queries() as seen:
            inbox(shipper)
        costs.append(len(seen))
    assert costs[0] == costs[1] > 0


def test_two_who_tell_the_same_at_once_make_one_alert(shipper: Person) -> None:
    for number in range(ROUNDS):

        def act(session: Any, now: datetime, dedup: str = f"race/{number}") -> None:
            service.raise_alert(
                session, party_id=shipper.id, kind="unplanned_stop", at=AT, now=now, facts=FACTS, dedup=dedup
            )

        assert race(act, act) == ["ok", "ok"]
    assert shipper.get("/api/v1/alerts/count/").json()["open"] == ROUNDS
