"""Making what is due: each day of a schedule in a transaction of its own."""

from uuid import UUID

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.repeats import repository, service

log = get_logger(__name__)

AT_ONCE = 200


@celery_app.task(name="repeats.run_due")
def run_due() -> int:
    """Days dealt with. One schedule that fails does not stop the others, and is tried again by the next sweep."""
    now, done = clock.now(), 0
    with transaction() as session:
        due = repository.due(session, now, AT_ONCE)
    for schedule_id in due:
        try:
            while _run(schedule_id):
                done += 1
        except Exception:
            log.exception("schedule not run", schedule_id=str(schedule_id))
    return done


def _run(schedule_id: UUID) -> bool:
    with transaction() as session:
        return service.run_schedule(session, schedule_id, clock.now())
