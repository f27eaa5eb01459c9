"""Carries out an erasure, a step or a piece at a time, each in a transaction: a killed task goes on where it was.

`close`: he can no longer sign in, nor his phones send; what is only his goes. `telemetry`: ingest erases the positions
of his phones and is waited for. `history`: what orders keep loses his positions. `account`: his number and name go, and
what is left of him is a pseudonym on the orders he drove, gave or carried. Running any of it twice changes nothing more.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from config.database import after_commit
from config.settings import get_settings
from platform_api import spool
from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.detention import forgetting as detention
from platform_api.organisations import standing
from platform_api.privacy import access, business, erase_store, repository, rules
from platform_api.privacy.access import Access
from platform_api.privacy.models import Erasure, PhoneErasure
from platform_api.privacy.rules import ErasureState, ErasureStep, ExportState
from platform_api.watch import forgetting as watch

HISTORY_AT_ONCE = 200
# No password has this hash.
_NO_PASSWORD = "!"  # noqa: S105


class Progress(StrEnum):
    MORE = "more"  # go on at once
    WAIT = "wait"  # for somebody else; a later sweep goes on
    DONE = "done"


def step(session: Session, erasure_id: UUID, now: datetime) -> Progress:
    """The next piece of work, if nobody else is at it."""
    erasure = repository.hold_erasure(session, erasure_id)
    if erasure is None:
        return Progress.WAIT
    state = ErasureState(erasure.state)
    if state is ErasureState.WAITING and erasure.due_at is not None and erasure.due_at <= now:
        return _begin(session, erasure, now)
    if state is not ErasureState.RUNNING or erasure.step is None:
        return Progress.DONE
    return _STEPS[ErasureStep(erasure.step)](session, erasure, now)


def _begin(session: Session, erasure: Erasure, now: datetime) -> Progress:
    with session.begin_nested() as trial:
        # Whoever gives him an order holds his vehicle, then him: after these two, an order is seen, or not given.
        erase_store.take_off_vehicles(session, erasure.subject_id)
        subject = repository.find_subject(session, erasure.subject_id, lock=True)
        assert subject is not None  # accounts are never deleted
        erasure_held_by = rules.reason_of(business.held_by(session, subject))
        if erasure_held_by is not None:
            trial.rollback()
    erasure.held_by = erasure_held_by
    if erasure_held_by is not None:
        return Progress.WAIT
    erasure.state, erasure.started_at, erasure.step = ErasureState.RUNNING.value, now, ErasureStep.CLOSE.value
    return _close(session, erasure, now)


def _close(session: Session, erasure: Erasure, now: datetime) -> Progress:
    subject = repository.find_subject(session, erasure.subject_id, lock=True)
    assert subject is not None  # accounts are never deleted
    # The key of a business that another has must not shut it out; he gets in no more without a number.
    subject.disabled, subject.carrier_id = not standing.is_handed_over(session, subject.id), None
    business.leave(session, subject, now)
    for name, count in business.close(session, subject, now).items():
        _count(erasure, name, count)
    _count(erasure, "sessions", erase_store.delete_sessions(session, subject.id))
    _count(erasure, "duty_periods", erase_store.delete_duty(session, subject.id))
    _take_said(session, erasure, subject, now)
    # Their spans before they are taken from him, which ends them.
    phones = erase_store.phones_of(session, subject.id)
    for phone in phones:
        session.add(
            PhoneErasure(
                erasure_id=erasure.id,
                device_id=phone.span.device_id,
                since=phone.span.since,
                until=phone.span.until,
                uid=phone.uid if phone.his_alone else None,
            )
        )
    session.flush()
    for phone in {phone.span.device_id: phone for phone in phones if phone.his_alone}.values():
        erase_store.close_phone(session, phone)
        _count(erasure, "phones", 1)
    for export in repository.exports_of(session, subject.id):
        export.state, export.expires_at = ExportState.DELETED.value, None
        after_commit(session, _deleter(export.id))
    erasure.step = ErasureStep.TELEMETRY.value
    return Progress.MORE


def _telemetry(session: Session, erasure: Erasure, now: datetime) -> Progress:
    if erase_store.open_phone_erasures(session, erasure.id):
        return Progress.WAIT
    # The order to end his phone's connection names it: EMQX has it first, nobody else needs it.
    if get_settings().emqx_api and erase_store.unended_connections(session):
        return Progress.WAIT
    erase_store.forget_revocations(session)
    for name, count in erase_store.erased_by_ingest(session, erasure.id).items():
        _count(erasure, name, count)
    erasure.step, erasure.cursor_id = ErasureStep.HISTORY.value, 0
    return Progress.MORE


def _history(session: Session, erasure: Erasure, now: datetime) -> Progress:
    rows = erase_store.next_history(
        session, erasure.subject_id, after=erasure.cursor_id, most=HISTORY_AT_ONCE
    )
    spans = [phone.span for phone in erase_store.phones_of(session, erasure.subject_id)]
    if not rows:
        _ways(session, erasure, spans)
        _count(erasure, "statements", erase_store.forget_where_he_spoke(session, erasure.subject_id))
        erasure.step = ErasureStep.ACCOUNT.value
        return Progress.MORE
    for row in rows:
        by_him = row.actor_id == erasure.subject_id
        left = rules.scrub_evidence(row.evidence, spans, by_him=by_him)
        if left is not None:
            row.evidence = left
            _count(erasure, "order_history", 1)
    erasure.cursor_id = rows[-1].id
    return Progress.MORE


def _ways(session: Session, erasure: Erasure, spans: Sequence[rules.PhoneSpan]) -> None:
    """What journeys and claims have of his positions."""

    def is_his(ping: Mapping[str, Any]) -> bool:
        return any(span.has(ping) for span in spans)

    _count(erasure, "route_events", watch.forget(session, erasure.subject_id, is_his))
    _count(erasure, "detention_claims", detention.forget(session, erasure.subject_id, is_his))


def _account(session: Session, erasure: Erasure, now: datetime) -> Progress:
    subject = repository.find_subject(session, erasure.subject_id, lock=True)
    assert subject is not None
    # Since `close` somebody may have invited his number.
    _take_said(session, erasure, subject, now)
    # And where his account is not disabled he may have signed in.
    _count(erasure, "sessions", erase_store.delete_sessions(session, subject.id))
    phone, name = rules.pseudonym(subject.id, Role(subject.role))
    business.forget_named(session, subject, name)
    erase_store.forget_number(session, subject.phone)
    subject.phone, subject.name = phone, name
    subject.password_hash = _NO_PASSWORD
    # Since `close` he could not ask for another copy, but an administrator could.
    for export in repository.exports_of(session, subject.id):
        export.state, export.expires_at = ExportState.DELETED.value, None
        after_commit(session, _deleter(export.id))
    erasure.state, erasure.step, erasure.code_hash = ErasureState.DONE.value, None, ""
    erasure.finished_at = now
    access.note(session, None, subject.id, Access.ERASURE_DONE, now=now)
    return Progress.DONE


def _take_said(session: Session, erasure: Erasure, subject: User, now: datetime) -> None:
    for name, count in erase_store.delete_said_of_himself(session, subject, now).items():
        _count(erasure, name, count)


def _count(erasure: Erasure, name: str, count: int) -> None:
    if count:
        erasure.counts = {**(erasure.counts or {}), name: (erasure.counts or {}).get(name, 0) + count}


def _deleter(export_id: UUID) -> Callable[[], None]:
    return lambda: spool.delete(rules.copy_name(export_id))


_STEPS: dict[ErasureStep, Callable[[Session, Erasure, datetime], Progress]] = {
    ErasureStep.CLOSE: _close,
    ErasureStep.TELEMETRY: _telemetry,
    ErasureStep.HISTORY: _history,
    ErasureStep.ACCOUNT: _account,
}
