"""Bodies of the profile endpoints."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from platform_api.accounts.schemas import UserOut
from platform_api.actor import Actor, MemberRole, Role
from platform_api.fields import Name, OptionalName
from platform_api.languages import Language
from platform_api.profiles.rules import MAX_EMAIL_CHARS
from platform_api.profiles.service import Me
from platform_api.schemas import StrictBody

MAX_TYPED_CHARS = 60

Typed = Annotated[str, StringConstraints(max_length=MAX_TYPED_CHARS)]


class MeChange(StrictBody):
    """What is left out stays; null clears. From `company_name` on it is the business's, for its owner and managers.

    `region`: ISO 3166-2 such as `SN-DK`, or the name. Numbers as they stand on the paper.
    """

    name: Name | None = None
    language: Language | None = None
    email: Annotated[str, StringConstraints(max_length=MAX_EMAIL_CHARS)] | None = None
    address: OptionalName | None = None
    company_name: OptionalName | None = None
    ninea: Typed | None = None
    rccm: Typed | None = None
    region: Typed | None = None


class OwnBusinessOut(BaseModel):
    """The business you act for. `party_id` is yours when you act for yourself."""

    party_id: UUID
    your_role: MemberRole
    company_name: str
    ninea: str | None
    rccm: str | None
    region: str | None
    verified: bool


class MeOut(UserOut):
    """`business` is null for administrators and drivers; `verified` is then your own."""

    language: Language | None
    email: str | None
    address: str
    verified: bool
    business: OwnBusinessOut | None

    @classmethod
    def of_me(cls, me: Me, actor: Actor, *, has_business: bool) -> Self:
        shown = UserOut.of(me.user).model_dump()
        own, business = me.own, me.business
        return cls(
            **shown,
            language=None if own.language is None else Language(own.language),
            email=own.email,
            address=own.address,
            verified=me.verified,
            business=OwnBusinessOut(
                party_id=actor.party_id,
                your_role=actor.member_role,
                company_name=business.company_name,
                ninea=business.ninea,
                rccm=business.rccm,
                region=business.region,
                verified=me.verified,
            )
            if has_business
            else None,
        )


class PublicProfileOut(BaseModel):
    """What the market knows of a business. `verified`: its papers were approved."""

    model_config = ConfigDict(from_attributes=True)

    party_id: UUID
    name: str
    role: Role
    region: str | None
    verified: bool
    since: datetime
