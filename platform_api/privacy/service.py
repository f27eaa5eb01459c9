"""Ask for a copy or for an erasure, confirm it, think better of it. The edge commits; tasks do the work."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.settings import get_settings
from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.errors import NotFound
from platform_api.privacy import access, business, repository, rules
from platform_api.privacy.access import Access
from platform_api.privacy.models import DataExport, Erasure
from platform_api.privacy.rules import ErasureState, ExportState, copy_name
from platform_api.spool import path_of


@dataclass(frozen=True, slots=True)
class AskedErasure:
    """`code` is for the confirmation; only its hash is kept, so this is the one time it is seen."""

    erasure: Erasure
    code: str


def ask_export(session: Session, actor: Actor, subject_id: UUID | None, *, now: datetime) -> DataExport:
    """One at a time: asked again while one is being written, it is that one."""
    subject = _subject(session, actor, subject_id)
    current = repository.export_in_progress(session, subject.id)
    if current is not None:
        return current
    rules.check_exports(repository.exports_since(session, subject.id, now - timedelta(days=1)))
    export = DataExport(
        subject_id=subject.id, asked_by=actor.user_id, state="queued", created_at=now, touched_at=now
    )
    session.add(export)
    session.flush()  # the task is told its id
    access.note(session, actor, subject.id, Access.EXPORT_ASKED, now=now)
    queue_after_commit(session, "privacy.write_export", export_id=str(export.id))
    return export


def get_export(session: Session, actor: Actor, export_id: UUID) -> DataExport:
    export = repository.find_export(session, actor, export_id)
    if export is None:
        raise NotFound("export_not_found", "There is no such export.")
    return export


def open_export(session: Session, actor: Actor, export_id: UUID, *, now: datetime) -> Path:
    """Where the file is; that it was handed out is noted."""
    export = get_export(session, actor, export_id)
    rules.check_download(ExportState(export.state))
    path = path_of(copy_name(export.id))
    if not path.is_file():
        # Another machine's folder: API and task worker must share MESS_EXPORT_DIR.
        raise NotFound("export_file_missing", "The file of this export is not on this server.")
    access.note(session, actor, export.subject_id, Access.EXPORT_DOWNLOADED, now=now)
    return path


def ask_erasure(session: Session, actor: Actor, subject_id: UUID | None, *, now: datetime) -> AskedErasure:
    """The first of two steps. Asked again before it was confirmed, there is a new code; after that, a Conflict."""
    subject = _subject(session, actor, subject_id, lock=True)
    rules.check_erasable(Role(subject.role), is_superuser=subject.is_superuser)
    rules.check_nothing_open(business.held_by(session, subject))
    code = secrets.token_hex(4)
    erasure = repository.open_erasure(session, subject.id)
    if erasure is None:
        erasure = Erasure(
            subject_id=subject.id, asked_by=actor.user_id, state="asked", code_hash="", created_at=now
        )
        session.add(erasure)
    else:
        rules.check_not_confirmed(ErasureState(erasure.state))
    erasure.asked_by, erasure.created_at, erasure.code_hash = actor.user_id, now, rules.hash_code(code)
    session.flush()  # the answer shows its id
    access.note(session, actor, subject.id, Access.ERASURE_ASKED, now=now)
    return AskedErasure(erasure, code)


def get_erasure(session: Session, actor: Actor, erasure_id: UUID, *, lock: bool = False) -> Erasure:
    erasure = repository.find_erasure(session, actor, erasure_id, lock=lock)
    if erasure is None:
        raise NotFound("erasure_not_found", "There is no such erasure.")
    return erasure


def confirm_erasure(session: Session, actor: Actor, erasure_id: UUID, code: str, *, now: datetime) -> Erasure:
    """It begins when the time to withdraw it is over. Again is harmless."""
    erasure = get_erasure(session, actor, erasure_id, lock=True)
    snapshot = rules.ErasureSnapshot(ErasureState(erasure.state), erasure.code_hash, erasure.created_at)
    subject = repository.find_subject(session, erasure.subject_id)
    assert subject is not None  # accounts are never deleted
    if rules.confirm(snapshot, code, held=business.held_by(session, subject), now=now):
        erasure.state, erasure.confirmed_at = ErasureState.WAITING.value, now
        erasure.due_at = now + timedelta(days=get_settings().erasure_wait_days)
        access.note(session, actor, erasure.subject_id, Access.ERASURE_CONFIRMED, now=now)
    return erasure


def withdraw_erasure(session: Session, actor: Actor, erasure_id: UUID, *, now: datetime) -> Erasure:
    erasure = get_erasure(session, actor, erasure_id, lock=True)
    if rules.withdraw(ErasureState(erasure.state)):
        erasure.state, erasure.code_hash, erasure.due_at = ErasureState.WITHDRAWN.value, "", None
        access.note(session, actor, erasure.subject_id, Access.ERASURE_WITHDRAWN, now=now)
    return erasure


def _subject(session: Session, actor: Actor, subject_id: UUID | None, *, lock: bool = False) -> User:
    user_id = rules.subject_of(actor, subject_id)
    user = repository.find_subject(session, user_id, lock=lock)
    if user is None:
        raise NotFound("user_not_found", "There is no such user.")
    rules.check_subject(phone=user.phone)
    return user
