"""Orders that do not come about: cancelled, given back, left on the market."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from config.database import transaction
from platform_api.actor import Actor, Role
from platform_api.bids import service as bids
from platform_api.orders import calling_off, tasks
from platform_api.orders.cancelling import CancelReason, WithdrawalReason
from tests.integration.orders.world import ORDER, Assigned, Stay, World, open_market
from tests.support.api import code_of, person
from tests.support.races import Act, race

pytestmark = pytest.mark.integration

ROUNDS = 100
STOP = {"kind": "delivery", "place": {"name": "Thiès", "lat": 14.79, "lon": -16.93}}


def give_back(order: Assigned, code: str = "breakdown") -> Any:
    return order.carrier.post(f"{order.path}withdraw/", {"reason_code": code})


def test_free_until_the_award(world: World) -> None:
    path = world.posted()
    assert world.shipper.get(f"{path}cancellation/").json()["free_because"] == "not_awarded"
    assert code_of(world.shipper.post(f"{path}cancel/", {})) == (422, "reason_needed")
    answer = world.shipper.post(f"{path}cancel/", {"reason_code": "price"})
    assert (answer.json()["status"], answer.json()["cancel_reason"]) == ("CANCELLED", "price")
    assert world.shipper.get(f"{path}fees/").json() == []
    assert world.shipper.get(f"{path}cancellation/").status_code == 200


def test_after_the_award_it_costs_what_the_preview_says(world: World) -> None:
    order = world.assigned()
    assert order.shipper.get(f"{order.path}cancellation/").json() == {
        "fee_xof": 50_000, "stage": "assigned", "percent": 10, "minimum_xof": 10_000, "free_because": None,
    }  # fmt: skip
    assert code_of(order.carrier.get(f"{order.path}cancellation/")) == (403, "not_your_order")
    world.drive(order, Stay("pickup", 10))
    preview = order.shipper.get(f"{order.path}cancellation/").json()
    assert (preview["fee_xof"], preview["stage"]) == (125_000, "arrived")
    for _ in range(2):
        answer = order.shipper.post(f"{order.path}cancel/", {"reason_code": "goods_not_ready"})
        assert answer.json()["status"] == "CANCELLED"
    (fee,) = order.shipper.get(f"{order.path}fees/").json()
    assert (fee["amount_xof"], fee["debtor_id"], fee["creditor_id"]) == (
        125_000, str(order.shipper.id), str(order.carrier.id),
    )  # fmt: skip
    assert fee["basis"]["reason_code"] == "goods_not_ready"
    assert order.carrier.get(f"{order.path}fees/").json() == [fee]
    assert order.driver.get(f"{order.path}fees/").json() == []
    alerts = order.carrier.get("/api/v1/alerts/").json()["items"]
    assert any("125000" in alert["detail"].replace(" ", "").replace("\u202f", "") for alert in alerts)


def test_a_carrier_that_did_not_come_is_owed_nothing(world: World) -> None:
    order = world.assigned()
    world.sql("UPDATE orders SET pickup_closes_at = now() - interval '1 hour' WHERE id = %s", order.id)
    assert order.shipper.get(f"{order.path}cancellation/").json()["free_because"] == "carrier_late"
    order.shipper.post(f"{order.path}cancel/", {"reason_code": "carrier_late"})
    assert order.shipper.get(f"{order.path}fees/").json() == []


def test_a_customer_of_a_broker_owes_by_his_own_price(world: World) -> None:
    order, broker = world.assigned(), person(world.client, Role.BROKER)
    world.sql("UPDATE orders SET broker_id = %s, customer_xof = 800000 WHERE id = %s", broker.id, order.id)
    assert order.shipper.get(f"{order.path}cancellation/").json()["fee_xof"] == 80_000
    assert broker.get(f"{order.path}cancellation/").json()["fee_xof"] == 50_000
    broker.post(f"{order.path}cancel/", {"reason_code": "price"})
    assert [fee["amount_xof"] for fee in order.shipper.get(f"{order.path}fees/").json()] == [80_000]
    assert [fee["amount_xof"] for fee in order.carrier.get(f"{order.path}fees/").json()] == [50_000]
    assert [fee["amount_xof"] for fee in broker.get(f"{order.path}fees/").json()] == [50_000, 80_000]


def test_given_back_it_is_on_the_market_as_if_it_had_not_been_taken(world: World) -> None:
    order = world.assigned({**ORDER, "stops": [STOP]})
    world.drive(order, Stay("pickup", 10))
    assert code_of(order.driver.post(f"{order.path}withdraw/", {"reason_code": "breakdown"})) == (
        403,
        "not_your_load",
    )
    assert code_of(order.shipper.post(f"{order.path}withdraw/", {"reason_code": "breakdown"})) == (
        403,
        "not_your_load",
    )
    assert code_of(give_back(order, "other")) == (422, "reason_needed")
    assert give_back(order).json()["status"] == "POSTED"
    body = order.shipper.get(order.path).json()
    nothing = ("carrier_id", "driver_id", "vehicle_id", "agreed_xof", "assigned_at", "arrived_pickup_at")
    assert {body[name] for name in nothing} == {None}
    assert datetime.fromisoformat(body["expires_at"]) > datetime.now(UTC) + timedelta(hours=23)
    (kept,) = world.sql("SELECT * FROM order_withdrawals WHERE order_id = %s", order.id)
    assert (kept["carrier_id"], kept["driver_id"], kept["vehicle_id"]) == (
        order.carrier.id, order.driver.id, order.vehicle_id,
    )  # fmt: skip
    assert (kept["reason"], kept["status"]) == ("breakdown", "PICKUP_PENDING")
    fences = world.sql("SELECT retired_at FROM geofences WHERE id = ANY (%s)", list(order.fences.values()))
    assert len(fences) == 3
    assert None not in [fence["retired_at"] for fence in fences]
    assert code_of(give_back(order)) == (403, "not_your_load")
    alerts = order.shipper.get("/api/v1/alerts/").json()["items"]
    told = [alert["kind"] for alert in alerts if alert["order_id"] == str(order.id)]
    assert told == ["order_given_back", "bid_placed"]

    # what the first truck does at its old fences moves nothing
    assert world.drive(order, Stay("pickup", 10, 40), Stay("delivery", 90)) == []
    # and another one takes it
    carrier, driver, vehicle_id = world.fleet()
    bid_id = world.bid(order.path, carrier, vehicle_id)
    again = order.shipper.post(f"{order.path}accept-bid/", {"bid_id": bid_id}).json()
    assert (again["status"], again["carrier_id"]) == ("ASSIGNED", str(carrier.id))
    assert driver.get(order.path).status_code == 200
    assert order.driver.get(order.path).status_code == 404
    assert order.carrier.get(order.path).json()["carrier_id"] is None


def test_not_given_back_with_the_goods_aboard(world: World) -> None:
    order = world.assigned()
    world.drive(order, Stay("pickup", 10, 40))
    assert code_of(give_back(order)) == (409, "order_not_withdrawable")


def test_what_nobody_took_leaves_the_market(world: World) -> None:
    path, fresh = world.posted(), world.posted()
    bid_id = world.bid(path, world.carrier, world.vehicle_id)
    order_id = path.split("/")[-2]
    world.sql("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", order_id)
    assert tasks.expire() >= 1
    assert tasks.expire() == 0
    body = world.shipper.get(path).json()
    assert (body["status"], body["cancel_reason"]) == ("CANCELLED", "expired")
    row = world.shipper.get(f"{path}history/").json()["items"][-1]
    assert (row["actor_kind"], row["evidence"]["reason_code"]) == ("system", "expired")
    assert world.sql("SELECT status FROM bids WHERE id = %s", bid_id) == [{"status": "LOST"}]
    assert world.shipper.get(fresh).json()["status"] == "POSTED"
    alerts = world.shipper.get("/api/v1/alerts/").json()["items"]
    told = [alert["kind"] for alert in alerts if alert["order_id"] == order_id]
    assert told == ["order_expired", "bid_placed"]


def taken(world: World) -> tuple[UUID, Actor, Actor]:
    """An assigned order of a fresh fleet, straight through the services."""
    market = open_market(world, [world.fleet()[::2], world.fleet()[::2]])
    with transaction() as session:
        bids.accept_bid(session, market.shipper, market.order_id, market.bid_ids[0], datetime.now(UTC))
    return market.order_id, market.shipper, market.carriers[0]


def cancelling(shipper: Actor, order_id: UUID) -> Act:
    def act(session: Session, now: datetime) -> object:
        return calling_off.cancel_order(
            session, shipper, order_id, reason_code=CancelReason.PRICE, reason="", now=now
        )

    return act


def giving_back(carrier: Actor, order_id: UUID) -> Act:
    def act(session: Session, now: datetime) -> object:
        return calling_off.withdraw_carrier(
            session, carrier, order_id, reason_code=WithdrawalReason.ACCIDENT, note="", now=now
        )

    return act


def test_cancelled_and_given_back_at_once(world: World) -> None:
    """Whoever is first: the carrier is owed a fee, or it is not; never both."""
    for _ in range(ROUNDS):
        order_id, shipper, carrier = taken(world)
        outcomes = race(cancelling(shipper, order_id), giving_back(carrier, order_id))
        fees = world.sql("SELECT id FROM order_fees WHERE order_id = %s", order_id)
        given_back = world.sql("SELECT id FROM order_withdrawals WHERE order_id = %s", order_id)
        (order,) = world.sql("SELECT status FROM orders WHERE id = %s", order_id)
        assert order["status"] == "CANCELLED"
        if outcomes == ["ok", "order_not_withdrawable"]:
            assert (len(fees), len(given_back)) == (1, 0)
        else:
            assert outcomes == ["ok", "ok"]
            assert (len(fees), len(given_back)) == (0, 1)


def test_given_back_twice_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        order_id, _, carrier = taken(world)
        outcomes = race(giving_back(carrier, order_id), giving_back(carrier, order_id))
        assert sorted(outcomes) == ["not_your_load", "ok"]
        assert len(world.sql("SELECT id FROM order_withdrawals WHERE order_id = %s", order_id)) == 1


def test_accepted_while_it_expires(world: World) -> None:
    for _ in range(ROUNDS):
        market = open_market(world, [world.fleet()[::2], world.fleet()[::2]])
        world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", market.order_id)

        def accept(session: Session, now: datetime) -> object:
            # His request came in just before the end.
            before = now - timedelta(minutes=1)
            return bids.accept_bid(session, market.shipper, market.order_id, market.bid_ids[0], before)  # noqa: B023

        def expire(session: Session, now: datetime) -> object:
            return calling_off.expire_order(session, market.order_id, now)  # noqa: B023

        outcomes = race(accept, expire)
        (order,) = world.sql("SELECT status FROM orders WHERE id = %s", market.order_id)
        assert outcomes[1] == "ok"
        assert order["status"] == ("ASSIGNED" if outcomes[0] == "ok" else "CANCELLED")


def test_what_is_over_is_given_to_nobody_even_before_the_sweep(world: World) -> None:
    path = world.posted()
    bid_id = world.bid(path, world.carrier, world.vehicle_id)
    made = world.shipper.post(f"{path}bids/{bid_id}/counter/", {"amount_xof": 450_000})
    assert made.status_code == 201, made.text
    world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", path.split("/")[-2])
    other, _, truck = world.fleet()
    bid = {"vehicle_id": truck, "amount_xof": 480_000}
    own = f"{path}bids/{bid_id}/"
    for answer in (
        other.post(f"{path}bids/", bid),
        world.carrier.patch(own, {"amount_xof": 470_000}),
        world.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id}),
        world.shipper.post(f"{own}counter/", {"amount_xof": 440_000}),
        world.carrier.post(f"{own}counter/accept/", {"amount_xof": 450_000}),
    ):
        assert code_of(answer) == (409, "order_not_open")


def test_an_order_that_cannot_expire_keeps_no_other_on_the_market(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (world.posted().split("/")[-2] for _ in range(2))
    world.sql("UPDATE orders SET expires_at = now() WHERE id = ANY (%s::uuid[])", [bad, good])
    really = calling_off.expire_order

    def sometimes(session: Session, order_id: UUID, now: datetime) -> bool:
        if str(order_id) == bad:
            raise RuntimeError("a row like no other")
        return really(session, order_id, now)

    monkeypatch.setattr(calling_off, "expire_order", sometimes)
    assert tasks.expire() >= 1
    states = world.sql("SELECT id, status FROM orders WHERE id = ANY (%s::uuid[])", [bad, good])
    assert {str(row["id"]): row["status"] for row in states} == {bad: "POSTED", good: "CANCELLED"}


def test_given_back_after_its_pickup_window_it_may_be_offered_to_another(world: World) -> None:
    closes = datetime.now(UTC) + timedelta(hours=1)
    order = world.assigned(body={**ORDER, "pickup_window": {"closes_at": closes.isoformat()}})
    world.sql(
        "UPDATE orders SET pickup_closes_at = now() - interval '1 hour', expires_at = now() WHERE id = %s",
        order.id,
    )
    back = order.carrier.post(f"{order.path}withdraw/", {"reason_code": "breakdown"})
    assert back.json()["status"] == "POSTED"
    offer = {"carrier_id": str(world.carrier.id), "amount_xof": 400_000}
    made = order.shipper.post(f"{order.path}offers/", offer)
    assert made.status_code == 201, made.text
