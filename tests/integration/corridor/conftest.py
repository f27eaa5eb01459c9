"""The freight world of the order tests, with a routing engine on a loopback port."""

from collections.abc import Iterator

import pytest
from httpx import Client

from platform_api.routing import planner
from tests.integration.corridor.road import ROAD, osrm_answer
from tests.integration.orders.world import World
from tests.support.api import api_on
from tests.unit.platform_api.routing.fake_engine import FakeEngine, fake_engine


@pytest.fixture(scope="module")
def server() -> Iterator[FakeEngine]:
    with fake_engine() as server:
        yield server


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str, server: FakeEngine) -> Iterator[Client]:
    with api_on(database_url, redis_url, routing_engine="osrm", routing_url=server.url) as client:
        yield client


@pytest.fixture
def engine(server: FakeEngine) -> FakeEngine:
    """Answers with the road from Dakar to Kaolack."""
    server.answers[:] = [(200, osrm_answer(ROAD))]
    server.asked.clear()
    # The breaker may remember how the engine failed in another test.
    planner._planner.cache_clear()
    return server


@pytest.fixture
def world(client: Client, database_url: str, engine: FakeEngine) -> World:
    return World(client, database_url)
