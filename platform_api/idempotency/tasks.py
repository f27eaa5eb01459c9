"""Background work for idempotency keys."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.idempotency import once


@celery_app.task(name="platform.drop_old_keys")
def drop_old_keys() -> int:
    with transaction() as session:
        return once.drop_old_keys(session, clock.now())
