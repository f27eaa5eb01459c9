"""How far exports are, and what is due: the rows behind the tasks. The edge commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.privacy import repository
from platform_api.privacy.models import DataExport
from platform_api.privacy.rules import CONFIRM_WITHIN, MAX_ATTEMPTS, ExportState

_IN_PROGRESS = (ExportState.QUEUED.value, ExportState.RUNNING.value)


def begin_export(session: Session, export_id: UUID, now: datetime) -> UUID | None:
    """Whose data it is; None when there is nothing to write (any more)."""
    export = _in_progress(session, export_id)
    if export is None:
        return None
    if export.attempts >= MAX_ATTEMPTS:
        export.state, export.finished_at = ExportState.FAILED.value, now
        return None
    export.state, export.touched_at = ExportState.RUNNING.value, now
    export.attempts += 1
    return export.subject_id


def tell_export(session: Session, export_id: UUID, part: str, rows: int, now: datetime) -> None:
    export = _in_progress(session, export_id)
    if export is not None:
        export.part, export.rows_written, export.touched_at = part, rows, now


def fail_export(session: Session, export_id: UUID, now: datetime) -> None:
    """The sweep tries again, if this was not the last attempt."""
    export = _in_progress(session, export_id)
    if export is not None and export.attempts >= MAX_ATTEMPTS:
        export.state, export.finished_at = ExportState.FAILED.value, now


def finish_export(session: Session, export_id: UUID, *, file_bytes: int, rows: int, now: datetime) -> bool:
    """False when nobody wants it any more: its driver was erased."""
    export = _in_progress(session, export_id)
    if export is None:
        return False
    export.state, export.part, export.rows_written = ExportState.READY.value, None, rows
    export.file_bytes, export.finished_at, export.touched_at = file_bytes, now, now
    export.expires_at = now + timedelta(days=get_settings().export_keep_days)
    return True


def _in_progress(session: Session, export_id: UUID) -> DataExport | None:
    export = repository.lock_export(session, export_id)
    return export if export is not None and export.state in _IN_PROGRESS else None


@dataclass(frozen=True, slots=True)
class Due:
    exports: Sequence[UUID]  # to be queued again
    erasures: Sequence[UUID]
    expired: Sequence[UUID]  # whose files go
    lapsed: int
    dropped: int  # rows of the access log


def look_around(session: Session, now: datetime) -> Due:
    expired = []
    for export in repository.expired_exports(session, now):
        export.state = ExportState.DELETED.value
        expired.append(export.id)
    return Due(
        exports=repository.stale_exports(session, now),
        erasures=repository.due_erasures(session, now),
        expired=expired,
        lapsed=repository.lapse_unconfirmed(session, now - CONFIRM_WITHIN),
        dropped=repository.drop_old_access(session, now, days=get_settings().access_log_days),
    )
