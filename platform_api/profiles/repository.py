"""Queries over profiles."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.organisations.standing import nobodys
from platform_api.profiles.models import Profile


def profiles_of(session: Session, *user_ids: UUID) -> Mapping[UUID, Profile]:
    """Those that exist; fresh, as another may have written one meanwhile."""
    statement = select(Profile).where(Profile.user_id.in_(set(user_ids)))
    rows = session.scalars(statement.execution_options(populate_existing=True))
    return {row.user_id: row for row in rows}


def empty(user_id: UUID, now: datetime) -> Profile:
    """Of somebody who has said nothing yet; version 0 until it is stored."""
    return Profile(
        user_id=user_id,
        language=None,
        email=None,
        address="",
        company_name="",
        ninea=None,
        rccm=None,
        region=None,
        version=0,
        updated_at=now,
    )


def find_party(session: Session, party_id: UUID) -> tuple[User, bool, Profile | None] | None:
    """The account, whether it is nobody's business any more, and its profile."""
    statement = (
        select(User, nobodys(User.id), Profile)
        .outerjoin(Profile, Profile.user_id == User.id)
        .where(User.id == party_id)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def erase_of(session: Session, user_id: UUID, *, keep_business: bool = False) -> int:
    """`keep_business`: another has it now, with its name and numbers."""
    profile = session.get(Profile, user_id)
    if profile is None:
        return 0
    if keep_business:
        profile.language, profile.email, profile.address = None, None, ""
        profile.version += 1
    else:
        session.delete(profile)
    return 1
