"""The API with a broker, and a fleet to command."""

from collections.abc import Callable, Iterator

import pytest
from httpx import Client

from cli.parts.mosquitto import Mosquitto
from tests.integration.commands.world import World
from tests.support.api import api_on


@pytest.fixture(scope="module")
def broker(mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_factory()


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str, broker: Mosquitto) -> Iterator[Client]:
    with api_on(database_url, redis_url, mqtt_host=broker.host, mqtt_port=broker.port) as client:
        yield client


@pytest.fixture
def world(client: Client, database_url: str) -> World:
    return World(client, database_url)
