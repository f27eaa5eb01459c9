"""The API, for organisations."""

from collections.abc import Iterator

import pytest
from httpx import Client

from tests.support.api import api_on


@pytest.fixture(scope="module")
def client(database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("files")
    exports = tmp_path_factory.mktemp("exports")
    with api_on(database_url, redis_url, files_dir=str(folder), export_dir=str(exports)) as client:
        yield client
