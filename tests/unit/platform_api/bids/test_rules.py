"""Who may bid and who wins, with plain values."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor
from platform_api.bids import rules
from platform_api.bids.rules import (
    BidSnapshot,
    BidStatus,
    CounterSnapshot,
    CounterStatus,
    Deal,
    Seen,
    VehicleSnapshot,
)
from platform_api.orders.rules import OPEN, OrderSnapshot, OrderStatus
from tests.unit.platform_api.orders.people import (
    ADMINISTRATOR,
    BROKER,
    CARRIER,
    DRIVER,
    MINUTE,
    NOW,
    OTHER_CARRIER,
    SHIPPER,
    S,
    refused,
)

TRUCK = VehicleSnapshot(7, CARRIER.user_id, DRIVER.user_id)


def order(status: OrderStatus, **changes: object) -> OrderSnapshot:
    base = OrderSnapshot(uuid4(), status, SHIPPER.user_id)
    return replace(base, **changes)  # type: ignore[arg-type]


def bid(status: BidStatus = BidStatus.PLACED, carrier: Actor = CARRIER, **changes: object) -> BidSnapshot:
    base = BidSnapshot(uuid4(), carrier.user_id, TRUCK.id, None, 500_000, status, NOW + 60 * MINUTE)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", list(S))
def test_bids_only_on_open_orders(status: OrderStatus) -> None:
    if status in OPEN:
        rules.place_bid(order(status), CARRIER, TRUCK, 1, NOW)
    else:
        assert refused(lambda: rules.place_bid(order(status), CARRIER, TRUCK, 1, NOW)) == (
            409,
            "order_not_open",
        )


def test_bids_of_the_wrong_people_vehicles_amounts() -> None:
    posted = order(S.POSTED)
    assert refused(lambda: rules.place_bid(posted, DRIVER, TRUCK, 1, NOW)) == (403, "role_not_allowed")
    assert refused(lambda: rules.place_bid(posted, OTHER_CARRIER, TRUCK, 1, NOW)) == (
        404,
        "vehicle_not_found",
    )
    assert refused(lambda: rules.place_bid(posted, CARRIER, None, 1, NOW)) == (404, "vehicle_not_found")
    assert refused(lambda: rules.place_bid(posted, CARRIER, TRUCK, 0, NOW)) == (422, "invalid_amount")
    rules.place_bid(posted, CARRIER, replace(TRUCK, busy_with=uuid4()), 1, NOW)


@pytest.mark.parametrize("status", list(BidStatus))
def test_withdraw(status: BidStatus) -> None:
    placed = bid(status)
    assert refused(lambda: rules.withdraw_bid(placed, OTHER_CARRIER)) == (404, "bid_not_found")
    if status in (BidStatus.PLACED, BidStatus.WITHDRAWN):
        assert rules.withdraw_bid(placed, CARRIER) is (status is BidStatus.PLACED)
    else:
        assert refused(lambda: rules.withdraw_bid(placed, CARRIER)) == (409, "bid_not_open")


def test_accept_names_the_winner() -> None:
    bids = [bid(), bid(), bid(BidStatus.WITHDRAWN)]
    assert rules.accept(order(S.BIDDING), bids, bids[1].id, SHIPPER, NOW) == bids[1]
    assert rules.accept(order(S.BIDDING), bids, bids[0].id, ADMINISTRATOR, NOW) == bids[0]


def test_a_brokered_order_is_given_away_by_its_broker() -> None:
    brokered, placed = order(S.BIDDING, broker_id=BROKER.user_id), bid()
    assert rules.accept(brokered, [placed], placed.id, BROKER, NOW) == placed
    assert refused(lambda: rules.accept(brokered, [placed], placed.id, SHIPPER, NOW)) == (
        403,
        "order_brokered",
    )


@pytest.mark.parametrize(
    ("seen", "changed"),
    [
        (Seen(), True),
        (Seen(version=2), True),
        (Seen(version=3), False),
        (Seen(amount_xof=500_000), False),
        (Seen(amount_xof=499_999), True),
        (Seen(amount_xof=500_000, version=2), True),
        (Seen(amount_xof=500_000, version=3), False),
    ],
)
def test_a_revised_bid_is_accepted_only_as_it_was_seen(seen: Seen, changed: bool) -> None:
    revised = bid(version=3)

    def accept() -> object:
        return rules.accept(order(S.BIDDING), [revised], revised.id, SHIPPER, NOW, seen)

    if changed:
        assert refused(accept) == (409, "bid_changed")
    else:
        assert accept() == revised


@pytest.mark.parametrize("status", [S.ASSIGNED, S.IN_TRANSIT, S.COMPLETED])
def test_accepting_again_is_no_error(status: OrderStatus) -> None:
    won, lost = bid(BidStatus.ACCEPTED), bid(BidStatus.LOST)
    assert rules.accept(order(status), [won, lost], won.id, SHIPPER, NOW) is None
    assert refused(lambda: rules.accept(order(status), [won, lost], lost.id, SHIPPER, NOW)) == (
        409,
        "order_not_open",
    )


def test_accept_refusals() -> None:
    bidding, placed = order(S.BIDDING), bid()

    def accept(one: BidSnapshot, actor: Actor = SHIPPER, when: datetime = NOW, **kwargs: UUID) -> object:
        return rules.accept(bidding, [one], kwargs.get("bid_id", one.id), actor, when)

    assert refused(lambda: accept(placed, CARRIER)) == (403, "not_your_order")
    assert refused(lambda: accept(placed, bid_id=uuid4())) == (404, "bid_not_found")
    assert refused(lambda: accept(placed, when=placed.expires_at)) == (409, "bid_expired")
    assert refused(lambda: accept(bid(BidStatus.EXPIRED))) == (409, "bid_expired")
    assert refused(lambda: accept(bid(BidStatus.WITHDRAWN))) == (409, "bid_not_open")
    won = bid(BidStatus.ACCEPTED)
    assert refused(lambda: rules.accept(order(S.CANCELLED), [won], won.id, SHIPPER, NOW)) == (
        409,
        "order_not_open",
    )


DEAL = Deal(CARRIER.user_id, TRUCK.id, None, 500_000)


def test_the_driver_of_the_deal_or_else_of_the_vehicle() -> None:
    named = replace(DEAL, driver_id=uuid4())
    assert rules.assign_vehicle(named, TRUCK, driver_stays=True) == named.driver_id
    assert rules.assign_vehicle(named, TRUCK, driver_stays=False) == DRIVER.user_id
    assert rules.assign_vehicle(DEAL, TRUCK, driver_stays=False) == DRIVER.user_id


@pytest.mark.parametrize(
    ("vehicle", "code"),
    [
        (None, "vehicle_gone"),
        (replace(TRUCK, carrier_id=OTHER_CARRIER.user_id), "vehicle_gone"),
        (replace(TRUCK, busy_with=uuid4()), "vehicle_busy"),
        (replace(TRUCK, driver_id=None), "vehicle_without_driver"),
    ],
)
def test_vehicles_that_cannot_be_assigned(vehicle: VehicleSnapshot | None, code: str) -> None:
    assert refused(lambda: rules.assign_vehicle(DEAL, vehicle, driver_stays=False)) == (409, code)


@pytest.mark.parametrize("status", list(BidStatus))
def test_only_open_bids_are_revised(status: BidStatus) -> None:
    placed = bid(status)
    assert refused(lambda: rules.revise_bid(order(S.BIDDING), placed, OTHER_CARRIER, NOW)) == (
        404,
        "bid_not_found",
    )
    if status is BidStatus.PLACED:
        rules.revise_bid(order(S.BIDDING), placed, CARRIER, NOW)
        late = refused(lambda: rules.revise_bid(order(S.BIDDING), placed, CARRIER, placed.expires_at))
        assert late == (409, "bid_expired")
        gone = refused(lambda: rules.revise_bid(order(S.ASSIGNED), placed, CARRIER, NOW))
        assert gone == (409, "order_not_open")
    else:
        code = "bid_expired" if status is BidStatus.EXPIRED else "bid_not_open"
        assert refused(lambda: rules.revise_bid(order(S.BIDDING), placed, CARRIER, NOW)) == (409, code)


SPAN = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))


@given(SPAN)
def test_validity_is_as_asked_within_limits_or_refused(ahead: timedelta) -> None:
    least, most = rules.MIN_VALID, rules.MAX_VALID

    def until(asked: datetime | None) -> datetime:
        return rules.valid_until(asked, NOW, usual=timedelta(hours=48), least=least, most=most)

    if least <= ahead <= most:
        assert until(NOW + ahead) == NOW + ahead
    else:
        assert refused(lambda: until(NOW + ahead)) == (422, "valid_until_out_of_range")
    assert until(None) == NOW + timedelta(hours=48)


def counter(of: BidSnapshot, status: CounterStatus = CounterStatus.OPEN) -> CounterSnapshot:
    return CounterSnapshot(uuid4(), of.id, 450_000, status, NOW + 30 * MINUTE)


def test_counters_are_made_by_who_runs_the_order() -> None:
    placed = bid()

    def make(actor: Actor = SHIPPER, amount_xof: int = 450_000, ahead: int = 30, **changes: object) -> None:
        rules.make_counter(
            order(S.BIDDING), replace(placed, **changes), actor, NOW, amount_xof=amount_xof,  # type: ignore[arg-type]
            until=NOW + ahead * MINUTE,
        )  # fmt: skip

    make()
    make(ADMINISTRATOR)
    assert refused(lambda: make(CARRIER)) == (403, "not_your_order")
    assert refused(lambda: make(amount_xof=500_000)) == (409, "counter_same_amount")
    assert refused(lambda: make(ahead=61)) == (422, "counter_outlives_bid")
    assert refused(lambda: make(status=BidStatus.WITHDRAWN)) == (409, "bid_not_open")
    assert refused(lambda: make(expires_at=NOW)) == (409, "bid_expired")


@pytest.mark.parametrize("status", list(CounterStatus))
def test_the_answer_to_a_counter(status: CounterStatus) -> None:
    placed = bid()
    made = counter(placed, status)

    def accept(actor: Actor = CARRIER, when: datetime = NOW, amount_xof: int = 450_000) -> object:
        return rules.accept_counter(order(S.BIDDING), placed, made, actor, when, amount_xof=amount_xof)

    assert refused(lambda: accept(OTHER_CARRIER)) == (404, "bid_not_found")
    assert refused(lambda: accept(SHIPPER)) == (404, "bid_not_found")
    if status is CounterStatus.OPEN:
        assert accept() == made
        assert refused(lambda: accept(when=made.expires_at)) == (409, "counter_expired")
        assert refused(lambda: accept(amount_xof=450_001)) == (409, "counter_changed")
        assert rules.decline_counter(placed, made, CARRIER)
        assert rules.withdraw_counter(order(S.BIDDING), made, SHIPPER)
    elif status is CounterStatus.ACCEPTED:
        assert accept() is None
    else:
        code = "counter_expired" if status is CounterStatus.EXPIRED else "counter_not_open"
        assert refused(accept) == (409, code)
    if status is CounterStatus.DECLINED:
        assert not rules.decline_counter(placed, made, CARRIER)
    if status is CounterStatus.WITHDRAWN:
        assert not rules.withdraw_counter(order(S.BIDDING), made, SHIPPER)


def test_there_is_no_counter() -> None:
    placed = bid()
    none = (404, "counter_not_found")
    assert refused(lambda: rules.decline_counter(placed, None, CARRIER)) == none
    assert refused(lambda: rules.withdraw_counter(order(S.BIDDING), None, SHIPPER)) == none
    gone = refused(
        lambda: rules.accept_counter(order(S.BIDDING), placed, None, CARRIER, NOW, amount_xof=450_000)
    )
    assert gone == none


def test_who_sees_what_all_bids_ask() -> None:
    rules.may_see_standing(open_bidding=False, dispatches=True, bids_now=False)
    rules.may_see_standing(open_bidding=True, dispatches=False, bids_now=True)
    sealed = refused(lambda: rules.may_see_standing(open_bidding=False, dispatches=False, bids_now=True))
    assert sealed == (403, "bids_sealed")
    first = refused(lambda: rules.may_see_standing(open_bidding=True, dispatches=False, bids_now=False))
    assert first == (403, "bid_first")
