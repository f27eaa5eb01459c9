from collections.abc import Callable, Iterator
from typing import Any

import pytest
from httpx import Client

from config.settings import Settings
from tests.support.api import api_client


@pytest.fixture
def settings(database_url: str, redis_url: str, settings_for: Callable[..., Settings]) -> Settings:
    return settings_for(database_url=database_url, redis_url=redis_url)


@pytest.fixture
def api(settings: Any) -> Iterator[Client]:
    """The whole API on a free port."""
    with api_client() as client:
        yield client
