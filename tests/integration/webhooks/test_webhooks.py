"""Webhooks over real HTTP: what is sent to whom, signed, retried, replayed, and never into our own network."""

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from config import clock
from config.database import transaction
from platform_api.actor import Role
from platform_api.alerts import service as alerts
from platform_api.webhooks import delivering, rules, tasks
from platform_api.webhooks.rules import LEASE, RETRY_AFTER
from tests.integration.orders.world import World
from tests.support.api import Person, api_on, code_of, person
from tests.support.figures import figures
from tests.support.receiver import Receiver, dripping, receiver

PATH = "/api/v1/webhooks/"


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url, webhook_private_addresses=True) as client:
        yield client


@pytest.fixture
def world(client: httpx.Client, database_url: str) -> World:
    return World(client, database_url)


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


def subscribe(owner: Person, shop: Receiver, *events: str) -> dict[str, Any]:
    answer = owner.post(PATH, {"url": f"{shop.url}/hook?a=1", "events": events or ("order.changed",)})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def deliveries(owner: Person, webhook: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    answer = owner.get(f"{PATH}{webhook['id']}/deliveries/", params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def deliver_all(owner: Person, webhook: dict[str, Any]) -> None:
    """As the task does it, oldest first."""
    for item in reversed(deliveries(owner, webhook, state="pending")):
        tasks.deliver(item["id"])


def deliver_after(wait: timedelta, delivery_id: str) -> None:
    """The attempt of a worker whose clock is so far ahead."""
    now = clock.now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: now + wait)
        tasks.deliver(delivery_id)


def test_an_order_that_is_posted_is_told_and_signed(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.shipper, shop)
    path = world.posted()
    deliver_all(world.shipper, webhook)
    bodies = [json.loads(call.body) for call in shop.calls]
    assert [body["data"]["action"] for body in bodies] == ["created", "posted"]
    assert {body["type"] for body in bodies} == {"order.changed"}
    assert f"/api/v1/orders/{bodies[0]['data']['order_id']}/" == path
    call = shop.calls[0]
    assert (call.method, call.path) == ("POST", "/hook?a=1")
    key = base64.b64decode(webhook["secret"].removeprefix("whsec_"))
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"
    assert call.headers["host"] == f"127.0.0.1:{shop.port}"
    assert {item["state"] for item in deliveries(world.shipper, webhook)} == {"delivered"}


def test_of_bids_the_shipper_hears_and_no_rival(world: World, shop: Receiver) -> None:
    rival, _, rival_vehicle = world.fleet()
    theirs = subscribe(rival, shop, "bid.changed", "order.changed")
    own = subscribe(world.shipper, shop, "bid.changed")
    path = world.posted()
    world.bid(path, rival, rival_vehicle)
    world.bid(path, world.carrier, world.vehicle_id, amount_xof=765_431)
    assert deliveries(rival, theirs) == []
    told = deliveries(world.shipper, own)
    assert [item["body"]["data"]["action"] for item in told] == ["bid_placed", "bid_placed"]
    assert "765431" not in figures(json.dumps(told))


def test_the_carrier_hears_of_an_order_from_its_award_on(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.carrier, shop)
    path = world.posted()
    bid_id = world.bid(path, world.carrier, world.vehicle_id)
    assert deliveries(world.carrier, webhook) == []
    assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (200, "")
    assert [item["body"]["data"]["status"] for item in deliveries(world.carrier, webhook)] == ["ASSIGNED"]


def test_an_alert_is_told_once(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.shipper, shop, "alert.raised")
    facts = {
        "reference": "MESS-26-1", "plate": "DK-1234-AB", "pickup": "Dakar", "delivery": "Kaolack", "eta_at": "2026-11-27T10:00:00+00:00", "late_minutes": 40,
        "window_end_at": "2026-11-27T09:20:00+00:00",
    }  # fmt: skip
    for _ in range(2):
        with transaction() as session:
            alerts.raise_alert(
                session,
                party_id=world.shipper.id,
                kind="late_arrival",
                at=clock.now(),
                now=clock.now(),
                facts=facts,
                dedup=webhook["id"],
            )
    (item,) = deliveries(world.shipper, webhook)
    assert (item["type"], item["body"]["data"]["facts"]) == ("alert.raised", facts)


def test_a_change_that_is_rolled_back_tells_nothing(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.shipper, shop)
    path = world.posted()
    before = len(deliveries(world.shipper, webhook))
    assert code_of(world.shipper.post(f"{path}accept-bid/", {"bid_id": str(world.carrier.id)}))[0] == 404
    assert len(deliveries(world.shipper, webhook)) == before


def test_a_failing_receiver_is_tried_again_and_then_left(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.shipper, shop)
    shop.status = 503
    sent = world.shipper.post(f"{PATH}{webhook['id']}/test/").json()
    tasks.deliver(sent["id"])
    (item,) = deliveries(world.shipper, webhook)
    assert (item["state"], item["attempts"], item["last_status"]) == ("pending", 1, 503)
    tasks.deliver(sent["id"])
    assert len(shop.calls) == 1, "not before its time"
    waited = timedelta()
    for wait in RETRY_AFTER:
        waited += wait + timedelta(seconds=1)
        deliver_after(waited, sent["id"])
    (item,) = deliveries(world.shipper, webhook)
    assert (item["state"], item["attempts"]) == ("failed", 9)
    assert len({call.headers["webhook-id"] for call in shop.calls}) == 1
    shop.status = 200
    again = world.shipper.post(f"{PATH}{webhook['id']}/deliveries/{item['id']}/replay/")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    tasks.deliver(item["id"])
    assert deliveries(world.shipper, webhook)[0]["state"] == "delivered"
    assert len({call.headers["webhook-id"] for call in shop.calls}) == 1


def test_a_webhook_that_fails_for_days_is_switched_off_and_can_be_switched_on(
    world: World, shop: Receiver
) -> None:
    webhook = subscribe(world.shipper, shop)
    shop.status = 500
    first = world.shipper.post(f"{PATH}{webhook['id']}/test/").json()
    tasks.deliver(first["id"])
    deliver_after(timedelta(days=6), first["id"])
    shown = world.shipper.get(f"{PATH}{webhook['id']}/").json()
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "failing")
    assert code_of(world.shipper.post(f"{PATH}{webhook['id']}/test/")) == (409, "webhook_disabled")
    on = world.shipper.patch(f"{PATH}{webhook['id']}/", {"enabled": True}).json()
    assert (on["enabled"], on["disabled_reason"], on["failing_since"]) == (True, None, None)


def test_a_worker_that_died_in_the_middle_is_replaced(
    world: World, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = subscribe(world.shipper, shop)
    sent = world.shipper.post(f"{PATH}{webhook['id']}/test/").json()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(tasks.delivering, "send", die)
        with pytest.raises(KeyboardInterrupt):
            tasks.deliver(sent["id"])
    tasks.deliver(sent["id"])
    assert shop.calls == [], "the lease of the dead one holds"
    deliver_after(LEASE + timedelta(seconds=1), sent["id"])
    assert deliveries(world.shipper, webhook)[0]["state"] == "delivered"


def test_two_workers_send_it_once(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.shipper, shop)
    for _ in range(20):
        shop.calls.clear()
        sent = world.shipper.post(f"{PATH}{webhook['id']}/test/").json()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(tasks.deliver, [sent["id"]] * 2))
        assert len(shop.calls) == 1


def test_a_redirect_is_not_followed(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.shipper, shop)
    shop.status, shop.location = 302, f"{shop.url}/elsewhere"
    sent = world.shipper.post(f"{PATH}{webhook['id']}/test/").json()
    tasks.deliver(sent["id"])
    assert [call.path for call in shop.calls] == ["/hook?a=1"]
    assert deliveries(world.shipper, webhook)[0]["state"] == "pending"


def test_a_receiver_that_answers_drop_by_drop_holds_no_worker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes well within any pause that is allowed between two."""
    monkeypatch.setattr(rules, "ATTEMPT_TIMEOUT_S", 0.5)
    with dripping() as port:
        url = f"http://127.0.0.1:{port}/"
        webhook = world.shipper.post(PATH, {"url": url, "events": ["order.changed"]}).json()
        sent = world.shipper.post(f"{PATH}{webhook['id']}/test/").json()
        started = time.monotonic()
        tasks.deliver(sent["id"])
        assert time.monotonic() - started < 5
    (item,) = deliveries(world.shipper, webhook)
    assert (item["state"], item["attempts"], item["last_status"]) == ("pending", 1, None)
    assert item["last_error"]


def test_a_host_with_accents_is_called_by_its_name_on_the_wire(
    world: World, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def local(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    url = f"http://Dépôt.example.sn:{shop.port}/é?q=ü"
    webhook = world.shipper.post(PATH, {"url": url, "events": ["order.changed"]}).json()
    sent = world.shipper.post(f"{PATH}{webhook['id']}/test/").json()
    monkeypatch.setattr(delivering.socket, "getaddrinfo", local)
    tasks.deliver(sent["id"])
    monkeypatch.undo()
    (call,) = shop.calls
    assert asked == ["xn--dpt-bma0d.example.sn"]
    assert (call.headers["host"], call.path) == (f"{asked[0]}:{shop.port}", "/%C3%A9?q=%C3%BC")


def test_our_own_network_is_not_called(database_url: str, redis_url: str, shop: Receiver) -> None:
    with api_on(database_url, redis_url, webhook_private_addresses=False) as client:
        owner = person(client, Role.SHIPPER)
        assert code_of(owner.post(PATH, {"url": shop.url, "events": ["order.changed"]})) == (
            422,
            "invalid_webhook_url",
        )
        url = f"https://localhost:{shop.port}/"
        webhook = owner.post(PATH, {"url": url, "events": ["order.changed"]}).json()
        sent = owner.post(f"{PATH}{webhook['id']}/test/").json()
        tasks.deliver(sent["id"])
        (item,) = deliveries(owner, webhook)
    assert "not an address on the public internet" in item["last_error"]
    assert shop.calls == []


def test_a_secret_is_shown_once_sealed_at_rest_and_rotated(
    world: World, shop: Receiver, database_url: str
) -> None:
    webhook = subscribe(world.shipper, shop)
    assert "secret" not in world.shipper.get(f"{PATH}{webhook['id']}/").json()
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT secret FROM webhook_endpoints WHERE id = %s", (webhook["id"],)
        ).fetchone()
    assert row is not None
    assert webhook["secret"] not in row[0]
    rotated = world.shipper.post(f"{PATH}{webhook['id']}/rotate-secret/").json()
    assert rotated["secret"] != webhook["secret"]


def test_one_changes_it_and_the_other_is_told(world: World, shop: Receiver) -> None:
    webhook = subscribe(world.shipper, shop)
    path = f"{PATH}{webhook['id']}/"
    etag = world.shipper.get(path).headers["etag"]
    headers = world.shipper.headers | {"If-Match": etag}
    body = {"events": ["bid.changed"]}
    first = world.client.patch(path, json=body, headers=headers)
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert code_of(world.client.patch(path, json=body, headers=headers)) == (412, "version_mismatch")
    bad = world.shipper.headers | {"If-Match": "2"}
    assert code_of(world.client.patch(path, json=body, headers=bad)) == (400, "invalid_if_match")


def test_ten_are_the_most_and_others_see_nothing(world: World, shop: Receiver) -> None:
    owner = person(world.client, Role.SHIPPER)
    webhook, *_ = [subscribe(owner, shop) for _ in range(10)]
    refused = owner.post(PATH, {"url": shop.url, "events": ["order.changed"]})
    assert code_of(refused) == (409, "too_many_webhooks")
    for path in ("", "deliveries/"):
        assert code_of(world.shipper.get(f"{PATH}{webhook['id']}/{path}")) == (404, "webhook_not_found")
    assert world.shipper.get(PATH).json()["items"] == []
    assert owner.delete(f"{PATH}{webhook['id']}/").status_code == 204
    assert code_of(owner.get(f"{PATH}{webhook['id']}/")) == (404, "webhook_not_found")
    subscribe(owner, shop)
