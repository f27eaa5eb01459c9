"""A freight world on a real database: people, a truck, orders, and a truck's visits as ingest tells them."""

from collections.abc import Callable, Iterator

import pytest
from httpx import Client

from config.settings import Settings
from tests.integration.orders.world import World
from tests.support.api import api_client


@pytest.fixture
def client(settings_for: Callable[..., Settings], database_url: str, redis_url: str) -> Iterator[Client]:
    settings_for(database_url=database_url, redis_url=redis_url)
    with api_client() as client:
        yield client


@pytest.fixture
def world(client: Client, database_url: str) -> World:
    return World(client, database_url)
