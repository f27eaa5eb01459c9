"""The API of these tests; people, trucks and orders are those of the tests of tracking."""

from collections.abc import Iterator

import pytest
from httpx import Client

from tests.support.api import api_on


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[Client]:
    with api_on(database_url, redis_url) as client:
        yield client
