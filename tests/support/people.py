"""Colleagues: people who act for somebody else's business."""

from config import clock
from config.database import transaction
from platform_api.accounts.rules import actor_of
from platform_api.actor import Actor, MemberRole, Role
from platform_api.organisations.models import OrganisationMember
from tests.support.api import Person, person


def colleague(owner: Person, role: MemberRole = MemberRole.MEMBER) -> Person:
    """Somebody of the owner's kind who acts for him."""
    made = person(owner.client, owner.role)
    with transaction() as session:
        session.add(
            OrganisationMember(user_id=made.id, owner_id=owner.id, role=role.value, joined_at=clock.now())
        )
    return made


def actor(someone: Person, *, owner: Person | None = None, role: MemberRole = MemberRole.OWNER) -> Actor:
    """As `authenticate` would say it, for calls of services."""
    return actor_of(
        user_id=someone.id,
        role=Role(someone.role),
        is_superuser=False,
        carrier_id=None,
        acts_for=None if owner is None else owner.id,
        member_role=role,
    )
