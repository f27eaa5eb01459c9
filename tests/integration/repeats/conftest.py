"""A freight world on a real database: people, a truck, orders, and a truck's visits as ingest tells them."""

from collections.abc import Iterator

import pytest
from httpx import Client

from tests.integration.orders.world import World
from tests.support.api import api_on


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def world(client: Client, database_url: str) -> World:
    return World(client, database_url)
