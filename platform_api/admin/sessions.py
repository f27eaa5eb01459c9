"""Signing in at /admin/: a session of its own in the database, so that it ends at once when it must. The edge commits."""

import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Role
from platform_api.admin import rules
from platform_api.admin.models import AdminSession, AuditEntry
from platform_api.opaque_tokens import hash_of

MAX_AGENT_CHARS = 200


def note(session: Session, action: str, user_id: UUID | None, **about: str | None) -> None:
    """A sign-in, its refusal or its end, in the audit log."""
    session.add(
        AuditEntry(
            actor_id=user_id,
            channel="admin",
            action=action,
            after={name: value for name, value in about.items() if value is not None},
        )
    )


def start(session: Session, user: User, *, ip: str | None, agent: str, now: datetime) -> str:
    """The token for the cookie."""
    token = secrets.token_urlsafe(32)
    session.add(
        AdminSession(
            user_id=user.id,
            token_hash=hash_of(token),
            ip=ip,
            user_agent=agent[:MAX_AGENT_CHARS],
            created_at=now,
            last_seen_at=now,
        )
    )
    note(session, "sign_in", user.id, ip=ip)
    return token


def is_administrator(user: User) -> bool:
    return not user.disabled and (user.is_superuser or user.role == Role.ADMINISTRATOR)


def check(session: Session, token: str, *, now: datetime) -> UUID | None:
    """The administrator whose browser this is; None = sign in (again)."""
    row = session.execute(
        select(AdminSession, User)
        .join(User, User.id == AdminSession.user_id)
        .where(AdminSession.token_hash == hash_of(token))
    ).one_or_none()
    if row is None:
        return None
    browser, user = row
    lives = rules.session_lives(
        created_at=browser.created_at,
        last_seen_at=browser.last_seen_at,
        ended_at=browser.ended_at,
        now=now,
    )
    if not lives or not is_administrator(user):
        return None
    browser.last_seen_at = now
    user_id: UUID = user.id
    return user_id


def end(session: Session, token: str, *, now: datetime) -> None:
    """Again is harmless."""
    ended = session.scalar(
        update(AdminSession)
        .where(AdminSession.token_hash == hash_of(token), AdminSession.ended_at.is_(None))
        .values(ended_at=now)
        .returning(AdminSession.user_id)
    )
    if ended is not None:
        note(session, "sign_out", ended)
