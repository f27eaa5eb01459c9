"""What a verdict gives back to whom: never more than there was to lose."""

from uuid import UUID, uuid4

import pytest

from platform_api.disputes.rules import Outcome, Refund, Stakes, refunds
from platform_api.errors import Invalid
from platform_api.orders.rules import OrderSnapshot, OrderStatus

SHIPPER, BROKER, CARRIER = uuid4(), uuid4(), uuid4()
STAKES = Stakes(agreed_xof=300_000, customer_xof=350_000, value_xof=1_000_000)


def order(broker_id: UUID | None = BROKER) -> OrderSnapshot:
    return OrderSnapshot(uuid4(), OrderStatus.DISPUTED, SHIPPER, broker_id=broker_id, carrier_id=CARRIER)


def given(
    stakes: Stakes, refund: int | None, customer: int | None = None, broker_id: UUID | None = BROKER
) -> list[Refund]:
    return refunds(order(broker_id), stakes, Outcome.UPHELD, refund_xof=refund, customer_refund_xof=customer)


def test_each_gives_back_to_whom_he_was_paid_by() -> None:
    assert given(STAKES, 10, 20) == [Refund(CARRIER, BROKER, 10), Refund(BROKER, SHIPPER, 20)]
    assert given(STAKES, 10, broker_id=None) == [Refund(CARRIER, SHIPPER, 10)]


@pytest.mark.parametrize(
    ("stakes", "refund", "customer", "limit"),
    [
        (STAKES, 1_300_001, None, 1_300_000),
        (STAKES, None, 1_350_001, 1_350_000),
        (Stakes(300_000, 350_000), 300_001, None, 300_000),
        (Stakes(300_000, 350_000, 0), 300_001, None, 300_000),
    ],
)
def test_at_most_the_freight_and_the_value_of_the_goods(
    stakes: Stakes, refund: int | None, customer: int | None, limit: int
) -> None:
    with pytest.raises(Invalid) as refused:
        given(stakes, refund, customer)
    assert (refused.value.code, refused.value.values) == ("refund_too_large", {"limit": limit})


def test_up_to_it_and_without_a_known_price_anything() -> None:
    assert given(STAKES, 1_300_000, 1_350_000)
    assert given(Stakes(), 5_000_000)
