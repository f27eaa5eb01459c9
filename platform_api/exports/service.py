"""Ask for an export, follow it, fetch it; and how far a task has come with it. The edge commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.settings import get_settings
from platform_api import spool
from platform_api.actor import Actor
from platform_api.api_keys.rules import check_scope
from platform_api.errors import NotFound
from platform_api.exports import rules
from platform_api.exports.models import BulkExport
from platform_api.exports.rules import Format, Kind
from platform_api.pagination import PageQuery, fetch_page
from platform_api.privacy.rules import ExportState as State
from platform_api.privacy.rules import check_download


def ask(
    session: Session,
    actor: Actor,
    *,
    kind: Kind,
    form: Format,
    start: datetime,
    end: datetime,
    now: datetime,
) -> BulkExport:
    """One at a time a party: a second one meanwhile ends in the unique index, Conflict `export_in_progress`."""
    check_scope(actor.scopes, rules.READS[kind])
    rules.check_period(start, end)
    row = BulkExport(
        party_id=actor.party_id,
        asked_by=actor.user_id,
        kind=kind,
        format=form,
        from_time=start,
        until_time=end,
        state=State.QUEUED,
        attempts=0,
        rows_written=0,
        created_at=now,
        touched_at=now,
    )
    session.add(row)
    session.flush()
    queue_after_commit(session, "exports.write", export_id=str(row.id))
    return row


def _own(actor: Actor) -> Select[BulkExport]:
    return select(BulkExport).where(BulkExport.party_id == actor.party_id)


def page(session: Session, actor: Actor, query: PageQuery) -> tuple[list[BulkExport], str | None]:
    return fetch_page(session, _own(actor), (BulkExport.created_at, BulkExport.id), query)


def get(session: Session, actor: Actor, export_id: UUID) -> BulkExport:
    row = session.scalar(_own(actor).where(BulkExport.id == export_id))
    if row is None:
        raise NotFound("export_not_found", "There is no such export.")
    return row


def path_of(row: BulkExport, actor: Actor) -> Path:
    """Raises Conflict as `check_download` does, NotFound `export_file_missing`, Forbidden `scope_missing`."""
    check_scope(actor.scopes, rules.READS[Kind(row.kind)])
    check_download(State(row.state))
    path = spool.path_of(rules.file_name(row.id, row.format))
    if not path.is_file():
        # Another machine's folder: API and task worker must share MESS_EXPORT_DIR.
        raise NotFound("export_file_missing", "The file of this export is not on this server.")
    return path


def begin(session: Session, export_id: UUID, now: datetime) -> BulkExport | None:
    """None when there is nothing to write (any more), or another task is at it."""
    row = session.get(BulkExport, export_id, with_for_update={"skip_locked": True})
    if row is None or row.state not in rules.IN_PROGRESS:
        return None
    if row.state == State.RUNNING and now - row.touched_at < rules.STALE_AFTER:
        return None
    if row.attempts >= rules.MAX_ATTEMPTS:
        row.state, row.finished_at = State.FAILED, now
        return None
    row.state, row.touched_at = State.RUNNING, now
    row.attempts += 1
    return row


def tell(session: Session, export_id: UUID, rows: int, now: datetime) -> None:
    row = session.get(BulkExport, export_id, with_for_update=True)
    if row is not None:
        row.rows_written, row.touched_at = rows, now


def finish(session: Session, export_id: UUID, *, size: int, rows: int, now: datetime) -> None:
    row = session.get_one(BulkExport, export_id, with_for_update=True)
    row.state, row.rows_written, row.file_bytes = State.READY, rows, size
    row.finished_at = row.touched_at = now
    row.expires_at = now + timedelta(days=get_settings().export_keep_days)


def fail(session: Session, export_id: UUID, now: datetime) -> None:
    """The sweep tries again, if this was not the last attempt."""
    row = session.get_one(BulkExport, export_id, with_for_update=True)
    if row.attempts >= rules.MAX_ATTEMPTS:
        row.state, row.finished_at = State.FAILED, now


@dataclass(frozen=True, slots=True)
class Due:
    again: Sequence[UUID]
    expired: Sequence[str]  # names of files


def look_around(session: Session, now: datetime) -> Due:
    """What was lost, and what is over."""
    stale = select(BulkExport.id).where(
        BulkExport.state.in_(rules.IN_PROGRESS), BulkExport.touched_at <= now - rules.STALE_AFTER
    )
    over = select(BulkExport).where(BulkExport.state == State.READY, BulkExport.expires_at <= now)
    expired = []
    for row in session.scalars(over.with_for_update(skip_locked=True)):
        row.state = State.DELETED
        expired.append(rules.file_name(row.id, row.format))
    return Due(session.scalars(stale).all(), expired)
