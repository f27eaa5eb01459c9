"""Estimating in the background: thin, by id, harmless when run twice."""

from datetime import timedelta

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from config.settings import get_settings
from platform_api.eta import repository, service

log = get_logger(__name__)

BATCH = 500


@celery_app.task(name="eta.sweep")
def sweep() -> int:
    """Estimate anew where positions came; how many. What is left over is due again next time."""
    with transaction() as session:
        every = timedelta(seconds=get_settings().eta_every_s)
        found = repository.due(session, clock.now(), every=every, limit=BATCH)
    count = 0
    for order_id in found:
        try:
            with transaction() as session:
                service.refresh(session, order_id, clock.now())
            count += 1
        except Exception:
            log.exception("arrival not estimated", order_id=str(order_id))
    return count
