"""One API for each module."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.api import api_on


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str) -> Iterator[httpx.Client]:
    with api_on(database_url, redis_url) as client:
        yield client
