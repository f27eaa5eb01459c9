"""The world of the aftermath."""

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.aftermath.world import After
from tests.support.api import api_on


@pytest.fixture(scope="module")
def client(
    database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    folder = str(tmp_path_factory.mktemp("files"))
    with api_on(database_url, redis_url, files_dir=folder) as client:
        yield client


@pytest.fixture
def world(client: httpx.Client, database_url: str) -> After:
    return After(client, database_url)
