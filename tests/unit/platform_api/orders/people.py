"""An order and the people around it as plain values, and how a rule says no."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.errors import PlatformError
from platform_api.orders.rules import UNDERWAY, OrderSnapshot, OrderStatus

S = OrderStatus
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHIPPER = Actor(uuid4(), Role.SHIPPER)
CARRIER = Actor(uuid4(), Role.CARRIER)
OTHER_CARRIER = Actor(uuid4(), Role.CARRIER)
DRIVER = Actor(uuid4(), Role.DRIVER, carrier_id=CARRIER.user_id)
ADMINISTRATOR = Actor(uuid4(), Role.ADMINISTRATOR)
BROKER = Actor(uuid4(), Role.BROKER)


def order(status: OrderStatus, **changes: object) -> OrderSnapshot:
    base = OrderSnapshot(uuid4(), status, SHIPPER.user_id)
    if status in UNDERWAY | {S.DELIVERED, S.COMPLETED}:
        base = replace(
            base,
            carrier_id=CARRIER.user_id,
            driver_id=DRIVER.user_id,
            vehicle_id=7,
            assigned_at=NOW - 60 * MINUTE,
        )
    return replace(base, **changes)  # type: ignore[arg-type]


def refused(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(PlatformError) as caught:
        act()
    return caught.value.status, caught.value.code
