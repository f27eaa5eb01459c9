"""Queries over users, registrations, codes, sign-ins and their refresh tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from platform_api.accounts.models import OneTimeCode, RefreshToken, Registration, SignInSession, User
from platform_api.actor import MemberRole
from platform_api.admin.models import AdminSession
from platform_api.organisations.models import OrganisationMember


def find_user(session: Session, user_id: UUID) -> User | None:
    return session.get(User, user_id)


@dataclass(frozen=True, slots=True)
class Signed:
    """A user, and for whom he acts: None = himself. `session_*` of the sign-in that was asked for; None = there is none."""

    user: User
    owner_id: UUID | None
    member_role: str | None
    owner_disabled: bool | None
    session_id: UUID | None
    session_revoked_at: datetime | None


def find_signed(session: Session, user_id: UUID, session_id: UUID | None = None) -> Signed | None:
    """One query, however many organisations and sign-ins there are."""
    # The account that the business began with, and whose it is where it was handed over.
    owner, successor, handed = aliased(User), aliased(User), aliased(OrganisationMember)
    handed_over = (handed.owner_id == OrganisationMember.owner_id) & (handed.role == MemberRole.OWNER.value)
    mine = (SignInSession.id == session_id) & (SignInSession.user_id == User.id)
    statement = (
        select(
            User,
            OrganisationMember.owner_id,
            OrganisationMember.role,
            or_(owner.disabled, func.coalesce(successor.disabled, False)),
            SignInSession.id,
            SignInSession.revoked_at,
        )
        .outerjoin(OrganisationMember, OrganisationMember.user_id == User.id)
        .outerjoin(owner, owner.id == OrganisationMember.owner_id)
        .outerjoin(handed, handed_over)
        .outerjoin(successor, successor.id == handed.user_id)
        .outerjoin(SignInSession, mine)
        .where(User.id == user_id)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else Signed(*row)


def find_by_phone(session: Session, phone: str, *, lock: bool = False) -> User | None:
    statement = select(User).where(User.phone == phone)
    return session.scalar(statement.with_for_update() if lock else statement)


def find_registration(session: Session, registration_id: UUID, *, lock: bool = False) -> Registration | None:
    return session.get(Registration, registration_id, with_for_update=True if lock else None)


def registration_of(session: Session, phone: str) -> Registration | None:
    return session.scalar(select(Registration).where(Registration.phone == phone))


def put_registration(session: Session, row: dict[str, Any]) -> None:
    """In the place of whatever registration its phone had."""
    new = insert(Registration).values(row)
    changes = {name: new.excluded[name] for name in row if name != "phone"}
    session.execute(new.on_conflict_do_update(index_elements=["phone"], set_=changes))


def put_code(session: Session, row: dict[str, Any]) -> None:
    """In the place of whatever code its phone and purpose had."""
    new = insert(OneTimeCode).values(row)
    changes = {name: new.excluded[name] for name in row if name not in ("phone", "purpose")}
    session.execute(new.on_conflict_do_update(index_elements=["phone", "purpose"], set_=changes))


def lock_code(session: Session, phone: str, purpose: str) -> OneTimeCode | None:
    return session.get(OneTimeCode, (phone, purpose), with_for_update=True, populate_existing=True)


def find_refresh_token(session: Session, token_id: UUID) -> RefreshToken | None:
    """As it is now: who holds the lock of its sign-in sees what others did before."""
    return session.get(RefreshToken, token_id, populate_existing=True)


def lock_sign_in(session: Session, session_id: UUID) -> SignInSession | None:
    """Taken before anything of a sign-in or its tokens is decided."""
    return session.get(SignInSession, session_id, with_for_update=True, populate_existing=True)


def live_sign_ins(session: Session, user_id: UUID, now: datetime) -> Sequence[SignInSession]:
    """Last seen first; at most `sessions.MOST` of them."""
    live = select(SignInSession).where(*_is_live(user_id, now))
    return session.scalars(live.order_by(SignInSession.last_seen_at.desc(), SignInSession.id)).all()


def addresses_of(session: Session, phone: str, now: datetime) -> Sequence[str]:
    """From where the owner of this number is signed in."""
    live = (SignInSession.revoked_at.is_(None), SignInSession.expires_at > now)
    statement = select(SignInSession.ip).join(User, User.id == SignInSession.user_id)
    return session.scalars(statement.where(User.phone == phone, *live).distinct()).all()


def revoke_sign_ins(
    session: Session, user_id: UUID, now: datetime, why: str, *, keep: UUID | None = None
) -> int:
    """All but `keep`, and an administrator's browsers at /admin/; how many of the API."""
    browsers = update(AdminSession).where(AdminSession.user_id == user_id, AdminSession.ended_at.is_(None))
    session.execute(browsers.values(ended_at=now))
    revoked = update(SignInSession).where(*_is_live(user_id, now))
    if keep is not None:
        revoked = revoked.where(SignInSession.id != keep)
    changed = revoked.values(revoked_at=now, revoked_why=why).returning(SignInSession.id)
    return len(session.scalars(changed).all())


def revoke_beyond(session: Session, user_id: UUID, now: datetime, why: str, *, most: int) -> None:
    """All but the `most` last seen ones. One that somebody else is revoking is left to him."""
    beyond = (
        select(SignInSession.id)
        .where(*_is_live(user_id, now))
        .order_by(SignInSession.last_seen_at.desc(), SignInSession.id)
        .offset(most)
        .with_for_update(skip_locked=True)
    )
    session.execute(
        update(SignInSession)
        .where(SignInSession.id.in_(beyond))
        .values(revoked_at=now, revoked_why=why)
        .execution_options(synchronize_session=False)
    )


def _is_live(user_id: UUID, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        SignInSession.user_id == user_id,
        SignInSession.revoked_at.is_(None),
        SignInSession.expires_at > now,
    )


def drop_expired(session: Session, now: datetime) -> int:
    """Rows deleted. A spent token stays until it expires: only then is its reuse harmless."""
    old = (
        delete(RefreshToken).where(RefreshToken.expires_at <= now),
        delete(SignInSession).where(SignInSession.expires_at <= now),
        delete(Registration).where(Registration.expires_at <= now),
        delete(OneTimeCode).where(OneTimeCode.expires_at <= now),
    )
    results = [session.execute(statement) for statement in old]
    return sum(result.rowcount for result in results if isinstance(result, CursorResult))
