"""A load is not given to a truck or driver whose required documents have expired."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from httpx import Client

from config import clock
from config.database import transaction
from config.settings import Settings
from platform_api.errors import Conflict
from platform_api.fleet_documents import service
from tests.integration.fleet.world import hand_in, in_days
from tests.integration.orders.world import World
from tests.support.api import code_of


@pytest.fixture
def market(client: Client, database_url: str) -> World:
    return World(client, database_url)


def expire(market: World, document_id: str) -> None:
    market.sql("UPDATE fleet_documents SET expires_on = %s WHERE id = %s", in_days(-1), UUID(document_id))


@pytest.mark.parametrize(
    ("kind", "code"),
    [("ASSURANCE", "vehicle_documents_expired"), ("PERMIS", "driver_licence_expired")],
)
def test_accepting_is_refused_until_the_document_is_renewed(market: World, kind: str, code: str) -> None:
    about = {"vehicle_id": market.vehicle_id} if kind == "ASSURANCE" else {"driver_id": str(market.driver.id)}
    document = hand_in(market.carrier, kind, **about, expires_on=in_days(5))
    path = market.posted()
    bid_id = market.bid(path, market.carrier, market.vehicle_id)
    expire(market, document.json()["id"])
    refused = market.client.post(
        f"{path}accept-bid/",
        json={"bid_id": bid_id},
        headers={**market.shipper.headers, "Accept-Language": "fr"},
    )
    assert code_of(refused) == (409, code)
    assert kind in refused.json()["detail"]
    assert market.shipper.get(path).json()["status"] == "BIDDING"
    assert hand_in(market.carrier, kind, **about, expires_on=in_days(365)).status_code == 201
    assert market.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id}).json()["status"] == "ASSIGNED"


def test_an_expired_document_that_nobody_requires_blocks_nothing(market: World) -> None:
    document = hand_in(market.carrier, "CARTE_BRUNE", vehicle_id=market.vehicle_id, expires_on=in_days(5))
    path = market.posted()
    bid_id = market.bid(path, market.carrier, market.vehicle_id)
    expire(market, document.json()["id"])
    assert market.shipper.post(f"{path}accept-bid/", {"bid_id": bid_id}).status_code == 200


def test_it_is_the_day_of_the_load_that_counts(market: World, standing_clock: datetime) -> None:
    assert (
        hand_in(market.carrier, "ASSURANCE", vehicle_id=market.vehicle_id, expires_on=in_days(5)).status_code
        == 201
    )
    last_day = standing_clock + timedelta(days=5)
    with transaction() as session:
        service.check_assignable(session, market.vehicle_id, market.driver.id, last_day)
        with pytest.raises(Conflict) as refused:
            service.check_assignable(
                session, market.vehicle_id, market.driver.id, last_day + timedelta(days=1)
            )
    assert refused.value.code == "vehicle_documents_expired"


def test_missing_documents_block_where_that_is_asked_for(
    market: World, database_url: str, redis_url: str, settings_for: Callable[..., Settings]
) -> None:
    settings_for(database_url=database_url, redis_url=redis_url, fleet_documents_required=True)
    with transaction() as session, pytest.raises(Conflict) as refused:
        service.check_assignable(session, market.vehicle_id, market.driver.id, clock.now())
    assert refused.value.code == "vehicle_documents_missing"
    for kind in ("CARTE_GRISE", "ASSURANCE", "VISITE_TECHNIQUE", "LICENCE_TRANSPORT"):
        assert (
            hand_in(market.carrier, kind, vehicle_id=market.vehicle_id, expires_on=in_days(9)).status_code
            == 201
        )
    with transaction() as session, pytest.raises(Conflict) as refused:
        service.check_assignable(session, market.vehicle_id, market.driver.id, clock.now())
    assert refused.value.code == "driver_documents_missing"
