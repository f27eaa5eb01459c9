"""Two people at once: exactly one wins, the other is told why. Each race is run many times."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from platform_api.bids import service as bids
from platform_api.orders import calling_off
from platform_api.orders.cancelling import CancelReason
from tests.integration.orders.world import Market, World, actor_of, open_market
from tests.support.races import Act, race

pytestmark = pytest.mark.integration

ROUNDS = 20


def accept(market: Market, number: int) -> Act:
    def act(session: Session, now: datetime) -> object:
        return bids.accept_bid(session, market.shipper, market.order_id, market.bid_ids[number], now)

    return act


def withdraw(market: Market, number: int) -> Act:
    def act(session: Session, now: datetime) -> object:
        carrier, bid_id = market.carriers[number], market.bid_ids[number]
        return bids.withdraw_bid(session, carrier, market.order_id, bid_id, now)

    return act


def bid_statuses(world: World, order_ids: Sequence[UUID]) -> list[str]:
    rows = world.sql("SELECT status FROM bids WHERE order_id = ANY (%s) ORDER BY status", list(order_ids))
    return [row["status"] for row in rows]


def test_two_bids_accepted_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        market = open_market(world, [world.fleet()[::2], world.fleet()[::2]])
        outcomes = race(accept(market, 0), accept(market, 1))
        assert sorted(outcomes) == ["ok", "order_not_open"]
        winner = market.carriers[outcomes.index("ok")]
        (order,) = world.sql("SELECT * FROM orders WHERE id = %s", market.order_id)
        assert (order["status"], order["carrier_id"]) == ("ASSIGNED", winner.user_id)
        assert bid_statuses(world, [market.order_id]) == ["ACCEPTED", "LOST"]
        fences = world.sql("SELECT id FROM geofences WHERE vehicle_id = %s", order["vehicle_id"])
        assert {row["id"] for row in fences} == {order["pickup_geofence_id"], order["delivery_geofence_id"]}


def test_double_click(world: World) -> None:
    for _ in range(ROUNDS):
        market = open_market(world, [world.fleet()[::2], world.fleet()[::2]])
        assert race(accept(market, 0), accept(market, 0)) == ["ok", "ok"]
        rows = world.sql(
            "SELECT id FROM order_history WHERE order_id = %s AND action = 'bid_accepted'", market.order_id
        )
        assert len(rows) == 1


def test_accepted_and_withdrawn_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        market = open_market(world, [world.fleet()[::2], world.fleet()[::2]])
        outcomes = race(accept(market, 0), withdraw(market, 0))
        statuses = bid_statuses(world, [market.order_id])
        if outcomes == ["ok", "bid_not_open"]:
            assert statuses == ["ACCEPTED", "LOST"]
        else:
            assert outcomes == ["bid_not_open", "ok"]
            assert statuses == ["PLACED", "WITHDRAWN"]


def test_one_vehicle_won_by_two_orders_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        both = [world.fleet()[::2], world.fleet()[::2]]
        markets = [open_market(world, both) for _ in range(2)]
        outcomes = race(accept(markets[0], 0), accept(markets[1], 0))
        assert sorted(outcomes) == ["ok", "vehicle_busy"]


def test_cancelled_and_accepted_at_once(world: World) -> None:
    for _ in range(ROUNDS):
        market = open_market(world, [world.fleet()[::2], world.fleet()[::2]])

        def cancel(session: Session, now: datetime, market: Market = market) -> object:
            return calling_off.cancel_order(
                session, market.shipper, market.order_id, reason_code=CancelReason.PRICE, reason="", now=now
            )

        outcomes = race(cancel, accept(market, 0))
        # Cancelling an order that was just assigned is allowed, so it always succeeds.
        assert outcomes[0] == "ok"
        assert outcomes[1] in ("ok", "order_not_open")
        fences = world.sql(
            "SELECT retired_at FROM geofences g JOIN orders o"
            " ON g.id IN (o.pickup_geofence_id, o.delivery_geofence_id) WHERE o.id = %s",
            market.order_id,
        )
        assert all(row["retired_at"] for row in fences)


def test_two_bids_of_one_carrier_at_once(world: World) -> None:
    carrier, _, vehicle_id = world.fleet()
    other = world.fleet()
    for _ in range(5):
        market = open_market(world, [other[::2], world.fleet()[::2]])

        def bid(session: Session, now: datetime, market: Market = market) -> object:
            return bids.place_bid(
                session,
                actor_of(carrier),
                market.order_id,
                vehicle_id=vehicle_id,
                driver_id=None,
                amount_xof=1,
                message="",
                now=now,
            )

        assert sorted(race(bid, bid)) == ["bid_exists", "ok"]
