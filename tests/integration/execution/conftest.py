"""A freight world on a real database, as the order tests have it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Client

from tests.integration.execution.world import ExecutionWorld
from tests.support.api import api_on


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    files: Path = tmp_path_factory.mktemp("files")
    with api_on(database_url, redis_url, files_dir=str(files)) as client:
        yield client


@pytest.fixture
def world(client: Client, database_url: str) -> ExecutionWorld:
    return ExecutionWorld(client, database_url)
