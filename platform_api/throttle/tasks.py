"""Background work of limits."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.throttle import service


@celery_app.task(name="throttle.drop_old")
def drop_old() -> int:
    with transaction() as session:
        return service.drop_old(session, now=clock.now())
