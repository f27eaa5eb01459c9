"""Background work of webhooks: thin, by id, harmless when run twice or killed."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete

from config import clock
from config.celery_app import celery_app, queue
from config.database import transaction
from config.logging import get_logger
from config.settings import get_settings
from platform_api.webhooks import delivering
from platform_api.webhooks.models import WebhookEvent

log = get_logger(__name__)


@celery_app.task(name="webhooks.deliver")
def deliver(delivery_id: str) -> None:
    key = UUID(delivery_id)
    with transaction() as session:
        outgoing = delivering.claim(session, key, clock.now())
    if outgoing is None:
        return
    answer = delivering.send(outgoing, clock.now())
    with transaction() as session:
        delivering.note(session, key, answer, clock.now())
    log.info("webhook sent", delivery_id=delivery_id, status=answer.status, error=answer.error)


@celery_app.task(name="webhooks.sweep")
def sweep() -> int:
    """Queue what is due; how many. Old events go."""
    now = clock.now()
    with transaction() as session:
        found = delivering.due(session, now)
        session.execute(
            delete(WebhookEvent).where(
                WebhookEvent.created_at <= now - timedelta(days=get_settings().webhook_keep_days)
            )
        )
    for delivery_id in found:
        queue("webhooks.deliver", delivery_id=str(delivery_id))
    return len(found)
