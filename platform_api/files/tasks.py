"""Background work of files."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.files import service


@celery_app.task(name="files.sweep_unused")
def sweep_unused() -> int:
    with transaction() as session:
        return service.sweep_unused(session, clock.now())
