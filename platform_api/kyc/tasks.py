"""Background work of papers."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.kyc import service


@celery_app.task(name="kyc.remind")
def remind() -> int:
    with transaction() as session:
        return service.remind(session, clock.now())
