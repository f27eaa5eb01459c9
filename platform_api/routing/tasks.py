"""Planning in the background: thin, by id, harmless when run twice."""

from datetime import timedelta
from uuid import UUID

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from config.settings import get_settings
from platform_api.routing import corridor, repository, service
from platform_api.routing.planner import planner

log = get_logger(__name__)

SWEEP_LIMIT = 200


@celery_app.task(name="routing.plan")
def plan(order_id: str) -> None:
    """Ask the engine for this order's way, and keep the answer."""
    with transaction() as session:
        asked = service.question(session, UUID(order_id))
        if asked is None or service.is_answered(session, asked):
            return
    made = planner().plan(asked.stops, asked.truck, drawn=asked.drawn)
    with transaction() as session:
        service.keep(session, asked, made, clock.now())


@celery_app.task(name="routing.sweep")
def sweep() -> int:
    """Plan what was not planned: a lost task, another truck, an engine that is back; how many."""
    settings = get_settings()
    retry = None if settings.routing_engine == "none" else timedelta(seconds=settings.routing_retry_s)
    with transaction() as session:
        due = repository.due(session, clock.now(), retry=retry, limit=SWEEP_LIMIT)
        corridor.end_finished(session, clock.now(), SWEEP_LIMIT)
    for order_id in due:
        try:
            plan(str(order_id))
        except Exception:
            log.exception("order not planned", order_id=str(order_id))
    return len(due)
