"""Background work of the market: thin, by id, harmless when run twice."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.bids import counters, service


@celery_app.task(name="orders.expire_bids")
def expire_bids() -> int:
    """Bids and counter-offers whose time is over; how many bids."""
    with transaction() as session:
        counters.expire_counters(session, clock.now())
    with transaction() as session:
        return service.expire_bids(session, clock.now())
