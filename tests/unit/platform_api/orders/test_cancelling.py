"""What calling off costs, and who may give an order back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.errors import Invalid, PlatformError
from platform_api.orders.cancelling import (
    SECOND_CHANCE,
    CancelReason,
    Cost,
    FeeTerms,
    check_reason,
    cost_of_cancelling,
    expiry_after_withdrawal,
    withdraw,
)
from platform_api.orders.rules import OrderSnapshot, OrderStatus

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
SHIPPER, CARRIER = UUID(int=1), UUID(int=2)
TERMS = FeeTerms(10, 10_000, 25, 25_000)
ASSIGNED = OrderSnapshot(UUID(int=9), OrderStatus.ASSIGNED, SHIPPER, carrier_id=CARRIER)


def cost(
    agreed: int | None, *, arrived: bool = False, closes_h: float | None = None, terms: FeeTerms = TERMS
) -> Cost:
    return cost_of_cancelling(
        ASSIGNED,
        terms,
        agreed_xof=agreed,
        arrived_pickup_at=NOW if arrived else None,
        pickup_closes_at=None if closes_h is None else NOW + timedelta(hours=closes_h),
        now=NOW,
    )


@pytest.mark.parametrize(
    ("agreed", "arrived", "closes_h", "amount", "because"),
    [
        (500_000, False, None, 50_000, None),
        (500_000, False, 1, 50_000, None),
        (500_000, False, -1, 0, "carrier_late"),
        (500_000, True, -1, 125_000, None),
        (60_000, False, None, 10_000, None),
        (60_000, True, None, 25_000, None),
        (20_000, True, None, 20_000, None),
        (100_005, False, None, 10_001, None),
        (None, False, None, 0, "not_awarded"),
    ],
)
def test_cost(
    agreed: int | None, arrived: bool, closes_h: float | None, amount: int, because: str | None
) -> None:
    found = cost(agreed, arrived=arrived, closes_h=closes_h)
    assert (found.amount_xof, found.free_because) == (amount, because)


def test_free_before_the_award_and_where_nothing_is_asked() -> None:
    open_order = OrderSnapshot(UUID(int=9), OrderStatus.BIDDING, SHIPPER)
    found = cost_of_cancelling(
        open_order, TERMS, agreed_xof=None, arrived_pickup_at=None, pickup_closes_at=None, now=NOW
    )
    assert found == Cost("not_awarded", free_because="not_awarded")
    assert cost(500_000, terms=FeeTerms(0, 0, 0, 0)).free_because == "no_fee"


amounts = st.integers(1, 10**9)


@given(
    agreed=amounts,
    terms=st.builds(FeeTerms, st.integers(0, 100), amounts, st.integers(0, 100), amounts),
    arrived=st.booleans(),
)
def test_never_more_than_the_price_never_less_than_share_and_minimum(
    agreed: int, terms: FeeTerms, arrived: bool
) -> None:
    found = cost(agreed, arrived=arrived, terms=terms)
    assert 0 <= found.amount_xof <= agreed
    assert found.amount_xof == agreed or found.amount_xof >= max(
        found.minimum_xof, agreed * found.percent // 100
    )


CARRIER_ACTOR = Actor(CARRIER, Role.CARRIER, carrier_id=CARRIER)


@pytest.mark.parametrize("status", OrderStatus)
def test_given_back_only_before_the_goods_are_on_the_truck(status: OrderStatus) -> None:
    order = OrderSnapshot(UUID(int=9), status, SHIPPER, carrier_id=CARRIER)
    if status in (OrderStatus.ASSIGNED, OrderStatus.PICKUP_PENDING):
        withdraw(order, CARRIER_ACTOR)
        return
    with pytest.raises(PlatformError) as caught:
        withdraw(order, CARRIER_ACTOR)
    assert caught.value.code == "order_not_withdrawable"


@pytest.mark.parametrize(
    "actor",
    [
        Actor(SHIPPER, Role.SHIPPER),
        Actor(UUID(int=5), Role.CARRIER),
        Actor(UUID(int=6), Role.DRIVER, carrier_id=CARRIER),
    ],
)
def test_given_back_by_its_carrier_alone(actor: Actor) -> None:
    with pytest.raises(PlatformError) as caught:
        withdraw(ASSIGNED, actor)
    assert caught.value.code == "not_your_load"


def test_other_reasons_need_words() -> None:
    check_reason(CancelReason.PRICE, "")
    check_reason(CancelReason.OTHER, "grève")
    with pytest.raises(Invalid):
        check_reason(CancelReason.OTHER, "")


@given(hours=st.none() | st.floats(-100, 100))
def test_back_on_the_market_long_enough(hours: float | None) -> None:
    expires = None if hours is None else NOW + timedelta(hours=hours)
    assert expiry_after_withdrawal(expires, NOW) >= NOW + SECOND_CHANCE
