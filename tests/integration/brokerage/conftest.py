"""The freight world of the order tests, with a folder for bulk exports."""

from collections.abc import Iterator

import pytest
from httpx import Client

from tests.integration.orders.conftest import world
from tests.support.api import api_on

__all__ = ["client", "world"]


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("exports")
    with api_on(database_url, redis_url, export_dir=str(folder)) as client:
        yield client
