"""Background work of privacy: thin, by id, harmless when run twice or killed."""

import time
from uuid import UUID

from config import clock
from config.celery_app import celery_app, queue
from config.database import transaction
from config.logging import get_logger
from platform_api import spool
from platform_api.privacy import erasing, exporting, jobs
from platform_api.privacy.erasing import Progress
from platform_api.privacy.rules import copy_name

log = get_logger(__name__)

# A copy of years of positions takes minutes; the queue gives a task back to others after an hour.
_EXPORT_SOFT_S, _EXPORT_HARD_S = 1_500, 1_800
# Then the task ends, and the sweep begins the next.
_ERASE_FOR_S = 120.0


@celery_app.task(name="privacy.write_export", soft_time_limit=_EXPORT_SOFT_S, time_limit=_EXPORT_HARD_S)
def write_export(export_id: str) -> None:
    key = UUID(export_id)
    with transaction() as session:
        subject_id = jobs.begin_export(session, key, clock.now())
    if subject_id is None:
        return

    def tell(part: str, rows: int) -> None:
        with transaction() as session:
            jobs.tell_export(session, key, part, rows, clock.now())

    try:
        size, rows = exporting.write_copy(key, subject_id, tell)
    except exporting.AlreadyBeingWritten:
        return
    except Exception as error:
        log.exception("export not written", export_id=export_id)
        with transaction() as session:
            jobs.fail_export(session, key, clock.now())
        if not isinstance(error, OSError):
            raise
        return
    with transaction() as session:
        kept = jobs.finish_export(session, key, file_bytes=size, rows=rows, now=clock.now())
    if not kept:
        # Erased meanwhile.
        spool.delete(copy_name(key))
    log.info("export written", export_id=export_id, file_bytes=size, rows=rows, kept=kept)


@celery_app.task(name="privacy.erase")
def erase(erasure_id: str) -> None:
    until_s = time.monotonic() + _ERASE_FOR_S
    progress = Progress.MORE
    while progress is Progress.MORE and time.monotonic() < until_s:
        with transaction() as session:
            progress = erasing.step(session, UUID(erasure_id), clock.now())
    log.info("erasure went on", erasure_id=erasure_id, progress=progress)


@celery_app.task(name="privacy.sweep")
def sweep() -> None:
    """What was lost is queued again, what is due begins, what is over goes."""
    with transaction() as session:
        due = jobs.look_around(session, clock.now())
    for export_id in due.expired:
        spool.delete(copy_name(export_id))
    for export_id in due.exports:
        queue("privacy.write_export", export_id=str(export_id))
    for erasure_id in due.erasures:
        queue("privacy.erase", erasure_id=str(erasure_id))
    stray = spool.delete_stray()
    if due.expired or due.lapsed or due.dropped or stray:
        log.info(
            "privacy swept", expired=len(due.expired), lapsed=due.lapsed, access_log=due.dropped, stray=stray
        )
