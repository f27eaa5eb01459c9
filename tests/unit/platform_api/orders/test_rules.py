"""What people may do to an order, with plain values."""

from dataclasses import replace
from uuid import uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.orders import rules
from platform_api.orders.rules import (
    CANCELLABLE,
    OPEN,
    TRANSITIONS,
    OrderStatus,
)
from tests.unit.platform_api.orders.people import (
    ADMINISTRATOR,
    BROKER,
    CARRIER,
    DRIVER,
    OTHER_CARRIER,
    SHIPPER,
    S,
    order,
    refused,
)


def test_the_states_are_those_of_the_design() -> None:
    assert list(TRANSITIONS) != []
    assert set(TRANSITIONS) == set(S)
    reached = {target for targets in TRANSITIONS.values() for target in targets}
    assert reached == set(S) - {S.DRAFT}
    assert {status for status, targets in TRANSITIONS.items() if not targets} == {
        S.COMPLETED,
        S.RESOLVED,
        S.CANCELLED,
    }
    assert {S.DRAFT, S.POSTED, S.BIDDING, S.ASSIGNED, S.PICKUP_PENDING} == CANCELLABLE


@pytest.mark.parametrize("role", list(Role))
def test_who_creates(role: Role) -> None:
    actor = Actor(uuid4(), role)
    if role in (Role.SHIPPER, Role.BROKER, Role.ADMINISTRATOR):
        rules.may_create(actor)
    else:
        assert refused(lambda: rules.may_create(actor)) == (403, "role_not_allowed")


@pytest.mark.parametrize("status", list(S))
def test_post(status: OrderStatus) -> None:
    if status is S.DRAFT or status in OPEN:
        assert rules.post(order(status), SHIPPER) is (status is S.DRAFT)
    else:
        assert refused(lambda: rules.post(order(status), SHIPPER)) == (409, "order_not_draft")
    assert refused(lambda: rules.post(order(status), BROKER)) == (403, "not_your_order")


@pytest.mark.parametrize("status", list(S))
def test_cancel(status: OrderStatus) -> None:
    assert refused(lambda: rules.cancel(order(status), CARRIER)) == (403, "not_your_order")
    if status in CANCELLABLE:
        assert S.CANCELLED in TRANSITIONS[status]
        assert rules.cancel(order(status), SHIPPER)
    elif status is S.CANCELLED:
        assert not rules.cancel(order(status), SHIPPER)
    else:
        assert refused(lambda: rules.cancel(order(status), SHIPPER)) == (409, "order_not_cancellable")


@pytest.mark.parametrize("status", list(S))
def test_confirm_delivery(status: OrderStatus) -> None:
    if status in (S.DELIVERED, S.COMPLETED):
        assert rules.confirm_delivery(order(status), SHIPPER) is (status is S.DELIVERED)
    else:
        code = (409, "order_not_delivered")
        assert refused(lambda: rules.confirm_delivery(order(status), SHIPPER)) == code
    assert refused(lambda: rules.confirm_delivery(order(status), DRIVER)) == (403, "not_your_order")


def test_party() -> None:
    def party(actor: Actor) -> bool:
        return rules.is_party(SHIPPER.user_id, CARRIER.user_id, DRIVER.user_id, actor)

    assert all(party(actor) for actor in (SHIPPER, CARRIER, DRIVER, ADMINISTRATOR))
    assert not party(OTHER_CARRIER)
    # anybody may register as a freight broker
    assert not party(BROKER)
    assert rules.is_party(SHIPPER.user_id, None, None, BROKER, broker_id=BROKER.user_id)
    # an id counts only in its role
    assert not party(replace(SHIPPER, role=Role.CARRIER))


def test_who_runs_a_brokered_order() -> None:
    brokered = order(S.DRAFT, broker_id=BROKER.user_id)
    assert rules.post(brokered, BROKER)
    assert refused(lambda: rules.post(brokered, SHIPPER)) == (403, "order_brokered")
    for actor in (SHIPPER, BROKER):
        assert rules.cancel(brokered, actor)
        assert rules.confirm_delivery(order(S.DELIVERED, broker_id=BROKER.user_id), actor)
