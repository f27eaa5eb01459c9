"""What a link shows of a truck, and when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import Conflict, Invalid
from platform_api.orders.rules import OrderStatus
from platform_api.tracking_links.rules import (
    MAX_LIFE,
    MAX_LINKS,
    Journey,
    Stage,
    carrying,
    check_new,
    expiry,
    is_alive,
    stage_of,
)

S = OrderStatus
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
times = st.none() | st.integers(0, 500).map(lambda minutes: NOW + timedelta(minutes=minutes))
journeys = st.builds(Journey, st.sampled_from(S), st.none() | st.just(7), times, times, times, times, times)


@given(journeys)
def test_a_truck_is_shown_only_while_it_carries_the_order(journey: Journey) -> None:
    window = carrying(journey)
    if window is None:
        return
    assert journey.status in (S.PICKUP_PENDING, S.PICKED_UP, S.IN_TRANSIT)
    assert journey.vehicle_id is not None
    assert journey.delivered_at is None
    assert journey.crew_since is not None
    assert window.start >= journey.crew_since
    begins = [time for time in (journey.arrived_pickup_at, journey.picked_up_at) if time]
    assert begins
    assert window.start >= min(begins)


@given(journeys)
def test_every_order_has_a_stage_and_no_dispute_is_told(journey: Journey) -> None:
    stage = stage_of(journey)
    if journey.status in (S.DELIVERED, S.COMPLETED, S.DISPUTED, S.RESOLVED):
        assert stage is Stage.DELIVERED
    if stage in (Stage.PLANNED, Stage.ASSIGNED, Stage.DELIVERED, Stage.CANCELLED):
        assert carrying(journey) is None


@pytest.mark.parametrize("status", [S.COMPLETED, S.RESOLVED, S.CANCELLED])
def test_no_link_to_what_is_over(status: OrderStatus) -> None:
    with pytest.raises(Conflict):
        check_new(status, alive=0)


def test_not_too_many() -> None:
    check_new(S.POSTED, alive=MAX_LINKS - 1)
    with pytest.raises(Conflict):
        check_new(S.POSTED, alive=MAX_LINKS)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-1), MAX_LIFE + timedelta(seconds=1)])
def test_a_life_that_is_none(life: timedelta) -> None:
    with pytest.raises(Invalid):
        expiry(NOW + life, NOW)


def test_life() -> None:
    assert expiry(None, NOW) > NOW
    assert expiry(NOW + MAX_LIFE, NOW) == NOW + MAX_LIFE
    assert is_alive(expires_at=NOW + timedelta(1), revoked_at=None, now=NOW)
    assert not is_alive(expires_at=NOW, revoked_at=None, now=NOW)
    assert not is_alive(expires_at=NOW + timedelta(1), revoked_at=NOW, now=NOW)
