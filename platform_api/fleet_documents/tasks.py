"""Background work of fleet documents."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.fleet_documents import reminders


@celery_app.task(name="fleet_documents.remind")
def remind() -> int:
    with transaction() as session:
        return reminders.remind(session, clock.now())
