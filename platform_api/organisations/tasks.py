"""Background work of organisations."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from platform_api.organisations import service


@celery_app.task(name="organisations.sweep_invitations")
def sweep_invitations() -> int:
    with transaction() as session:
        return service.sweep(session, clock.now())
