"""Real servers for the tests, started once per run and only when a test asks for one.

| fixture | scope | what |
|---|---|---|
| `database_url` | module | fresh migrated database (embedded PostgreSQL, `MESS_TEST_DATABASE_URL`, or TimescaleDB) |
| `empty_database_url` | module | the same, not migrated |
| `timescale_url` | module | fresh migrated database on TimescaleDB; skipped where there is none |
| `redis_url` | module | Valkey, emptied |
| `mqtt_broker` | module | embedded broker with our accounts (of this module's `database_url`) and rules |
| `mosquitto` | function | a fresh Debian mosquitto, MQTT 5, anonymous, with persistence |
| `mosquitto_factory` | module | `make(persistence=..., autosave_s=...)`, for brokers of a whole module |
| `standing_clock` | function | the time at which `config.clock` stands while the test lasts |
| `settings_for` | function | `settings_for(database_url=..., ...)` sets MESS_* and renews caches |

`MESS_TEST_DATABASE=timescaledb` runs everything that takes `database_url` on TimescaleDB.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings

from cli.parts.embedded_broker import EmbeddedBroker, embedded_broker
from cli.parts.mosquitto import Mosquitto, find_mosquitto
from cli.parts.postgres import postgres
from cli.parts.timescale import timescale, why_missing
from cli.parts.valkey import valkey
from config.settings import Settings
from tests.support.databases import DatabaseServer
from tests.support.parts import ExternalBroker, missing
from tests.support.settings import apply_settings, forget_settings
from tests.support.standing_clock import clock_stands

REAL_SERVER_FOLDERS = {"integration", "e2e", "chaos"}
TESTS = Path(__file__).parent

# How long an example takes says how busy the machine is, and nothing about the law under test.
settings.register_profile("mess", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mess")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(TESTS) and item.path.relative_to(TESTS).parts[0] in REAL_SERVER_FOLDERS:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[DatabaseServer]:
    reason = why_missing()
    if reason is not None:
        missing("timescaledb", reason)
    with timescale() as server:
        yield DatabaseServer(server.url())


@pytest.fixture(scope="session")
def database_server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    url = os.environ.get("MESS_TEST_DATABASE_URL")
    if url:
        server = DatabaseServer(url)
        yield server
        server.close()
    elif os.environ.get("MESS_TEST_DATABASE") == "timescaledb":
        yield request.getfixturevalue("timescale_server")
    else:
        with postgres() as embedded:
            yield DatabaseServer(embedded.url())


@pytest.fixture(scope="module")
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    with database_server.fresh() as url:
        yield url


@pytest.fixture(scope="module")
def empty_database_url(database_server: DatabaseServer) -> Iterator[str]:
    with database_server.fresh(migrated=False) as url:
        yield url


@pytest.fixture(scope="module")
def timescale_url(timescale_server: DatabaseServer) -> Iterator[str]:
    with timescale_server.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    url = os.environ.get("MESS_TEST_REDIS_URL")
    if url:
        yield url
    else:
        with valkey() as server:
            yield server.url()


@pytest.fixture(scope="module")
def redis_url(redis_server_url: str) -> str:
    client = redis.Redis.from_url(redis_server_url)
    client.flushdb()
    client.close()
    return redis_server_url


@pytest.fixture(scope="module")
def mqtt_broker(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedBroker | ExternalBroker]:
    """The broker that knows our accounts; `host`, `port`, `protocol`, `shared_subscription`."""
    url = os.environ.get("MESS_TEST_MQTT_URL")
    if url:
        yield ExternalBroker.from_url(url)
        return
    log = tmp_path_factory.mktemp("broker") / "broker.log"
    env = {"MESS_DATABASE_URL": database_url, "MESS_ENVIRONMENT": "test"}
    with embedded_broker(log=log, env=env) as broker:
        yield broker


@pytest.fixture(scope="module")
def mosquitto_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Mosquitto]]:
    """Makes started brokers; all are stopped at the end of the module."""
    if find_mosquitto() is None:
        missing("mosquitto", "no mosquitto binary (Debian: apt-get install mosquitto)")
    with ExitStack() as stack:

        def make(**options: Any) -> Mosquitto:
            broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"), **options)
            stack.callback(broker.stop)
            broker.start()
            return broker

        yield make


@pytest.fixture
def mosquitto(mosquitto_factory: Callable[..., Mosquitto]) -> Iterator[Mosquitto]:
    broker = mosquitto_factory()
    yield broker
    broker.stop()


@pytest.fixture
def standing_clock() -> Iterator[datetime]:
    with clock_stands() as now:
        yield now


@pytest.fixture
def settings_for(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Settings]]:
    def make(**overrides: Any) -> Settings:
        return apply_settings(monkeypatch, **overrides)

    yield make
    monkeypatch.undo()
    forget_settings()
