"""Whose a business is, for the queries of others.

A business keeps the key of the account that founded it. As long as no member of role `owner` is there, its
founder owns it; once handed over, that member does, and the founder has a row of his own, as a member of it,
as `former`, or of another business.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, exists, func, select
from sqlalchemy.orm import Session, aliased

from platform_api.accounts.models import User
from platform_api.actor import MemberRole
from platform_api.organisations.models import OrganisationMember

_OWNER = MemberRole.OWNER.value


def handed_over(party: Any) -> ColumnElement[bool]:
    """`party`: a column or value, the key of a business."""
    owner = aliased(OrganisationMember)
    return exists().where(owner.owner_id == party, owner.role == _OWNER)


def nobodys(party: Any) -> ColumnElement[bool]:
    """Its founder acts for another business and has handed this one to nobody."""
    founder = aliased(OrganisationMember)
    return exists().where(founder.user_id == party) & ~handed_over(party)


def owner_of(party: Any) -> ColumnElement[UUID]:
    """Of the person."""
    owner = aliased(OrganisationMember)
    successor = select(owner.user_id).where(owner.owner_id == party, owner.role == _OWNER)
    return func.coalesce(successor.scalar_subquery(), party)


def owned_by(person: Any) -> CompoundSelect[UUID]:
    """The business whose owner this person is: one at most."""
    mine = OrganisationMember
    taken = select(mine.owner_id).where(mine.user_id == person, mine.role == _OWNER)
    founded = select(User.id).where(User.id == person, ~nobodys(User.id), ~handed_over(User.id))
    return taken.union_all(founded)


def is_handed_over(session: Session, party_id: UUID) -> bool:
    return session.scalar(select(handed_over(party_id))) is True


def owners(session: Session, party_ids: Iterable[UUID]) -> Mapping[UUID, User]:
    """The person who owns each of these businesses, in one query."""
    party, person = aliased(User), aliased(User)
    statement = select(party.id, person).join(person, person.id == owner_of(party.id))
    rows = session.execute(statement.where(party.id.in_(set(party_ids))))
    return {row[0]: row[1] for row in rows}
