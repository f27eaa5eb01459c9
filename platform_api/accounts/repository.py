"""Queries over users and refresh tokens."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, aliased

from platform_api.accounts.models import RefreshToken, User
from platform_api.organisations.models import OrganisationMember


def find_user(session: Session, user_id: UUID) -> User | None:
    return session.get(User, user_id)


@dataclass(frozen=True, slots=True)
class Signed:
    """A user, and for whom he acts: None = himself."""

    user: User
    owner_id: UUID | None
    member_role: str | None
    owner_disabled: bool | None


def find_signed(session: Session, user_id: UUID) -> Signed | None:
    """One query, however many organisations there are."""
    owner = aliased(User)
    statement = (
        select(User, OrganisationMember.owner_id, OrganisationMember.role, owner.disabled)
        .outerjoin(OrganisationMember, OrganisationMember.user_id == User.id)
        .outerjoin(owner, owner.id == OrganisationMember.owner_id)
        .where(User.id == user_id)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else Signed(*row)


def find_by_phone(session: Session, phone: str, *, lock: bool = False) -> User | None:
    statement = select(User).where(User.phone == phone)
    return session.scalar(statement.with_for_update() if lock else statement)


def lock_refresh_token(session: Session, token_id: UUID) -> RefreshToken | None:
    return session.get(RefreshToken, token_id, with_for_update=True)


def revoke_family(session: Session, family: UUID, now: datetime) -> None:
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.family == family, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def drop_expired_tokens(session: Session, now: datetime) -> int:
    """Rows deleted. A spent token stays until it expires: only then is its reuse harmless."""
    dropped = session.scalars(
        delete(RefreshToken).where(RefreshToken.expires_at <= now).returning(RefreshToken.id)
    )
    return len(dropped.all())
