"""What the crew may confirm, with plain values."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from platform_api.bids.rules import VehicleSnapshot
from platform_api.device_clock import MAX_CLOCK_AHEAD
from platform_api.execution import rules
from platform_api.orders.rules import TRANSITIONS, UNDERWAY, OrderStatus
from tests.unit.platform_api.orders.people import (
    ADMINISTRATOR,
    CARRIER,
    DRIVER,
    MINUTE,
    NOW,
    SHIPPER,
    S,
    order,
    refused,
)


@pytest.mark.parametrize("status", list(S))
def test_confirm_loading(status: OrderStatus) -> None:
    if status in UNDERWAY:
        assert rules.confirm_loading(order(status), DRIVER, NOW) == NOW
        assert rules.confirm_loading(order(status), CARRIER, NOW, at=NOW - MINUTE) == NOW - MINUTE
        assert rules.status_once_loaded(status) in (S.PICKED_UP, S.IN_TRANSIT)
        assert refused(lambda: rules.confirm_loading(order(status), SHIPPER, NOW)) == (403, "not_your_load")
    else:
        code = (409, "order_not_underway")
        assert refused(lambda: rules.confirm_loading(order(status), ADMINISTRATOR, NOW)) == code
    assert rules.confirm_loading(order(status, loading_confirmed_at=NOW), ADMINISTRATOR, NOW) is None


def test_dates_that_people_give() -> None:
    waiting = order(S.PICKUP_PENDING)
    ahead = NOW + MAX_CLOCK_AHEAD
    assert rules.confirm_loading(waiting, DRIVER, NOW, at=ahead) == ahead
    future = refused(lambda: rules.confirm_loading(waiting, DRIVER, NOW, at=ahead + MINUTE))
    assert future == (422, "time_in_future")
    past = refused(lambda: rules.confirm_loading(waiting, DRIVER, NOW, at=NOW - 61 * MINUTE))
    assert past == (422, "time_before_assignment")
    loaded = order(S.PICKED_UP, loading_confirmed_at=NOW)
    early = refused(lambda: rules.proof_of_delivery(loaded, DRIVER, NOW, at=NOW - MINUTE))
    assert early == (422, "time_before_loading")


@pytest.mark.parametrize("status", list(S))
def test_proof_of_delivery_by_status(status: OrderStatus) -> None:
    if S.DELIVERED in TRANSITIONS[status]:
        assert rules.proof_of_delivery(order(status), CARRIER, NOW) == NOW
    else:
        code = (409, "order_not_picked_up")
        assert refused(lambda: rules.proof_of_delivery(order(status), ADMINISTRATOR, NOW)) == code
    assert rules.proof_of_delivery(order(status, delivered_at=NOW), ADMINISTRATOR, NOW) is None


@pytest.mark.parametrize("status", list(S))
def test_change_crew(status: OrderStatus) -> None:
    assigned = order(status, carrier_id=CARRIER.user_id)
    if status in (S.ASSIGNED, S.PICKUP_PENDING):
        rules.change_crew(assigned, CARRIER)
        rules.change_crew(assigned, ADMINISTRATOR)
    else:
        assert refused(lambda: rules.change_crew(assigned, CARRIER)) == (409, "crew_fixed")
    for stranger in (SHIPPER, DRIVER):
        assert refused(lambda stranger=stranger: rules.change_crew(assigned, stranger)) == (
            403,
            "not_your_load",
        )


def test_who_may_be_taken_on() -> None:
    waiting, driver = order(S.ASSIGNED), uuid4()
    truck = VehicleSnapshot(8, CARRIER.user_id, DRIVER.user_id)
    assert rules.take_on(waiting, truck, None, drives=False) == (8, DRIVER.user_id)
    assert rules.take_on(waiting, truck, driver, drives=True) == (8, driver)
    cases: list[tuple[VehicleSnapshot | None, UUID | None, tuple[int, str]]] = [
        (None, None, (404, "vehicle_not_found")),
        (replace(truck, carrier_id=uuid4()), None, (404, "vehicle_not_found")),
        (replace(truck, busy_with=uuid4()), None, (409, "vehicle_busy")),
        (truck, driver, (404, "driver_not_found")),
        (replace(truck, driver_id=None), None, (409, "vehicle_without_driver")),
    ]
    for vehicle, named, code in cases:
        assert refused(lambda v=vehicle, n=named: rules.take_on(waiting, v, n, drives=False)) == code  # type: ignore[misc]
