"""ws/alerts/ over a real server, database and Valkey: what happens to an inbox is seen as it happens, by its party alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import Client
from websockets.sync.client import ClientConnection, connect

from config.database import transaction
from config.redis import alerts_channel, sync_redis
from platform_api.actor import Role
from platform_api.alerts import announcing, live, repository, service
from platform_api.organisations.models import OrganisationMember
from platform_api.tracking import live_socket
from tests.integration.alerts.test_inbox import AT, FACTS, inbox, tell
from tests.integration.tracking.viewer import receive, receive_until, rest, token_of, url
from tests.support.api import Person, api_on, person
from tests.support.people import colleague


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def shipper(client: Client) -> Person:
    return person(client, Role.SHIPPER)


@contextmanager
def watching(client: Client, token: str | None, language: str = "fr") -> Iterator[ClientConnection]:
    headers = {"Accept-Language": language}
    with connect(url(client, "/ws/alerts/", token), proxy=None, additional_headers=headers) as socket:
        yield socket


def next_alert(socket: ClientConnection) -> dict[str, Any]:
    message = receive_until(socket, lambda each: each["type"] != "heartbeat")[-1]
    assert message["type"] == "alert", message
    alert: dict[str, Any] = message["alert"]
    return alert


def now() -> datetime:
    return datetime.now(UTC)


def test_what_is_open_first_and_then_all_that_happens(client: Client, shipper: Person) -> None:
    before = tell(shipper.id, dedup="a")
    done = tell(shipper.id)
    shipper.post(f"/api/v1/alerts/{done}/acknowledge/")
    with watching(client, token_of(shipper)) as socket:
        snapshot = receive(socket)
        assert (snapshot["type"], snapshot["open"], snapshot["by_severity"]) == (
            "snapshot",
            1,
            {"warning": 1},
        )
        listed = shipper.client.get(
            "/api/v1/alerts/", params={"open": True}, headers=shipper.headers | {"Accept-Language": "fr"}
        )
        assert snapshot["alerts"] == listed.json()["items"]
        new = tell(shipper.id, plate="DK-7")
        told = next_alert(socket)
        assert (told["id"], told["acknowledged_at"]) == (new, None)
        assert "DK-7" in told["title"] + told["detail"]
        tell(shipper.id, at=AT + timedelta(minutes=5), dedup="a")
        assert (revised := next_alert(socket))["id"] == before
        assert revised["revision"] == 1
        with transaction() as session:
            service.end_alert(session, "a", at=AT + timedelta(minutes=9), now=now())
        assert next_alert(socket)["ended_at"] is not None
        with transaction() as session:
            service.withdraw_alert(session, "a", now=now())
        assert next_alert(socket)["withdrawn_at"] is not None
        colleague(shipper).post(f"/api/v1/alerts/{new}/acknowledge/")
        assert next_alert(socket)["acknowledged_at"] is not None


def test_in_the_language_that_is_asked_for(client: Client, shipper: Person) -> None:
    tell(shipper.id)
    with watching(client, token_of(shipper), "en") as english, watching(client, token_of(shipper)) as french:
        (one,), (other,) = receive(english)["alerts"], receive(french)["alerts"]
        assert one["title"] != other["title"]


def test_the_inbox_of_others_is_not_seen(client: Client, shipper: Person) -> None:
    stranger = person(client, Role.SHIPPER)
    with watching(client, token_of(shipper)) as socket:
        receive(socket)
        foreign = tell(stranger.id)
        # Even when somebody names it on the channel of this party.
        sync_redis().publish(alerts_channel(shipper.id), f'{{"ids": [{foreign}]}}')
        own = tell(shipper.id)
        assert next_alert(socket)["id"] == own


def test_nothing_is_lost_between_the_snapshot_and_the_stream(
    client: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Raised and committed right after the snapshot was read."""
    read, raised = repository.newest, []

    def and_then(*arguments: Any) -> Any:
        rows = read(*arguments)
        if not raised:
            raised.append(tell(shipper.id))
        return rows

    monkeypatch.setattr(live.repository, "newest", and_then)
    with watching(client, token_of(shipper)) as socket:
        assert receive(socket)["alerts"] == []
        assert next_alert(socket)["id"] == raised[0]


def test_what_no_message_told_is_found_by_the_next_look(
    client: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_socket, "RECHECK_S", 0.2)
    monkeypatch.setattr(announcing, "_publish", lambda *_: None)
    with watching(client, token_of(shipper)) as socket:
        receive(socket)
        alert_id = tell(shipper.id)
        assert next_alert(socket)["id"] == alert_id
        shipper.post(f"/api/v1/alerts/{alert_id}/acknowledge/")
        assert next_alert(socket)["acknowledged_at"] is not None


def test_after_a_lost_connection_to_valkey_there_is_a_new_snapshot(client: Client, shipper: Person) -> None:
    with watching(client, token_of(shipper)) as socket:
        receive(socket)
        sync_redis().client_kill_filter(_type="pubsub")
        alert_id = tell(shipper.id)
        messages = receive_until(socket, lambda each: each["type"] == "snapshot", 15)
        assert [alert["id"] for alert in messages[-1]["alerts"]] == [alert_id]


@pytest.mark.parametrize("limit", ["named", "pending"])
def test_very_many_at_once_are_a_new_snapshot(
    client: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(*((announcing, "MAX_NAMED", 1) if limit == "named" else (live, "MAX_PENDING", 1)))
    for _ in range(3):
        tell(shipper.id)
    with watching(client, token_of(shipper)) as socket:
        assert receive(socket)["open"] == 3
        shipper.post("/api/v1/alerts/acknowledge-all/")
        snapshot = receive(socket)
        assert (snapshot["type"], snapshot["open"], snapshot["alerts"]) == ("snapshot", 0, [])


def test_an_inbox_of_thousands_costs_no_more(
    client: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WATCHED", 5)
    monkeypatch.setattr(live, "MAX_IN_SNAPSHOT", 3)
    ids = [tell(shipper.id) for _ in range(8)]
    with watching(client, token_of(shipper)) as socket:
        snapshot = receive(socket)
        assert (snapshot["open"], [alert["id"] for alert in snapshot["alerts"]]) == (8, ids[-3:])
        shipper.post(f"/api/v1/alerts/{ids[0]}/acknowledge/")
        assert next_alert(socket)["id"] == ids[0], "also of one that is no more among the newest"
    assert len(inbox(shipper, open=True)) == 7


def tell_in_vain(owner: Person) -> None:
    with transaction() as session:
        service.raise_alert(session, party_id=owner.id, kind="unplanned_stop", at=AT, now=now(), facts=FACTS)
        raise ZeroDivisionError


def test_what_is_rolled_back_is_not_told(client: Client, shipper: Person) -> None:
    with watching(client, token_of(shipper)) as socket:
        receive(socket)
        with pytest.raises(ZeroDivisionError):
            tell_in_vain(shipper)
        alert_id = tell(shipper.id)
        assert next_alert(socket)["id"] == alert_id


def test_who_is_not_let_in(client: Client, shipper: Person) -> None:
    key = shipper.post("/api/v1/api-keys/", {"name": "x", "scopes": ["alerts:read"]}).json()["key"]
    root = person(client, Role.ADMINISTRATOR)
    body = {"user_id": str(shipper.id), "reason": "Ticket 4711: il ne voit pas ses alertes"}
    acting = root.post("/api/v1/admin/impersonations/", body).json()["token"]
    for token, reason in [
        (None, "not_authenticated"),
        ("rubbish", "invalid_token"),
        (key, "invalid_token"),
        # Whoever acts as somebody else leaves a trace of each request, and reads the list instead.
        (acting, "invalid_token"),
    ]:
        with watching(client, token) as socket:
            messages, code, closed = rest(socket)
        assert (code, closed, [each["code"] for each in messages]) == (4401, reason, [reason])


def test_signed_out_elsewhere_it_ends(
    client: Client, shipper: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the next look, and before anything else is told."""
    with watching(client, token_of(shipper)) as socket:
        receive(socket)
        assert shipper.delete(f"/api/v1/auth/sessions/{shipper.session_id}/").status_code == 204
        tell(shipper.id)
        messages, code, _ = rest(socket)
    assert code == 4401
    assert [each["type"] for each in messages] == ["error"]
    monkeypatch.setattr(live_socket, "RECHECK_S", 0.2)
    other = person(client, Role.SHIPPER)
    with watching(client, token_of(other)) as socket:
        receive(socket)
        other.delete(f"/api/v1/auth/sessions/{other.session_id}/")
        assert rest(socket)[1] == 4401


def test_whoever_left_the_organisation_sees_its_inbox_no_more(client: Client, shipper: Person) -> None:
    member = colleague(shipper)
    with watching(client, token_of(member)) as socket:
        tell(shipper.id)
        receive_until(socket, lambda each: each.get("open") == 1)
        with transaction() as session:
            session.delete(session.get_one(OrganisationMember, member.id))
        tell(shipper.id)
        messages, code, reason = rest(socket)
    assert (messages, code, reason) == ([], 1012, "party_changed")
