from collections.abc import Iterator

import httpx
import psycopg
import pytest

from platform_api.actor import Role
from tests.integration.telemetry.world import Fleet
from tests.support.api import api_on, person


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """Ingest's own, beside the API's."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def fleet(client: httpx.Client, connection: psycopg.Connection) -> Fleet:
    return Fleet(person(client, Role.CARRIER), connection)
