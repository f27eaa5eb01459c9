"""The outbox of text messages: queue one, hand it to the provider, write down what came of it.

A text is claimed in one transaction, handed over after its commit, and written down in another. A task
that dies in between leaves a claim that lapses: then nobody knows whether the provider took the text,
and it is sent once more at most (`rules.MAX_DOUBTS`). Network and commits are in `tasks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.logging import get_logger
from platform_api.sms import rules
from platform_api.sms.models import SmsMessage
from platform_api.sms.rules import Outcome, State

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed text as it goes to the provider."""

    id: int
    phone: str
    text: str
    claimed_at: datetime


def queue(
    session: Session,
    *,
    to: str,
    text: str,
    purpose: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> int:
    """Text somebody once the caller's transaction has committed; the id of the row in the outbox.

    `to` is E.164, `purpose` a word of our own such as `order_delivered`. After `expires_at` (a day, when
    not given) it is not sent any more. Accents that would cost a second message are dropped.
    """
    message = SmsMessage(
        phone=to,
        text=rules.shorten(rules.to_gsm7(text)),
        purpose=purpose,
        next_attempt_at=now,
        expires_at=expires_at or now + rules.LIFE,
        created_at=now,
    )
    session.add(message)
    session.flush()
    queue_after_commit(session, "sms.send", message_id=message.id)
    return message.id


def due_ids(session: Session, *, now: datetime, limit: int) -> Sequence[int]:
    """Texts whose time has come, and those of tasks that died."""
    found = select(SmsMessage.id).where(_is_due(now)).order_by(SmsMessage.next_attempt_at, SmsMessage.id)
    return session.scalars(found.limit(limit)).all()


def claim(session: Session, message_id: int, *, now: datetime) -> Outgoing | None:
    """Take a due text in hand; None when it is not due, ended, or another task has it."""
    message = session.scalar(
        select(SmsMessage).where(SmsMessage.id == message_id, _is_due(now)).with_for_update(skip_locked=True)
    )
    if message is None:
        return None
    if message.claimed_at is not None:
        message.doubts += 1
    if message.doubts > rules.MAX_DOUBTS:
        _end(message, State.FAILED, now, error="nobody knows whether it was taken")
        return None
    if message.expires_at <= now:
        _end(message, State.EXPIRED, now)
        return None
    message.claimed_at = now
    message.attempts += 1
    assert message.text is not None  # CHECK: only an ended one has none
    return Outgoing(message.id, message.phone, message.text, now)


def confirm(
    session: Session,
    outgoing: Outgoing,
    outcome: Outcome,
    *,
    now: datetime,
    provider: str,
    provider_ref: str | None = None,
    error: str | None = None,
    keep_text: bool = False,
) -> None:
    """Write down what became of a claimed text."""
    message = session.get_one(SmsMessage, outgoing.id, with_for_update=True)
    # A claim that lapsed is another task's now; but what was accepted need not go out again.
    ours = message.claimed_at == outgoing.claimed_at or outcome is Outcome.ACCEPTED
    if message.state != State.QUEUED or not ours:
        return
    message.provider, message.provider_ref, message.error = provider, provider_ref, error
    message.claimed_at = None
    message.doubts += outcome is Outcome.UNKNOWN
    following = rules.after(
        outcome, attempts=message.attempts, doubts=message.doubts, expires_at=message.expires_at, now=now
    )
    if following.attempt_at is not None:
        message.next_attempt_at = following.attempt_at
    else:
        _end(message, following.state, now, error=error, keep_text=keep_text)


def _end(
    message: SmsMessage, state: State, now: datetime, *, error: str | None = None, keep_text: bool = False
) -> None:
    message.state, message.ended_at, message.error = state.value, now, error
    message.claimed_at = None
    if not keep_text:
        message.text = None
    if state is not State.SENT:
        log.error("text message not sent", id=message.id, purpose=message.purpose, state=state, error=error)


def _is_due(now: datetime) -> ColumnElement[bool]:
    free = or_(SmsMessage.claimed_at.is_(None), SmsMessage.claimed_at <= now - rules.CLAIM_LIFE)
    return and_(SmsMessage.state == State.QUEUED.value, SmsMessage.next_attempt_at <= now, free)


def latest(session: Session, phone: str, *, limit: int) -> Sequence[SmsMessage]:
    """The newest texts to a phone, newest first; `text` None where it is gone."""
    found = select(SmsMessage).where(SmsMessage.phone == phone).order_by(SmsMessage.id.desc())
    return session.scalars(found.limit(limit)).all()


def drop_old(session: Session, *, now: datetime) -> int:
    """Rows deleted: whom we texted is personal data, and of no use after a month."""
    old = delete(SmsMessage).where(SmsMessage.ended_at <= now - rules.KEPT)
    return len(session.scalars(old.returning(SmsMessage.id)).all())
