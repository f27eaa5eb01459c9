"""The `settings_for` fixture really moves every cached connection to the test's own servers."""

from collections.abc import Callable

from sqlalchemy import text

from config.celery_app import celery_app, queue
from config.database import transaction
from config.redis import sync_redis
from config.settings import Settings


def test_engine_redis_and_queue_follow(
    settings_for: Callable[..., Settings], database_url: str, redis_url: str
) -> None:
    settings_for(database_url=database_url, redis_url=redis_url)
    with transaction() as session:
        assert session.scalar(text("SELECT current_database()")) == database_url.rpartition("/")[2]
    assert celery_app.conf.broker_url == redis_url
    assert queue("nobody.listens", answer=42)
    assert sync_redis().llen("celery") == 1


def test_an_unreachable_queue_is_left_to_the_sweep(settings_for: Callable[..., Settings]) -> None:
    settings_for(redis_url="redis://127.0.0.1:1/0")
    assert not queue("nobody.listens", answer=42)
