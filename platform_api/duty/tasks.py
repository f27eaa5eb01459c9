"""Background work of duty."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.duty import service

log = get_logger(__name__)


@celery_app.task(name="duty.close_forgotten")
def close_forgotten() -> int:
    with transaction() as session:
        closed = service.close_forgotten(session, now=clock.now())
    if closed:
        log.info("duty periods ended by themselves", count=closed)
    return closed
