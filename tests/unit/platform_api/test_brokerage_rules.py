"""Whose yes a brokerage takes, with plain values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.brokerage import rules
from platform_api.brokerage.rules import BrokerageSnapshot, BrokerageStatus, ProposedBy
from platform_api.errors import PlatformError
from platform_api.orders.rules import GIVEABLE, OrderSnapshot, OrderStatus

BROKER, OTHER_BROKER = Actor(uuid4(), Role.BROKER), Actor(uuid4(), Role.BROKER)
SHIPPER, OTHER_SHIPPER = Actor(uuid4(), Role.SHIPPER), Actor(uuid4(), Role.SHIPPER)
PHONE = "+221771234567"
NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
OWN = OrderSnapshot(uuid4(), OrderStatus.DRAFT, BROKER.user_id, BROKER.user_id)
SHIPPERS = OrderSnapshot(uuid4(), OrderStatus.DRAFT, SHIPPER.user_id)
SALE = BrokerageSnapshot(
    uuid4(), BROKER.user_id, ProposedBy.BROKER, None, PHONE, BrokerageStatus.PROPOSED, NOW
)
HANDOVER = BrokerageSnapshot(
    uuid4(), BROKER.user_id, ProposedBy.SHIPPER, SHIPPER.user_id, None, BrokerageStatus.PROPOSED, NOW
)


def refused(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(PlatformError) as caught:
        act()
    return caught.value.status, caught.value.code


@pytest.mark.parametrize("status", list(OrderStatus))
def test_only_before_anybody_carries_it(status: OrderStatus) -> None:
    def sell() -> None:
        rules.sell(replace(OWN, status=status), BROKER, today=0)

    def hand_over() -> None:
        rules.hand_over(replace(SHIPPERS, status=status), SHIPPER, broker_known=True)

    for act in (sell, hand_over):
        if status in GIVEABLE:
            act()
        else:
            assert refused(act) == (409, "order_not_open")


def test_who_proposes() -> None:
    for actor in (OTHER_BROKER, SHIPPER):
        assert refused(lambda actor=actor: rules.sell(OWN, actor, today=0)) == (403, "role_not_allowed")  # type: ignore[misc]
    assert refused(lambda: rules.sell(replace(OWN, shipper_id=SHIPPER.user_id), BROKER, today=0)) == (
        409,
        "customer_known",
    )
    most = rules.MAX_PROPOSALS_A_DAY
    assert refused(lambda: rules.sell(OWN, BROKER, today=most)) == (429, "too_many_proposals")
    assert refused(lambda: rules.hand_over(SHIPPERS, OTHER_SHIPPER, broker_known=True)) == (
        403,
        "role_not_allowed",
    )
    assert refused(lambda: rules.hand_over(SHIPPERS, SHIPPER, broker_known=False)) == (
        404,
        "broker_not_found",
    )
    brokered = replace(SHIPPERS, broker_id=BROKER.user_id)
    assert refused(lambda: rules.hand_over(brokered, SHIPPER, broker_known=True)) == (409, "already_brokered")


def test_whose_yes_it_takes() -> None:
    assert rules.is_asked(SALE, SHIPPER, phone=PHONE)
    assert not rules.is_asked(SALE, SHIPPER, phone="+221770000000")
    # a carrier or the broker himself with that phone is not the customer
    assert not rules.is_asked(SALE, Actor(uuid4(), Role.CARRIER), phone=PHONE)
    assert not rules.is_asked(SALE, BROKER, phone=PHONE)
    assert rules.is_asked(replace(SALE, customer_id=SHIPPER.user_id), SHIPPER, phone="")
    assert rules.is_asked(HANDOVER, BROKER, phone="")
    assert not rules.is_asked(HANDOVER, OTHER_BROKER, phone="")
    assert not rules.is_asked(HANDOVER, SHIPPER, phone="")


@pytest.mark.parametrize("status", list(BrokerageStatus))
def test_answers(status: BrokerageStatus) -> None:
    row = replace(SALE, status=status)
    for to in (BrokerageStatus.AGREED, BrokerageStatus.DECLINED):
        if status is BrokerageStatus.PROPOSED or status is to:
            assert rules.answer(OWN, row, to, now=NOW) is (status is not to)
        else:
            assert refused(lambda to=to: rules.answer(OWN, row, to, now=NOW)) == (409, "brokerage_not_open")  # type: ignore[misc]


def test_who_withdraws() -> None:
    assert rules.withdraw(OWN, SALE, BROKER, now=NOW)
    assert rules.withdraw(SHIPPERS, HANDOVER, SHIPPER, now=NOW)
    for row, actor in ((SALE, SHIPPER), (HANDOVER, BROKER), (SALE, OTHER_BROKER)):
        assert refused(lambda row=row, actor=actor: rules.withdraw(OWN, row, actor, now=NOW)) == (
            404,
            "brokerage_not_found",
        )  # type: ignore[misc]


def test_a_broker_is_not_his_own_customer() -> None:
    assert rules.shipper_after(OWN, SHIPPER.user_id) == SHIPPER.user_id
    assert refused(lambda: rules.shipper_after(OWN, BROKER.user_id)) == (409, "order_not_open")


def test_an_answer_comes_in_time_or_not_at_all() -> None:
    last = NOW + rules.PROPOSAL_LIFE - timedelta(seconds=1)
    late = NOW + rules.PROPOSAL_LIFE
    assert rules.answer(OWN, SALE, BrokerageStatus.AGREED, now=last)
    for to in (BrokerageStatus.AGREED, BrokerageStatus.DECLINED):
        assert refused(lambda to=to: rules.answer(OWN, SALE, to, now=late)) == (409, "brokerage_not_open")  # type: ignore[misc]
    assert (rules.is_over(SALE, last), rules.is_over(SALE, late)) == (False, True)
    assert not rules.is_over(replace(SALE, status=BrokerageStatus.AGREED), late)
