"""Background work of alert rules: harmless when run twice."""

from config import clock
from config.celery_app import celery_app
from config.database import transaction
from config.logging import get_logger
from platform_api.alert_rules import watching

log = get_logger(__name__)

ROWS_AT_ONCE = 500


@celery_app.task(name="alert_rules.sweep_intervals")
def sweep_intervals() -> int:
    """Hand what changed of intervals to the rules; how many changes."""
    count = 0
    while True:
        with transaction() as session:
            handled = watching.on_interval_changes(session, clock.now(), ROWS_AT_ONCE)
        count += handled
        if handled < ROWS_AT_ONCE:
            return count


@celery_app.task(name="alert_rules.sweep_dwells")
def sweep_dwells() -> int:
    """Look at open visits that have become long enough for somebody's rule; how many."""
    count, after = 0, watching.Place()
    while True:
        with transaction() as session:
            found = watching.open_visits(session, clock.now(), after=after, limit=ROWS_AT_ONCE)
        for visit_id in found.visit_ids:
            try:
                with transaction() as session:
                    watching.on_visit(session, visit_id, clock.now())
            except Exception:
                log.exception("visit not judged by rules", visit_id=visit_id)
        count += len(found.visit_ids)
        if found.last is None:
            return count
        after = found.last
