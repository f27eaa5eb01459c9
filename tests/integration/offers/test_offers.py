"""Direct offers over HTTP: to one carrier or several, in private or not, answered or not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platform_api.actor import Role
from platform_api.offers import tasks
from tests.integration.orders.world import ORDER, World
from tests.support.api import Person, code_of, last_text, person
from tests.support.figures import figures
from tests.support.queries import count_queries

pytestmark = pytest.mark.integration


def draft(world: World) -> str:
    created = world.shipper.post("/api/v1/orders/", ORDER)
    assert created.status_code == 201, created.text
    return f"/api/v1/orders/{created.json()['id']}/"


def offer(world: World, path: str, carrier: Person, **changes: Any) -> str:
    """The path of an open offer."""
    body = {"carrier_id": str(carrier.id), "amount_xof": 430_000, **changes}
    made = world.shipper.post(f"{path}offers/", body)
    assert made.status_code == 201, made.text
    return f"{path}offers/{made.json()['id']}/"


def status_of(world: World, path: str) -> str:
    return str(world.shipper.get(path).json()["status"])


def offers_of(who: Person, path: str) -> dict[str, str]:
    return {each["carrier_id"]: each["status"] for each in who.get(f"{path}offers/").json()["items"]}


def test_an_offered_draft_needs_no_market(world: World) -> None:
    path = draft(world)
    assert code_of(world.carrier.get(path)) == (404, "order_not_found")
    made = offer(world, path, world.carrier, message="Comme la dernière fois", vehicle_wishes="bâchée")
    assert world.carrier.get(path).json()["status"] == "DRAFT"
    (inbox,) = world.carrier.get("/api/v1/offers/?status=OPEN").json()["items"]
    assert (inbox["amount_xof"], inbox["message"]) == (430_000, "Comme la dernière fois")
    left = datetime.fromisoformat(inbox["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)
    # what the carrier has read does not change under it
    changed = world.client.patch(path, json={"goods": "Autre chose"}, headers=world.shipper.headers)
    assert code_of(changed) == (409, "order_offered")
    order = world.carrier.post(f"{made}accept/", {"vehicle_id": world.vehicle_id}).json()
    assert (order["status"], order["agreed_xof"], order["driver_id"]) == (
        "ASSIGNED", 430_000, str(world.driver.id),
    )  # fmt: skip
    # the same tap again
    assert (
        world.carrier.post(f"{made}accept/", {"vehicle_id": world.vehicle_id}).json()["status"] == "ASSIGNED"
    )
    fences = world.sql("SELECT id FROM geofences WHERE vehicle_id = %s", world.vehicle_id)
    assert len(fences) == 2
    actions = [row["action"] for row in world.carrier.get(f"{path}history/").json()["items"]]
    assert actions == ["created", "offer_made", "offer_accepted"]
    kinds = world.sql("SELECT kind FROM alerts WHERE party_id = %s", world.carrier.id)
    assert [row["kind"] for row in kinds] == ["offer_made"]
    (told,) = world.sql(
        "SELECT kind FROM alerts WHERE party_id = %s AND kind LIKE 'offer%%'", world.shipper.id
    )
    assert told["kind"] == "offer_accepted"
    (text,) = world.sql("SELECT text FROM sms_messages WHERE phone = %s", world.carrier.phone)
    assert "430 000 F CFA" in text["text"]


def test_several_are_asked_and_the_first_yes_wins(world: World) -> None:
    path = draft(world)
    other, _, truck = world.fleet()
    first, second = offer(world, path, world.carrier), offer(world, path, other)
    assert code_of(world.shipper.post(f"{path}offers/", {"carrier_id": str(other.id), "amount_xof": 5})) == (
        409,
        "offer_exists",
    )
    assert offers_of(other, path) == {str(other.id): "OPEN"}
    assert other.post(f"{second}accept/", {"vehicle_id": truck}).status_code == 200
    # the others are told nothing of an order that was never on the market
    assert code_of(world.carrier.post(f"{first}accept/", {"vehicle_id": world.vehicle_id})) == (
        404,
        "order_not_found",
    )
    assert offers_of(world.shipper, path) == {str(world.carrier.id): "LOST", str(other.id): "ACCEPTED"}
    (lost,) = world.carrier.get("/api/v1/offers/").json()["items"]
    assert lost["status"] == "LOST"


def test_a_text_says_the_day_of_an_answer_that_may_wait(world: World) -> None:
    until = datetime.now(UTC) + timedelta(days=2)
    made = offer(world, draft(world), world.carrier, answer_by=until.isoformat())
    assert f"avant {until:%H:%M} le {until:%d/%m} " in last_text(world.carrier.phone)
    assert world.shipper.post(f"{made}withdraw/").status_code == 200


def test_declined_withdrawn_or_unanswered_the_order_is_as_before(world: World) -> None:
    path = draft(world)
    made = offer(world, path, world.carrier)
    declined = world.carrier.post(f"{made}decline/", {"reason": "Camion en panne"})
    assert (declined.json()["status"], declined.json()["decline_reason"]) == ("DECLINED", "Camion en panne")
    assert status_of(world, path) == "DRAFT"
    assert code_of(world.carrier.get(path)) == (404, "order_not_found")

    made = offer(world, path, world.carrier)
    assert world.shipper.post(f"{made}withdraw/").json()["status"] == "WITHDRAWN"
    assert world.shipper.post(f"{made}withdraw/").json()["status"] == "WITHDRAWN"
    assert code_of(world.carrier.post(f"{made}accept/", {"vehicle_id": world.vehicle_id})) == (
        404,
        "order_not_found",
    )
    world.shipper.post(f"{path}post/")
    made = offer(world, path, world.carrier)
    world.sql("UPDATE offers SET expires_at = now() WHERE status = 'OPEN'")
    answer = {"vehicle_id": world.vehicle_id}
    assert code_of(world.carrier.post(f"{made}accept/", answer)) == (409, "offer_expired")
    assert tasks.sweep() == 1
    assert tasks.sweep() == 0
    assert code_of(world.carrier.post(f"{made}decline/")) == (409, "offer_not_open")
    assert status_of(world, path) == "POSTED"
    kinds = world.sql("SELECT kind FROM alerts WHERE party_id = %s ORDER BY id", world.shipper.id)
    assert [row["kind"] for row in kinds] == ["offer_declined", "offer_unanswered"]


def test_silence_is_reminded_of_once(world: World) -> None:
    path = draft(world)
    offer(world, path, world.carrier)
    assert tasks.sweep() == 0
    world.sql("UPDATE offers SET created_at = created_at - interval '20 minutes',"
              " expires_at = expires_at - interval '20 minutes' WHERE status = 'OPEN'")  # fmt: skip
    assert tasks.sweep() == 1
    assert tasks.sweep() == 0
    rows = world.sql("SELECT kind FROM alerts WHERE party_id = %s ORDER BY id", world.carrier.id)
    assert [row["kind"] for row in rows] == ["offer_made", "offer_waits"]


def test_a_private_offer_takes_the_order_off_the_market(world: World) -> None:
    path = world.posted()
    other, _, truck = world.fleet()
    bidder, _, bidders_truck = world.fleet()
    world.bid(path, bidder, bidders_truck)
    made = offer(world, path, world.carrier, private=True)
    assert code_of(other.get(path)) == (404, "order_not_found")
    assert code_of(other.post(f"{path}bids/", {"vehicle_id": truck, "amount_xof": 5})) == (
        404,
        "order_not_found",
    )
    for insider in (world.carrier, bidder):
        assert insider.get(path).status_code == 200
    world.carrier.post(f"{made}decline/")
    assert other.get(path).status_code == 200


def test_a_bid_accepted_ends_the_offers(world: World) -> None:
    path = world.posted()
    other, _, truck = world.fleet()
    bid_id = world.bid(path, other, truck)
    offer(world, path, world.carrier)
    world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})
    assert offers_of(world.shipper, path) == {str(world.carrier.id): "LOST"}


def test_whose_offers_are_whose_business(world: World) -> None:
    path = world.posted()
    other, _, truck = world.fleet()
    made = offer(world, path, world.carrier)
    body = {"vehicle_id": truck}
    assert code_of(other.post(f"{made}accept/", body)) == (404, "offer_not_found")
    assert code_of(other.post(f"{made}decline/")) == (404, "offer_not_found")
    assert code_of(world.carrier.post(f"{made}withdraw/")) == (403, "not_your_order")
    assert code_of(world.carrier.post(f"{made}accept/", body)) == (404, "vehicle_not_found")
    assert code_of(world.carrier.post(f"{made}accept/", {"vehicle_id": world.vehicle_id, "driver_id": str(other.id)})) == (404, "driver_not_found")  # fmt: skip
    assert offers_of(other, path) == {}
    assert "430000" not in figures(other.get(f"{path}history/").text)
    assert code_of(world.driver.get("/api/v1/offers/")) == (403, "role_not_allowed")
    assert len(world.shipper.get("/api/v1/offers/").json()["items"]) >= 1
    assert person(world.client, Role.SHIPPER).get("/api/v1/offers/").json()["items"] == []
    stranger = person(world.client, Role.SHIPPER)
    assert code_of(stranger.post(f"{path}offers/", {"carrier_id": str(other.id), "amount_xof": 5})) == (404, "order_not_found")  # fmt: skip
    assert code_of(world.carrier.post(f"{path}offers/", {"carrier_id": str(other.id), "amount_xof": 5})) == (403, "not_your_order")  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"carrier_id": "00000000-0000-0000-0000-000000000000"}, (404, "carrier_not_found")),
        ({"amount_xof": 0}, (422, "invalid_body")),
        ({"answer_by": "2020-01-01T00:00:00Z"}, (422, "valid_until_out_of_range")),
        ({"price": 5}, (422, "invalid_body")),
    ],
)
def test_bad_offers(world: World, change: dict[str, Any], expected: tuple[int, str]) -> None:
    body = {"carrier_id": str(world.carrier.id), "amount_xof": 5, **change}
    assert code_of(world.shipper.post(f"{draft(world)}offers/", body)) == expected


def test_only_so_many_are_asked_at_once(world: World) -> None:
    path = draft(world)
    for _ in range(10):
        offer(world, path, person(world.client, Role.CARRIER))
    one_more = {"carrier_id": str(world.carrier.id), "amount_xof": 5}
    assert code_of(world.shipper.post(f"{path}offers/", one_more)) == (409, "too_many_offers")
    with count_queries() as few:
        world.shipper.get(f"{path}offers/?limit=2")
    with count_queries() as many:
        world.shipper.get(f"{path}offers/")
        world.shipper.get("/api/v1/offers/")
    assert len(many) <= 2 * len(few)


def test_an_assigned_order_is_not_offered(world: World) -> None:
    order = world.assigned()
    body = {"carrier_id": str(world.carrier.id), "amount_xof": 5}
    assert code_of(order.shipper.post(f"{order.path}offers/", body)) == (409, "order_not_open")
