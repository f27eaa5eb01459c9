"""Who may bid and who wins, with plain values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.bids import rules
from platform_api.bids.rules import BidSnapshot, BidStatus, VehicleSnapshot
from platform_api.errors import PlatformError
from platform_api.orders.rules import OPEN, OrderSnapshot, OrderStatus

S = OrderStatus
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHIPPER = Actor(uuid4(), Role.SHIPPER)
CARRIER = Actor(uuid4(), Role.CARRIER)
OTHER_CARRIER = Actor(uuid4(), Role.CARRIER)
DRIVER = Actor(uuid4(), Role.DRIVER, carrier_id=CARRIER.user_id)
ADMINISTRATOR = Actor(uuid4(), Role.ADMINISTRATOR)
BROKER = Actor(uuid4(), Role.BROKER)
TRUCK = VehicleSnapshot(7, CARRIER.user_id, DRIVER.user_id)


def order(status: OrderStatus, **changes: object) -> OrderSnapshot:
    base = OrderSnapshot(uuid4(), status, SHIPPER.user_id)
    return replace(base, **changes)  # type: ignore[arg-type]


def bid(status: BidStatus = BidStatus.PLACED, carrier: Actor = CARRIER, **changes: object) -> BidSnapshot:
    base = BidSnapshot(uuid4(), carrier.user_id, TRUCK.id, None, 500_000, status, NOW + 60 * MINUTE)
    return replace(base, **changes)  # type: ignore[arg-type]


def refused(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(PlatformError) as caught:
        act()
    return caught.value.status, caught.value.code


@pytest.mark.parametrize("status", list(S))
def test_bids_only_on_open_orders(status: OrderStatus) -> None:
    if status in OPEN:
        rules.place_bid(order(status), CARRIER, TRUCK, 1)
    else:
        assert refused(lambda: rules.place_bid(order(status), CARRIER, TRUCK, 1)) == (409, "order_not_open")


def test_bids_of_the_wrong_people_vehicles_amounts() -> None:
    posted = order(S.POSTED)
    assert refused(lambda: rules.place_bid(posted, DRIVER, TRUCK, 1)) == (403, "role_not_allowed")
    assert refused(lambda: rules.place_bid(posted, OTHER_CARRIER, TRUCK, 1)) == (404, "vehicle_not_found")
    assert refused(lambda: rules.place_bid(posted, CARRIER, None, 1)) == (404, "vehicle_not_found")
    assert refused(lambda: rules.place_bid(posted, CARRIER, TRUCK, 0)) == (422, "invalid_amount")
    rules.place_bid(posted, CARRIER, replace(TRUCK, busy_with=uuid4()), 1)


@pytest.mark.parametrize("status", list(BidStatus))
def test_withdraw(status: BidStatus) -> None:
    placed = bid(status)
    assert refused(lambda: rules.withdraw_bid(placed, OTHER_CARRIER)) == (404, "bid_not_found")
    if status in (BidStatus.PLACED, BidStatus.WITHDRAWN):
        assert rules.withdraw_bid(placed, CARRIER) is (status is BidStatus.PLACED)
    else:
        assert refused(lambda: rules.withdraw_bid(placed, CARRIER)) == (409, "bid_not_open")


def test_accept_makes_one_winner_and_losers_of_the_open_ones() -> None:
    bids = [bid(), bid(), bid(BidStatus.WITHDRAWN), bid(BidStatus.EXPIRED)]
    award = rules.accept(order(S.BIDDING), bids, bids[0].id, SHIPPER, NOW)
    assert award == rules.Award(bids[0], (bids[1].id,))
    assert rules.accept(order(S.BIDDING), bids, bids[0].id, ADMINISTRATOR, NOW) == award


@pytest.mark.parametrize("status", [S.ASSIGNED, S.IN_TRANSIT, S.COMPLETED])
def test_accepting_again_is_no_error(status: OrderStatus) -> None:
    won, lost = bid(BidStatus.ACCEPTED), bid(BidStatus.LOST)
    assert rules.accept(order(status), [won, lost], won.id, SHIPPER, NOW).repeated
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


def test_the_driver_of_the_bid_or_else_of_the_vehicle() -> None:
    named = bid(driver_id=uuid4())
    assert rules.assign_vehicle(named, TRUCK, driver_stays=True) == named.driver_id
    assert rules.assign_vehicle(named, TRUCK, driver_stays=False) == DRIVER.user_id
    assert rules.assign_vehicle(bid(), TRUCK, driver_stays=False) == DRIVER.user_id


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
    assert refused(lambda: rules.assign_vehicle(bid(), vehicle, driver_stays=False)) == (409, code)
