"""Settings of one test: MESS_* variables set, everything that caches settings or connections renewed."""

import sys
from typing import Any

import kombu.pools
import pytest

from config.settings import Settings, get_settings


def apply_settings(patch: pytest.MonkeyPatch, **overrides: Any) -> Settings:
    """Set `MESS_<NAME>` for each override and return the settings that all code sees from now on."""
    values = {"environment": "test", "log_level": "WARNING", **overrides}
    for name, value in values.items():
        if name not in Settings.model_fields:
            raise ValueError(f"no setting {name!r}")
        patch.setenv(f"MESS_{name.upper()}", str(value))
    forget_settings()
    return get_settings()


def forget_settings() -> None:
    """Close and forget what was made from earlier settings; modules never imported stay so."""
    get_settings.cache_clear()
    database = sys.modules.get("config.database")
    if database is not None and database.get_engine.cache_info().currsize:
        database.get_engine().dispose()
        database.get_engine.cache_clear()
    redis = sys.modules.get("config.redis")
    if redis is not None and redis.sync_redis.cache_info().currsize:
        redis.sync_redis().close()
        redis.sync_redis.cache_clear()
    celery = sys.modules.get("config.celery_app")
    if celery is not None:
        app = celery.celery_app
        # Celery's way to forget connections; a closed pool of kombu's would stay closed.
        app._after_fork()
        kombu.pools.reset()
        app.conf.broker_url = get_settings().redis_url
        get_settings.cache_clear()
