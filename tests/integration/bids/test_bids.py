"""Bids over HTTP: revised, kept, valid as long as said, sealed or open; and counter-offers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platform_api.actor import Role
from platform_api.bids import tasks
from tests.integration.orders.world import ORDER, World
from tests.support.api import Person, code_of, last_text, person
from tests.support.figures import figures
from tests.support.queries import count_queries

pytestmark = pytest.mark.integration


def ahead(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def open_order(world: World, **changes: Any) -> str:
    created = world.shipper.post("/api/v1/orders/", {**ORDER, **changes})
    assert created.status_code == 201, created.text
    path = f"/api/v1/orders/{created.json()['id']}/"
    assert world.shipper.post(f"{path}post/").status_code == 200
    return path


def patch(who: Person, path: str, body: Any, etag: str | None = None) -> Any:
    headers = {**who.headers, **({"If-Match": etag} if etag else {})}
    return who.client.patch(path, json=body, headers=headers)


def test_a_bid_is_revised_and_every_version_is_kept(world: World) -> None:
    path = world.posted()
    bid = f"{path}bids/{world.bid(path, world.carrier, world.vehicle_id, 500_000)}/"
    read = world.carrier.get(bid)
    assert (read.headers["etag"], read.json()["version"]) == ('"1"', 1)
    revised = patch(world.carrier, bid, {"amount_xof": 480_000, "message": "Carburant compris"}, '"1"')
    assert (revised.status_code, revised.headers["etag"]) == (200, '"2"')
    assert code_of(patch(world.carrier, bid, {"amount_xof": 1}, '"1"')) == (412, "version_mismatch")
    until = ahead(hours=3)
    body = patch(world.carrier, bid, {"valid_until": until, "driver_id": str(world.driver.id)}).json()
    assert (body["version"], body["amount_xof"], body["driver_id"]) == (3, 480_000, str(world.driver.id))
    # the same again changes nothing
    assert patch(world.carrier, bid, {"amount_xof": 480_000}).json()["version"] == 3

    for reader in (world.carrier, world.shipper):
        rows = reader.get(f"{bid}revisions/").json()["items"]
        assert [(row["version"], row["amount_xof"]) for row in rows] == [
            (3, 480_000),
            (2, 480_000),
            (1, 500_000),
        ]
    first = world.carrier.get(f"{bid}revisions/?limit=2").json()
    assert first["next_cursor"]
    other, _, _ = world.fleet()
    for hidden in ("", "revisions/"):
        assert code_of(other.get(bid + hidden)) == (404, "bid_not_found")
    revisions = [
        row for row in world.shipper.get(f"{path}history/").json()["items"] if row["action"] == "bid_revised"
    ]
    assert [row["evidence"]["previous_xof"] for row in revisions] == [500_000, 480_000]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount_xof": 0}, (422, "invalid_body")),
        ({"amount_xof": None}, (422, "invalid_body")),
        ({"vehicle_id": 999_999}, (404, "vehicle_not_found")),
        ({"driver_id": "00000000-0000-0000-0000-000000000000"}, (404, "driver_not_found")),
        ({"price": 5}, (422, "invalid_body")),
        ({"valid_until": "2020-01-01T00:00:00Z"}, (422, "valid_until_out_of_range")),
        ({"valid_until": "2090-01-01T00:00:00Z"}, (422, "valid_until_out_of_range")),
    ],
)
def test_bad_revisions(world: World, change: dict[str, Any], expected: tuple[int, str]) -> None:
    path = world.posted()
    bid = f"{path}bids/{world.bid(path, world.carrier, world.vehicle_id)}/"
    assert code_of(patch(world.carrier, bid, change)) == expected


def test_revising_is_the_bidders_own(world: World) -> None:
    path = world.posted()
    bid = f"{path}bids/{world.bid(path, world.carrier, world.vehicle_id)}/"
    other, _, _ = world.fleet()
    for stranger in (other, world.shipper):
        assert code_of(patch(stranger, bid, {"amount_xof": 5})) == (404, "bid_not_found")
    world.carrier.post(f"{bid}withdraw/")
    assert code_of(patch(world.carrier, bid, {"amount_xof": 5})) == (409, "bid_not_open")


def test_the_shipper_gets_what_he_saw(world: World) -> None:
    path = world.posted()
    bid_id = world.bid(path, world.carrier, world.vehicle_id, 500_000)
    patch(world.carrier, f"{path}bids/{bid_id}/", {"amount_xof": 900_000})
    accept = f"{path}accept-bid/"
    for seen in ({}, {"amount_xof": 500_000}, {"version": 1}, {"amount_xof": 900_000, "version": 1}):
        assert code_of(world.shipper.post(accept, {"bid_id": bid_id, **seen})) == (409, "bid_changed")
    answer = world.shipper.post(accept, {"bid_id": bid_id, "amount_xof": 900_000})
    assert (answer.json()["status"], answer.json()["agreed_xof"]) == ("ASSIGNED", 900_000)


def test_a_carrier_says_how_long_its_bid_stands(world: World) -> None:
    path = world.posted()
    body = {"vehicle_id": world.vehicle_id, "amount_xof": 5}
    for until in (ahead(minutes=5), ahead(days=15)):
        refused = world.carrier.post(f"{path}bids/", {**body, "valid_until": until})
        assert code_of(refused) == (422, "valid_until_out_of_range")
    french = world.client.post(
        f"{path}bids/", json={**body, "valid_until": ahead(minutes=5)},
        headers={**world.carrier.headers, "Accept-Language": "fr"},
    )  # fmt: skip
    assert "entre 15 min et 336 h" in french.json()["detail"]
    until = ahead(hours=1)
    placed = world.carrier.post(f"{path}bids/", {**body, "valid_until": until}).json()
    assert datetime.fromisoformat(placed["expires_at"]) == datetime.fromisoformat(until)


def test_a_repeated_bid_is_one_bid(world: World) -> None:
    path = world.posted()
    headers = {**world.carrier.headers, "Idempotency-Key": f"bid-{path}"}
    body = {"vehicle_id": world.vehicle_id, "amount_xof": 5}
    first, again = (world.client.post(f"{path}bids/", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


def test_sealed_and_open_bidding(world: World) -> None:
    other, _, truck = world.fleet()
    late, _, _ = world.fleet()
    sealed, shown = world.posted(), open_order(world, bidding="open")
    for path in (sealed, shown):
        world.bid(path, world.carrier, world.vehicle_id, 510_000)
        world.bid(path, other, truck, 470_000)
    assert world.carrier.get(shown).json()["bidding"] == "open"
    assert code_of(world.carrier.get(f"{sealed}bids/standing/")) == (403, "bids_sealed")
    assert code_of(late.get(f"{shown}bids/standing/")) == (403, "bid_first")
    seen = world.carrier.get(f"{shown}bids/standing/")
    assert seen.json() == {
        "bidding": "open", "count": 2, "lowest_xof": 470_000, "amounts_xof": [470_000, 510_000],
        "own_xof": 510_000, "own_rank": 2,
    }  # fmt: skip
    assert str(other.id) not in seen.text
    assert world.shipper.get(f"{sealed}bids/standing/").json()["lowest_xof"] == 470_000
    # identities stay sealed in both
    for path in (sealed, shown):
        assert {bid["carrier_id"] for bid in world.carrier.get(f"{path}bids/").json()["items"]} == {
            str(world.carrier.id)
        }
    bad = world.shipper.post("/api/v1/orders/", {**ORDER, "bidding": "dutch"})
    assert code_of(bad) == (422, "invalid_body")


def counter_on(world: World, path: str, amount_xof: int = 450_000, **changes: Any) -> tuple[str, str]:
    """The paths of a bid of 500 000 and of the counter-offer on it."""
    bid = f"{path}bids/{world.bid(path, world.carrier, world.vehicle_id)}/"
    made = world.shipper.post(f"{bid}counter/", {"amount_xof": amount_xof, **changes})
    assert made.status_code == 201, made.text
    return bid, f"{bid}counter/"


def test_the_carriers_yes_to_a_counter_assigns(world: World) -> None:
    path = world.posted()
    other, _, truck = world.fleet()
    lost = world.bid(path, other, truck)
    bid, counter = counter_on(world, path, message="Retour à vide ?")
    shown = world.carrier.get(bid).json()["counter"]
    assert (shown["status"], shown["amount_xof"], shown["message"]) == ("OPEN", 450_000, "Retour à vide ?")
    assert world.carrier.get(f"{path}bids/").json()["items"][0]["counter"] == shown
    assert code_of(other.post(f"{counter}accept/", {"amount_xof": 450_000})) == (404, "bid_not_found")
    assert code_of(world.carrier.post(f"{counter}accept/", {"amount_xof": 450_001})) == (
        409,
        "counter_changed",
    )
    order = world.carrier.post(f"{counter}accept/", {"amount_xof": 450_000}).json()
    assert (order["status"], order["agreed_xof"], order["driver_id"]) == (
        "ASSIGNED", 450_000, str(world.driver.id),
    )  # fmt: skip
    # the same tap again
    assert world.carrier.post(f"{counter}accept/", {"amount_xof": 450_000}).json()["status"] == "ASSIGNED"
    statuses = {each["id"]: each["status"] for each in world.shipper.get(f"{path}bids/").json()["items"]}
    assert sorted(statuses.values()) == ["ACCEPTED", "LOST"]
    assert statuses[lost] == "LOST"
    actions = [row["action"] for row in world.carrier.get(f"{path}history/").json()["items"]]
    assert actions == ["created", "posted", "bid_placed", "counter_made", "counter_accepted"]
    hidden = other.get(f"{path}history/")
    assert "450000" not in figures(hidden.text)
    assert "counter_made" not in hidden.text


def test_a_counter_is_declined_withdrawn_replaced_or_expires(world: World) -> None:
    path = world.posted()
    bid, counter = counter_on(world, path)
    assert world.carrier.post(f"{counter}decline/").json()["status"] == "DECLINED"
    assert world.carrier.post(f"{counter}decline/").json()["status"] == "DECLINED"
    assert code_of(world.carrier.post(f"{counter}accept/", {"amount_xof": 450_000})) == (
        409,
        "counter_not_open",
    )
    world.shipper.post(counter, {"amount_xof": 460_000})
    world.shipper.post(counter, {"amount_xof": 470_000})
    assert code_of(world.carrier.post(f"{counter}accept/", {"amount_xof": 460_000})) == (
        409,
        "counter_changed",
    )
    assert world.shipper.post(f"{counter}withdraw/").json()["status"] == "WITHDRAWN"
    assert code_of(world.carrier.post(f"{counter}accept/", {"amount_xof": 470_000})) == (
        409,
        "counter_not_open",
    )
    world.shipper.post(counter, {"amount_xof": 480_000})
    world.sql("UPDATE bid_counters SET expires_at = now() WHERE status = 'OPEN'")
    assert code_of(world.carrier.post(f"{counter}accept/", {"amount_xof": 480_000})) == (
        409,
        "counter_expired",
    )
    assert tasks.expire_bids() == 0
    assert world.shipper.get(bid).json()["counter"]["status"] == "EXPIRED"
    assert world.shipper.get(bid).json()["status"] == "PLACED"
    # to revise is to answer
    world.shipper.post(counter, {"amount_xof": 490_000})
    assert patch(world.carrier, bid, {"amount_xof": 495_000}).json()["counter"]["status"] == "DECLINED"
    actions = [row["action"] for row in world.shipper.get(f"{path}history/").json()["items"]]
    assert actions.count("counter_made") == 5
    assert {"counter_declined", "counter_withdrawn", "counter_expired"} <= set(actions)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"amount_xof": 500_000}, (409, "counter_same_amount")),
        ({"amount_xof": 0}, (422, "invalid_body")),
        ({"amount_xof": 5, "valid_until": "2020-01-01T00:00:00Z"}, (422, "valid_until_out_of_range")),
    ],
)
def test_bad_counters(world: World, body: dict[str, Any], expected: tuple[int, str]) -> None:
    path = world.posted()
    bid = f"{path}bids/{world.bid(path, world.carrier, world.vehicle_id)}/"
    assert code_of(world.shipper.post(f"{bid}counter/", body)) == expected
    assert code_of(world.carrier.post(f"{bid}counter/", {"amount_xof": 5})) == (403, "not_your_order")
    assert code_of(world.shipper.post(f"{bid}counter/withdraw/")) == (404, "counter_not_found")


def test_a_counter_ends_with_the_bid(world: World) -> None:
    path = world.posted()
    body = {"vehicle_id": world.vehicle_id, "amount_xof": 5, "valid_until": ahead(minutes=20)}
    bid = f"{path}bids/{world.carrier.post(f'{path}bids/', body).json()['id']}/"
    longer = {"amount_xof": 4, "valid_until": ahead(minutes=21)}
    assert code_of(world.shipper.post(f"{bid}counter/", longer)) == (422, "counter_outlives_bid")
    made = world.shipper.post(f"{bid}counter/", {"amount_xof": 4}).json()
    assert made["expires_at"] == world.carrier.get(bid).json()["expires_at"]
    world.carrier.post(f"{bid}withdraw/")
    assert world.shipper.get(bid).json()["counter"]["status"] == "DECLINED"


def test_a_cancelled_order_takes_everything_along(world: World) -> None:
    path = world.posted()
    bid, counter = counter_on(world, path)
    world.shipper.post(f"{path}cancel/", {"reason": "non"})
    assert code_of(world.carrier.post(f"{counter}accept/", {"amount_xof": 450_000})) == (
        409,
        "order_not_open",
    )
    shown = world.shipper.get(bid).json()
    assert (shown["status"], shown["counter"]["status"]) == ("LOST", "LOST")


def test_lists_of_bids_and_revisions_cost_the_same_however_long(world: World) -> None:
    path = world.posted()
    counts = []
    for _ in range(2):
        for _ in range(3):
            carrier, _, truck = world.fleet()
            bid = f"{path}bids/{world.bid(path, carrier, truck)}/"
            assert patch(carrier, bid, {"amount_xof": 7}).status_code == 200
            assert world.shipper.post(f"{bid}counter/", {"amount_xof": 6}).status_code == 201
        with count_queries() as statements:
            for where in (f"{path}bids/", f"{bid}revisions/", f"{path}bids/standing/"):
                assert world.shipper.get(where).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_a_broker_sees_no_order_of_others(world: World) -> None:
    broker = person(world.client, Role.BROKER)
    path = world.posted()
    world.bid(path, world.carrier, world.vehicle_id)
    assert broker.get("/api/v1/orders/").json()["items"] == []
    for what in ("", "bids/", "history/", "bids/standing/"):
        assert code_of(broker.get(path + what)) == (404, "order_not_found")


def told(someone: Person) -> list[str]:
    return [each["kind"] for each in someone.get("/api/v1/alerts/").json()["items"]][::-1]


def test_whom_a_bid_concerns_is_told_what_became_of_it(world: World) -> None:
    shipper = person(world.client, Role.SHIPPER)
    path = world.posted(shipper)
    (winner, _, truck), (loser, _, other), (left, _, third) = (world.fleet() for _ in range(3))
    bid_id = world.bid(path, winner, truck, 450_123)
    world.bid(path, loser, other, 460_000)
    withdrawn = world.bid(path, left, third, 470_000)
    assert left.post(f"{path}bids/{withdrawn}/withdraw/").status_code == 200
    assert told(shipper) == ["bid_placed"] * 3
    for _ in range(2):
        assert code_of(shipper.post(f"{path}accept-bid/", {"bid_id": bid_id})) == (200, "")
    assert [told(each) for each in (winner, loser, left)] == [["bid_accepted"], ["bid_lost"], []]
    # the loser is not told for how much, nor who; the winner by a text, as his truck has to move
    lost = loser.get("/api/v1/alerts/").text
    assert "450" not in lost
    assert str(winner.id) not in lost
    assert "retenue" in last_text(winner.phone)
    order_id = path.split("/")[-2]
    texts = world.sql("SELECT count(*) AS many FROM sms_messages WHERE phone = %s", winner.phone)
    assert texts == [{"many": 1}]
    assert order_id in lost


@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_who_made_a_counter_offer_is_told_the_answer(world: World, answer: str) -> None:
    shipper = person(world.client, Role.SHIPPER)
    path = world.posted(shipper)
    carrier, _, truck = world.fleet()
    bid = f"{path}bids/{world.bid(path, carrier, truck)}/"
    assert shipper.post(f"{bid}counter/", {"amount_xof": 431_000}).status_code == 201
    body = {"amount_xof": 431_000} if answer == "accept" else None
    for _ in range(2):
        assert code_of(carrier.post(f"{bid}counter/{answer}/", body)) == (200, "")
    assert told(shipper) == ["bid_placed", "counter_accepted" if answer == "accept" else "counter_declined"]
    assert told(carrier) == ["counter_made"]


def test_those_who_bid_are_told_that_the_order_is_off_the_market(world: World) -> None:
    path = world.posted()
    carrier, _, truck = world.fleet()
    world.bid(path, carrier, truck)
    assert code_of(world.shipper.post(f"{path}cancel/", {"reason_code": "price"})) == (200, "")
    assert told(carrier) == ["bid_lost"]
