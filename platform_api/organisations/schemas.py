"""Bodies of the organisation endpoints."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel

from platform_api.accounts.schemas import Phone
from platform_api.actor import MemberRole, Role
from platform_api.organisations.rules import InvitationState, JoinsAs
from platform_api.organisations.service import Member, Organisation, Shown
from platform_api.schemas import StrictBody

MEMBER_ROLES = Literal[MemberRole.MANAGER, MemberRole.MEMBER, MemberRole.VIEWER]


class OrganisationOut(BaseModel):
    """The business you act for. `owner_id`: what it is known by everywhere, the account that it began with.

    `owner_user_id`: the person who owns it now. `people`: its owner and its members.
    """

    owner_id: UUID
    owner_user_id: UUID
    owner_name: str
    name: str
    role: Role
    your_role: MemberRole
    people: int
    since: datetime

    @classmethod
    def of(cls, organisation: Organisation) -> Self:
        owner = organisation.owner
        return cls(
            owner_id=organisation.id,
            owner_user_id=owner.id,
            owner_name=owner.name,
            name=organisation.name,
            role=Role(owner.role),
            your_role=organisation.your_role,
            people=organisation.people,
            since=owner.created_at,
        )


class MemberOut(BaseModel):
    user_id: UUID
    name: str
    phone: str
    role: MemberRole
    joined_at: datetime

    @classmethod
    def of(cls, member: Member) -> Self:
        return cls(
            user_id=member.user.id,
            name=member.user.name,
            phone=member.user.phone,
            role=MemberRole(member.row.role),
            joined_at=member.row.joined_at,
        )


class MemberChange(StrictBody):
    role: MEMBER_ROLES


class InvitationIn(StrictBody):
    """A phone number without country code is Senegalese."""

    phone: Phone
    joins_as: JoinsAs


class BusinessOut(BaseModel):
    owner_id: UUID
    name: str
    role: Role


class InvitationOut(BaseModel):
    id: UUID
    organisation: BusinessOut
    phone: str
    joins_as: JoinsAs
    state: InvitationState
    created_at: datetime
    expires_at: datetime
    answered_at: datetime | None

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row = shown.row
        return cls(
            id=row.id,
            organisation=BusinessOut(
                owner_id=row.owner_id, name=shown.business_name, role=Role(shown.business_role)
            ),
            phone=row.phone,
            joins_as=JoinsAs(row.joins_as),
            state=InvitationState(row.state),
            created_at=row.created_at,
            expires_at=row.expires_at,
            answered_at=row.answered_at,
        )
