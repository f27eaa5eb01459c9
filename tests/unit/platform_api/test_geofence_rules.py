"""Whom a person's geofence may watch."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid
from platform_api.geofences import rules
from platform_api.geofences.rules import Watch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CARRIER = Actor(uuid4(), Role.CARRIER, carrier_id=uuid4())
SHIPPER = Actor(uuid4(), Role.SHIPPER)


def watch(
    actor: Actor, vehicle_id: int | None, *, since: datetime | None = None, start: datetime | None = None
) -> Watch:
    return rules.decide_watch(actor, vehicle_id=vehicle_id, valid_from=start, carrying_since=since, now=NOW)


def test_a_carrier_watches_its_fleet_or_one_vehicle_of_it() -> None:
    assert watch(CARRIER, None) == Watch(None, CARRIER.carrier_id, NOW)
    assert watch(CARRIER, 7, start=NOW - DAY) == Watch(7, CARRIER.carrier_id, NOW - DAY)


def test_an_administrator_watches_everything() -> None:
    assert watch(Actor(uuid4(), Role.ADMINISTRATOR), None) == Watch(None, None, NOW)
    assert watch(Actor(uuid4(), Role.SHIPPER, is_superuser=True), None) == Watch(None, None, NOW)


def test_a_shipper_watches_a_vehicle_only_while_it_carries_his_order() -> None:
    assert watch(SHIPPER, 7, since=NOW - DAY) == Watch(7, None, NOW)
    assert watch(SHIPPER, 7, since=NOW - DAY, start=NOW - 5 * DAY) == Watch(7, None, NOW - DAY)
    for vehicle_id, since in ((None, None), (None, NOW), (7, None)):
        with pytest.raises(Forbidden, match="vehicle_not_yours"):
            watch(SHIPPER, vehicle_id, since=since)


@pytest.mark.parametrize("role", [Role.DRIVER, Role.BROKER])
def test_others_draw_no_fences(role: Role) -> None:
    with pytest.raises(Forbidden, match="role_not_allowed"):
        watch(Actor(uuid4(), role), 7, since=NOW)


def test_a_period_ends_after_it_begins() -> None:
    rules.check_period(NOW, NOW + DAY)
    rules.check_period(None, NOW)
    with pytest.raises(Invalid, match="invalid_period"):
        rules.check_period(NOW, NOW)


def test_a_fence_of_a_running_order_stays() -> None:
    rules.check_retirable(in_use=False)
    with pytest.raises(Conflict, match="geofence_in_use"):
        rules.check_retirable(in_use=True)
