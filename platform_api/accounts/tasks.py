"""Background work of accounts."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.accounts import service

log = get_logger(__name__)


@celery_app.task(name="accounts.drop_expired")
def drop_expired() -> None:
    with transaction() as session:
        dropped = service.drop_expired(session, now=clock.now())
    log.info("expired tokens, sessions, registrations and codes dropped", count=dropped)
