"""Background work of exports: thin, by id, harmless when run twice or killed."""

from uuid import UUID

from config import clock
from config.celery_app import celery_app, queue
from config.database import transaction
from config.logging import get_logger
from platform_api import spool
from platform_api.accounts import service as accounts
from platform_api.errors import Conflict, PlatformError
from platform_api.exports import service, writing

log = get_logger(__name__)

# A million orders take a few minutes; the queue gives a task back to others after an hour.
_SOFT_S, _HARD_S = 1_500, 1_800


@celery_app.task(name="exports.write", soft_time_limit=_SOFT_S, time_limit=_HARD_S)
def write(export_id: str) -> None:
    key = UUID(export_id)
    with transaction() as session:
        export = service.begin(session, key, clock.now())
    if export is None:
        return

    def tell(rows: int) -> None:
        with transaction() as session:
            service.tell(session, key, rows, clock.now())

    try:
        # A session of its own: its cursor stays open while `tell` commits others.
        with transaction() as session:
            actor = accounts.actor_of_user(session, export.asked_by)
            if actor.party_id != export.party_id:
                raise Conflict("not_a_member", "Whoever asked has left.")
            size, rows = writing.write(session, export, actor, tell)
    except Exception as error:
        log.exception("export not written", export_id=export_id)
        with transaction() as session:
            service.fail(session, key, clock.now())
        if not isinstance(error, OSError | PlatformError):
            raise
        return
    with transaction() as session:
        service.finish(session, key, size=size, rows=rows, now=clock.now())
    log.info("export written", export_id=export_id, file_bytes=size, rows=rows)


@celery_app.task(name="exports.sweep")
def sweep() -> int:
    """What was lost is queued again, what is over goes; how many of both."""
    with transaction() as session:
        due = service.look_around(session, clock.now())
    for name in due.expired:
        spool.delete(name)
    for export_id in due.again:
        queue("exports.write", export_id=str(export_id))
    return len(due.expired) + len(due.again)
