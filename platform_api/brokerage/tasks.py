"""Background work of brokerage: thin, harmless when run twice."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.brokerage import service


@celery_app.task(name="brokerage.expire")
def expire() -> int:
    """Proposals that nobody answered; how many."""
    with transaction() as session:
        return service.expire(session, clock.now())
