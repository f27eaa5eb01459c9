"""Background work of direct offers: thin, harmless when run twice."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.offers import service


@celery_app.task(name="offers.sweep")
def sweep() -> int:
    """Reminds of offers that wait and ends those whose time is over."""
    with transaction() as session:
        return service.sweep_offers(session, clock.now())
