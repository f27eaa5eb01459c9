"""Background work of the fleet."""

from datetime import timedelta

from brokers.emqx_admin import EmqxAdmin
from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.settings import get_settings
from platform_api.fleet import revocations


@celery_app.task(name="fleet.end_revoked")
def end_revoked() -> int:
    settings = get_settings()
    return revocations.sweep(
        transaction,
        EmqxAdmin.of(settings),
        now=clock.now(),
        token_life=timedelta(hours=settings.mqtt_token_hours),
    )
