"""Background work of handing businesses over."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.ownership import service


@celery_app.task(name="ownership.sweep")
def sweep() -> int:
    with transaction() as session:
        return service.sweep(session, clock.now())
