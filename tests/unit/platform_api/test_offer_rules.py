"""Direct offers, with plain values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.errors import PlatformError
from platform_api.offers import rules
from platform_api.offers.rules import OfferSnapshot, OfferStatus
from platform_api.orders.rules import GIVEABLE, OrderSnapshot, OrderStatus

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)
SHIPPER, BROKER = Actor(uuid4(), Role.SHIPPER), Actor(uuid4(), Role.BROKER)
CARRIER, OTHER = Actor(uuid4(), Role.CARRIER), Actor(uuid4(), Role.CARRIER)
DRAFT = OrderSnapshot(uuid4(), OrderStatus.DRAFT, SHIPPER.user_id)
OPEN = OfferSnapshot(uuid4(), CARRIER.user_id, 400_000, OfferStatus.OPEN, NOW, NOW + HALF_AN_HOUR)


def refused(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(PlatformError) as caught:
        act()
    return caught.value.status, caught.value.code


def make(order: OrderSnapshot = DRAFT, actor: Actor = SHIPPER, known: bool = True, count: int = 0) -> None:
    rules.make_offer(order, actor, carrier_known=known, open_offers=count)


@pytest.mark.parametrize("status", list(OrderStatus))
def test_offers_while_nobody_has_the_order(status: OrderStatus) -> None:
    if status in GIVEABLE:
        make(replace(DRAFT, status=status))
    else:
        assert refused(lambda: make(replace(DRAFT, status=status))) == (409, "order_not_open")


def test_who_offers_and_to_whom() -> None:
    brokered = replace(DRAFT, broker_id=BROKER.user_id)
    make(brokered, BROKER)
    assert refused(lambda: make(brokered, SHIPPER)) == (403, "order_brokered")
    assert refused(lambda: make(actor=CARRIER)) == (403, "not_your_order")
    assert refused(lambda: make(known=False)) == (404, "carrier_not_found")
    assert refused(lambda: make(count=rules.MAX_OPEN_OFFERS)) == (409, "too_many_offers")


def test_an_offer_ends_with_the_order() -> None:
    usual, sooner = NOW + HALF_AN_HOUR, NOW + timedelta(minutes=1)
    assert rules.binding_until(usual=usual, order_ends=None, now=NOW) == usual
    assert rules.binding_until(usual=usual, order_ends=sooner, now=NOW) == sooner
    assert refused(lambda: rules.binding_until(usual=usual, order_ends=NOW, now=NOW)) == (409, "expiry_over")


@pytest.mark.parametrize("status", list(OfferStatus))
def test_answers(status: OfferStatus) -> None:
    offer = replace(OPEN, status=status)
    for actor in (OTHER, SHIPPER):
        nobodys = refused(lambda actor=actor: rules.accept_offer(DRAFT, offer, actor, NOW))  # type: ignore[misc]
        assert nobodys == (404, "offer_not_found")
    if status is OfferStatus.OPEN:
        assert rules.accept_offer(DRAFT, offer, CARRIER, NOW) == offer
        assert rules.decline_offer(offer, CARRIER)
        assert rules.withdraw_offer(DRAFT, offer, SHIPPER)
        late = refused(lambda: rules.accept_offer(DRAFT, offer, CARRIER, offer.expires_at))
        assert late == (409, "offer_expired")
        taken = replace(DRAFT, status=OrderStatus.ASSIGNED)
        gone = refused(lambda: rules.accept_offer(taken, offer, CARRIER, NOW))
        assert gone == (409, "order_not_open")
    elif status is OfferStatus.ACCEPTED:
        assert rules.accept_offer(DRAFT, offer, CARRIER, NOW) is None
    else:
        code = "offer_expired" if status is OfferStatus.EXPIRED else "offer_not_open"
        assert refused(lambda: rules.accept_offer(DRAFT, offer, CARRIER, NOW)) == (409, code)


def test_one_reminder_at_half_time() -> None:
    half = NOW + HALF_AN_HOUR / 2
    assert not rules.due_reminder(OPEN, half - timedelta(seconds=1))
    assert rules.due_reminder(OPEN, half)
    assert not rules.due_reminder(replace(OPEN, reminded=True), half)
    assert not rules.due_reminder(OPEN, OPEN.expires_at)
    assert not rules.due_reminder(replace(OPEN, status=OfferStatus.DECLINED), half)
