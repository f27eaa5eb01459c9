"""Read and change what one says of himself and of his business; what the market sees of a business."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, NotFound
from platform_api.kyc import service as kyc
from platform_api.organisations import standing
from platform_api.organisations.repository import lock_users
from platform_api.organisations.rules import BUSINESSES
from platform_api.profiles import repository, rules
from platform_api.profiles.models import Profile
from platform_api.versions import check_version

PERSONAL = ("language", "email", "address")
OF_BUSINESS = ("company_name", "ninea", "rccm", "region")
_NORMALISE = {
    "email": rules.normalise_email,
    "ninea": rules.normalise_ninea,
    "rccm": rules.normalise_rccm,
    "region": rules.normalise_region,
}


@dataclass(frozen=True, slots=True)
class Me:
    """`business` is the profile of whom the actor acts for; `version` grows with a change of either."""

    user: User
    own: Profile
    business: Profile
    verified: bool

    @property
    def version(self) -> int:
        return self.own.version if self.own is self.business else self.own.version + self.business.version


@dataclass(frozen=True, slots=True)
class PublicProfile:
    party_id: UUID
    name: str
    role: Role
    region: str | None
    verified: bool
    since: datetime


def read_me(session: Session, actor: Actor, now: datetime) -> Me:
    user = session.get_one(User, actor.user_id)
    found = repository.profiles_of(session, actor.user_id, actor.party_id)
    own = found.get(actor.user_id) or repository.empty(actor.user_id, now)
    business = own
    if actor.party_id != actor.user_id:
        business = found.get(actor.party_id) or repository.empty(actor.party_id, now)
    verified = actor.party_id in kyc.verified_of(session, [actor.party_id], now)
    return Me(user, own, business, verified)


def change_me(
    session: Session,
    actor: Actor,
    changes: Mapping[str, str | None],
    *,
    expected: int | None,
    now: datetime,
) -> Me:
    """`changes`: name, and fields of PERSONAL and OF_BUSINESS; None or "" clears. The latter are the managers'.

    Raises Forbidden `role_not_allowed`, `managers_only`, Invalid, PreconditionFailed `version_mismatch`.
    """
    if any(field in changes for field in OF_BUSINESS):
        rules.check_changes_business(actor)
    given = {field: _normal(field, value) for field, value in changes.items()}
    lock_users(session, [actor.user_id, actor.party_id])
    if given.get("company_name") == "" and standing.is_handed_over(session, actor.party_id):
        raise Conflict("company_name_missing", "A business that was handed over keeps a name of its own.")
    me = read_me(session, actor, now)
    check_version(me.version, expected)
    renamed = given.pop("name", None)
    _apply(session, me.own, {field: given[field] for field in PERSONAL if field in given}, now)
    _apply(session, me.business, {field: given[field] for field in OF_BUSINESS if field in given}, now)
    if renamed and renamed != me.user.name:
        me.user.name = renamed
        _bump(session, me.own, now)
    session.flush()
    return me


def _normal(field: str, value: str | None) -> str | None:
    if field in ("address", "company_name"):
        return value or ""
    normalise = _NORMALISE.get(field)
    if not value:
        return None
    return normalise(value) if normalise else value


def _apply(session: Session, profile: Profile, given: Mapping[str, str | None], now: datetime) -> None:
    changed = {field: value for field, value in given.items() if getattr(profile, field) != value}
    for field, value in changed.items():
        setattr(profile, field, value)
    if changed:
        _bump(session, profile, now)


def _bump(session: Session, profile: Profile, now: datetime) -> None:
    profile.version += 1
    profile.updated_at = now
    session.add(profile)


def read_public(session: Session, party_id: UUID, now: datetime) -> PublicProfile:
    """Name, kind and place of a business, never a person's phone. Raises NotFound `profile_not_found`."""
    found = repository.find_party(session, party_id)
    if found is None:
        raise NotFound("profile_not_found", "There is no such business.")
    user, is_member, profile = found
    role = Role(user.role)
    rules.check_public(is_business=role in BUSINESSES, disabled=user.disabled, is_member=is_member)
    return PublicProfile(
        party_id=user.id,
        name=(profile.company_name if profile else "") or user.name,
        role=role,
        region=profile.region if profile else None,
        verified=user.id in kyc.verified_of(session, [user.id], now),
        since=user.created_at,
    )
