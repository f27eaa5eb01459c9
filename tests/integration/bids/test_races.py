"""Two people at once on the real database, a hundred times each: exactly one wins, for a price that he saw."""

from collections import Counter

import pytest

from platform_api.bids.rules import Seen
from tests.integration.bids.market_world import (
    ASKED,
    COUNTERED,
    OFFERED,
    REVISED,
    Fleet,
    accept,
    accept_counter,
    accept_offer,
    cancel,
    counter,
    expire_bids,
    fleet_of,
    offer,
    revise,
    sweep_offers,
    withdraw,
    withdraw_counter,
    withdraw_offer,
)
from tests.integration.orders.world import Market, World
from tests.support.races import race

pytestmark = pytest.mark.integration

ROUNDS = 100


@pytest.fixture
def fleet(world: World) -> Fleet:
    return fleet_of(world)


def outcome(world: World, market: Market) -> tuple[str, int | None, Counter[str]]:
    """Status and price of the order, and what became of its bids, counter-offers and offers."""
    (order,) = world.sql("SELECT status, agreed_xof FROM orders WHERE id = %s", market.order_id)
    rows = world.sql(
        "SELECT status FROM bids WHERE order_id = %(id)s UNION ALL"
        " SELECT 'counter ' || status FROM bid_counters WHERE order_id = %(id)s UNION ALL"
        " SELECT 'offer ' || status FROM offers WHERE order_id = %(id)s".replace("%(id)s", "%s"),
        *[market.order_id] * 3,
    )
    return order["status"], order["agreed_xof"], Counter(row["status"] for row in rows)


def assigned_once(world: World, market: Market) -> None:
    awards = world.sql(
        "SELECT action FROM order_history WHERE order_id = %s AND to_status = 'ASSIGNED'"
        " AND from_status <> 'ASSIGNED'",
        market.order_id,
    )
    fences = world.sql(
        "SELECT g.id FROM geofences g JOIN orders o ON o.id = %s WHERE g.vehicle_id = o.vehicle_id"
        " AND g.valid_from = o.assigned_at",
        market.order_id,
    )
    assert (len(awards), len(fences)) == (1, 2)


def test_two_bids_accepted(world: World, fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        assert sorted(race(accept(market, 0), accept(market, 1))) == ["ok", "order_not_open"]
        assert outcome(world, market) == ("ASSIGNED", ASKED, Counter(ACCEPTED=1, LOST=1))
        assigned_once(world, market)


def test_a_bid_accepted_and_withdrawn(world: World, fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        outcomes = race(accept(market, 0), withdraw(market, 0))
        if outcomes == ["ok", "bid_not_open"]:
            assert outcome(world, market) == ("ASSIGNED", ASKED, Counter(ACCEPTED=1, LOST=1))
        else:
            assert outcomes == ["bid_not_open", "ok"]
            assert outcome(world, market) == ("BIDDING", None, Counter(PLACED=1, WITHDRAWN=1))


@pytest.mark.parametrize("seen", [Seen(), Seen(amount_xof=ASKED), Seen(version=1)])
def test_a_bid_accepted_and_revised(world: World, fleet: Fleet, seen: Seen) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        outcomes = race(accept(market, 0, seen), revise(market, 0))
        if outcomes[0] == "ok":
            assert outcomes[1] == "order_not_open"
            assert outcome(world, market)[:2] == ("ASSIGNED", ASKED)
        else:
            assert outcomes == ["bid_changed", "ok"]
            assert outcome(world, market)[:2] == ("BIDDING", None)
            (bid,) = world.sql("SELECT amount_xof FROM bids WHERE id = %s", market.bid_ids[0])
            assert bid["amount_xof"] == REVISED


def test_a_bid_accepted_and_expired(world: World, fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        world.sql("UPDATE bids SET expires_at = now() + interval '4 ms' WHERE id = %s", market.bid_ids[0])
        outcomes = race(accept(market, 0), expire_bids)
        status, price, bids = outcome(world, market)
        assert outcomes[1] == "ok"
        if outcomes[0] == "ok":
            assert (status, price, bids["ACCEPTED"]) == ("ASSIGNED", ASKED, 1)
        else:
            assert outcomes[0] == "bid_expired"
            assert (status, price, bids["ACCEPTED"]) == ("BIDDING", None, 0)


def test_a_bid_accepted_and_the_order_cancelled(world: World, fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        outcomes = race(accept(market, 0), cancel(market))
        # Cancelling an order that was just assigned is allowed, so it always succeeds.
        assert outcomes[1] == "ok"
        assert outcomes[0] in ("ok", "order_not_open")
        status, _, bids = outcome(world, market)
        assert (status, bids["PLACED"]) == ("CANCELLED", 0)


def test_a_counter_accepted_and_another_bid_accepted(world: World, fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        counter(market, 0)
        outcomes = race(accept_counter(market, 0), accept(market, 1))
        assert sorted(outcomes) == ["ok", "order_not_open"]
        status, price, deals = outcome(world, market)
        assert (status, deals["ACCEPTED"], deals["LOST"]) == ("ASSIGNED", 1, 1)
        if outcomes[0] == "ok":
            assert (price, deals["counter ACCEPTED"]) == (COUNTERED, 1)
        else:
            assert (price, deals["counter LOST"]) == (ASKED, 1)
        assigned_once(world, market)


def test_two_counters_accepted(world: World, fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        counter(market, 0)
        counter(market, 1)
        assert sorted(race(accept_counter(market, 0), accept_counter(market, 1))) == ["ok", "order_not_open"]
        deals = outcome(world, market)[2]
        assert (deals["counter ACCEPTED"], deals["counter LOST"]) == (1, 1)
        assigned_once(world, market)


def test_a_counter_accepted_and_withdrawn(world: World, fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        market = fleet.market()
        counter(market, 0)
        outcomes = race(accept_counter(market, 0), withdraw_counter(market, 0))
        if outcomes[0] == "ok":
            assert outcomes[1] == "counter_not_open"
            assert outcome(world, market)[:2] == ("ASSIGNED", COUNTERED)
        else:
            assert outcomes == ["counter_not_open", "ok"]
            assert outcome(world, market)[:2] == ("BIDDING", None)


def test_two_offers_accepted(world: World, fleet: Fleet) -> None:
    (_, first), (_, second) = fleet.vehicles
    for _ in range(ROUNDS):
        market = fleet.market()
        offers = offer(market, 0), offer(market, 1)
        outcomes = race(accept_offer(market, 0, offers[0], first), accept_offer(market, 1, offers[1], second))
        assert outcomes.count("ok") == 1
        assert set(outcomes) <= {"ok", "offer_not_open", "order_not_found"}
        status, price, deals = outcome(world, market)
        assert (status, price) == ("ASSIGNED", OFFERED)
        assert deals == Counter({"LOST": 2, "offer ACCEPTED": 1, "offer LOST": 1})
        assigned_once(world, market)


def test_an_offer_accepted_and_a_bid_accepted(world: World, fleet: Fleet) -> None:
    (_, first), _ = fleet.vehicles
    for _ in range(ROUNDS):
        market = fleet.market()
        outcomes = race(accept_offer(market, 0, offer(market, 0), first), accept(market, 1))
        assert outcomes.count("ok") == 1
        price = outcome(world, market)[1]
        assert price == (OFFERED if outcomes[0] == "ok" else ASKED)
        assigned_once(world, market)


def test_an_offer_accepted_and_withdrawn(world: World, fleet: Fleet) -> None:
    (_, first), _ = fleet.vehicles
    for _ in range(ROUNDS):
        market = fleet.market()
        made = offer(market, 0)
        outcomes = race(accept_offer(market, 0, made, first), withdraw_offer(market, made))
        assert sorted(outcomes) == ["offer_not_open", "ok"]
        assert outcome(world, market)[1] == (OFFERED if outcomes[0] == "ok" else None)


def test_an_offer_accepted_and_swept_as_over(world: World, fleet: Fleet) -> None:
    (_, first), _ = fleet.vehicles
    for _ in range(ROUNDS):
        market = fleet.market()
        made = offer(market, 0)
        outcomes = race(accept_offer(market, 0, made, first), sweep_offers)
        # A sweep leaves alone what somebody is acting on.
        assert outcomes[1] == "ok"
        status = "ASSIGNED" if outcomes[0] == "ok" else "BIDDING"
        assert outcomes[0] in ("ok", "offer_expired")
        assert outcome(world, market)[0] == status
