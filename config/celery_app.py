"""The Celery application and queueing by task name, so that nobody imports another's tasks."""

from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_process_init
from kombu.exceptions import OperationalError
from sqlalchemy.orm import Session

from config.database import after_commit, reset_engine
from config.logging import configure_logging, get_logger
from config.settings import get_settings

log = get_logger(__name__)

# Named here and not imported: platform_api registers them when a worker loads it.
TASK_MODULES = (
    "platform_api.orders.tasks",
    "platform_api.offers.tasks",
    "platform_api.accounts.tasks",
    "platform_api.bids.tasks",
    "platform_api.brokerage.tasks",
    "platform_api.commands.tasks",
    "platform_api.duty.tasks",
    "platform_api.execution.tasks",
    "platform_api.files.tasks",
    "platform_api.fleet.tasks",
    "platform_api.fleet_documents.tasks",
    "platform_api.idempotency.tasks",
    "platform_api.kyc.tasks",
    "platform_api.organisations.tasks",
    "platform_api.ownership.tasks",
    "platform_api.webhooks.tasks",
    "platform_api.alert_rules.tasks",
    "platform_api.exports.tasks",
    "platform_api.privacy.tasks",
    "platform_api.repeats.tasks",
    "platform_api.sms.tasks",
    "platform_api.routing.tasks",
    "platform_api.watch.tasks",
    "platform_api.throttle.tasks",
    "platform_api.detention.tasks",
    "platform_api.eta.tasks",
)

# Seconds from one run to the next.
BEAT_SCHEDULE: dict[str, dict[str, str | float]] = {
    "sweep crossings": {"task": "orders.sweep_crossings", "schedule": 10.0},
    "expire bids": {"task": "orders.expire_bids", "schedule": 60.0},
    "expire proposals of brokerage": {"task": "brokerage.expire", "schedule": 300.0},
    "sweep offers": {"task": "offers.sweep", "schedule": 30.0},
    "repeat orders": {"task": "repeats.run_due", "schedule": 60.0},
    "expire orders": {"task": "orders.expire", "schedule": 60.0},
    "forget contacts of orders": {"task": "orders.forget_contacts", "schedule": 3600.0},
    "complete orders": {"task": "orders.complete_silent", "schedule": 300.0},
    "judge pending statements": {"task": "execution.reckon_pending", "schedule": 30.0},
    "text delivery codes": {"task": "execution.send_codes", "schedule": 60.0},
    "sweep commands": {"task": "commands.sweep", "schedule": 10.0},
    "adapt reporting": {"task": "commands.adapt", "schedule": 30.0},
    "close forgotten duties": {"task": "duty.close_forgotten", "schedule": 300.0},
    "plan routes": {"task": "routing.sweep", "schedule": 30.0},
    "watch routes": {"task": "watch.sweep", "schedule": 15.0},
    "estimate arrivals": {"task": "eta.sweep", "schedule": 15.0},
    "remind of waiting": {"task": "detention.remind", "schedule": 60.0},
    "sweep privacy": {"task": "privacy.sweep", "schedule": 60.0},
    "end revoked connections": {"task": "fleet.end_revoked", "schedule": 5.0},
    "remind of documents": {"task": "fleet_documents.remind", "schedule": 3600.0},
    "sweep unused files": {"task": "files.sweep_unused", "schedule": 3600.0},
    "drop old idempotency keys": {"task": "platform.drop_old_keys", "schedule": 3600.0},
    "remind of papers that end": {"task": "kyc.remind", "schedule": 6 * 3600.0},
    "sweep handovers": {"task": "ownership.sweep", "schedule": 3600.0},
    "sweep invitations": {"task": "organisations.sweep_invitations", "schedule": 3600.0},
    "sweep exports": {"task": "exports.sweep", "schedule": 60.0},
    "hand intervals to alert rules": {"task": "alert_rules.sweep_intervals", "schedule": 10.0},
    "look for long stays": {"task": "alert_rules.sweep_dwells", "schedule": 30.0},
    "sweep webhooks": {"task": "webhooks.sweep", "schedule": 10.0},
    "sweep text messages": {"task": "sms.sweep", "schedule": 10.0},
    "drop old text messages": {"task": "sms.drop_old", "schedule": 3600.0},
    "drop expired sign-ins": {"task": "accounts.drop_expired", "schedule": 3600.0},
    "drop old limits": {"task": "throttle.drop_old", "schedule": 3600.0},
}


def _create() -> Celery:
    settings = get_settings()
    app = Celery("mess", broker=settings.redis_url, include=list(TASK_MODULES))
    app.conf.update(
        task_ignore_result=True,
        # A task is done when it has committed; a killed worker's task runs again.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=4,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 3600, "socket_timeout": 10},
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        task_time_limit=300,
        task_soft_time_limit=240,
        beat_schedule=BEAT_SCHEDULE,
    )
    return app


celery_app = _create()


@setup_logging.connect
def _configure_logging(**_: Any) -> None:
    configure_logging(get_settings())


@worker_process_init.connect
def _fresh_engine(**_: Any) -> None:
    reset_engine()


def queue(task: str, **kwargs: Any) -> bool:
    """Send a task by name now. False when the queue is unreachable: a sweep finds the row later."""
    try:
        celery_app.send_task(task, kwargs=kwargs, retry=False)
    except OperationalError as error:
        log.warning("task not queued, left to its sweep", task=task, error=str(error))
        return False
    return True


def queue_after_commit(session: Session, task: str, **kwargs: Any) -> None:
    """Send a task by name once the session has committed."""

    def send() -> None:
        queue(task, **kwargs)

    after_commit(session, send)
