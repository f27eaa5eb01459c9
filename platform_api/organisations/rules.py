"""Decisions about members and invitations: who may invite, who may join, who may remove whom. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.actor import Actor, MemberRole, Role
from platform_api.errors import Conflict, Forbidden, TooMany

BUSINESSES = frozenset({Role.SHIPPER, Role.CARRIER, Role.BROKER})
INVITATION_VALID = timedelta(days=7)
# Each costs a text message to somebody who may not want it.
MAX_OPEN_INVITATIONS = 50
MAX_INVITATIONS_A_DAY = 50
MAX_A_DAY_TO_ONE_PHONE = 3
# An answered or lapsed one holds a phone number that nobody needs any more.
INVITATION_KEPT = timedelta(days=90)


class JoinsAs(StrEnum):
    """Members act for the business; a driver drives for a carrier and keeps an account of his own."""

    MANAGER = "manager"
    MEMBER = "member"
    VIEWER = "viewer"
    DRIVER = "driver"


class InvitationState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"
    EXPIRED = "expired"


def check_business(actor: Actor) -> None:
    if actor.role not in BUSINESSES:
        raise Forbidden("role_not_allowed", "Only shippers, carriers and brokers have an organisation.")


def check_manages(actor: Actor) -> None:
    check_business(actor)
    if not actor.manages:
        raise Forbidden("managers_only", "Only for the owner and managers of the organisation.")


def check_invites(actor: Actor, joins_as: JoinsAs) -> None:
    """Drivers are the daily business of everybody at a carrier; colleagues are the managers'.

    Raises Forbidden `role_not_allowed`, `managers_only`, `owner_only`.
    """
    if joins_as is JoinsAs.DRIVER:
        if actor.role is not Role.CARRIER:
            raise Forbidden("role_not_allowed", "Only a carrier has drivers.")
        return
    check_manages(actor)
    _check_manager_is_the_owners(actor, {joins_as.value})


def check_quota(*, open_now: int, today: int, today_to_phone: int) -> None:
    """Of one business."""
    if (
        open_now >= MAX_OPEN_INVITATIONS
        or today >= MAX_INVITATIONS_A_DAY
        or today_to_phone >= MAX_A_DAY_TO_ONE_PHONE
    ):
        raise TooMany(
            "too_many_invitations", "Too many invitations are open or were sent today.", retry_after_s=3600
        )


def _check_manager_is_the_owners(actor: Actor, roles: set[str]) -> None:
    if MemberRole.MANAGER.value in roles and actor.member_role is not MemberRole.OWNER:
        raise Forbidden("owner_only", "Only the owner makes and removes managers.")


@dataclass(frozen=True, slots=True)
class InvitationSnapshot:
    state: InvitationState
    expires_at: datetime


def check_open(invitation: InvitationSnapshot, now: datetime) -> None:
    """May it still be accepted or declined? Raises Conflict `invitation_expired`, `invitation_closed`."""
    if invitation.state is InvitationState.EXPIRED or (
        invitation.state is InvitationState.OPEN and now >= invitation.expires_at
    ):
        raise Conflict("invitation_expired", "This invitation has expired. Ask for a new one.")
    if invitation.state is not InvitationState.OPEN:
        raise Conflict(
            "invitation_closed",
            f"This invitation was {invitation.state} before.",
        )


def revoke(invitation: InvitationSnapshot) -> bool:
    """True = nobody can accept it any more; False = it was revoked or had lapsed before.

    Raises Conflict `invitation_closed` when it was answered before.
    """
    if invitation.state in (InvitationState.ACCEPTED, InvitationState.DECLINED):
        raise Conflict(
            "invitation_closed",
            f"This invitation was {invitation.state} before.",
        )
    return invitation.state is InvitationState.OPEN


@dataclass(frozen=True, slots=True)
class Business:
    """The owner's account at the moment somebody joins."""

    owner_id: UUID
    role: Role
    disabled: bool
    # he acts for another business, and handed this one to nobody
    nobodys: bool


@dataclass(frozen=True, slots=True)
class Joiner:
    """`holdings`: what of his own is still under way, such as `vehicles`; he would no longer see it.

    `member_of`: also of his own business, as its owner.
    """

    user_id: UUID
    role: Role
    member_of: UUID | None
    carrier_id: UUID | None
    holdings: Sequence[str]


def check_business_open(business: Business) -> None:
    if business.disabled or business.nobodys:
        raise Conflict("organisation_closed", "This organisation does not exist any more.")


def check_joins(joiner: Joiner, business: Business) -> None:
    """May he become a member?

    Raises Conflict `organisation_closed`, `role_mismatch`, `already_member`, `own_business_open`.
    """
    check_business_open(business)
    if joiner.role is not business.role:
        raise Conflict(
            "role_mismatch",
            f"Your account is that of a {joiner.role}, the organisation's that of a {business.role}.",
        )
    if joiner.member_of is not None:
        raise Conflict("already_member", "A user is a member of one organisation at most.")
    if joiner.holdings:
        raise Conflict(
            "own_business_open",
            f"First end what is your own: {', '.join(joiner.holdings)}.",
        )


@dataclass(frozen=True, slots=True)
class MemberSnapshot:
    user_id: UUID
    role: MemberRole


def check_changes(actor: Actor, member: MemberSnapshot, role: MemberRole) -> None:
    """May the actor give this member this role? Raises Forbidden, Conflict `owner_stays`."""
    check_manages(actor)
    if role is MemberRole.OWNER:
        raise Conflict("owner_stays", "Nobody is made owner like that: the owner hands the business over.")
    _check_manager_is_the_owners(actor, {member.role.value, role.value})


def check_removes(actor: Actor, member: MemberSnapshot) -> None:
    """Everybody may go by himself, a viewer too (see `platform_api.deps.OWN_PATHS`)."""
    if member.user_id == actor.user_id:
        return
    check_manages(actor)
    _check_manager_is_the_owners(actor, {member.role.value})


def check_leaves(actor: Actor) -> None:
    check_business(actor)
    if actor.acts_for is None:
        raise Conflict("not_a_member", "You are a member of no organisation.")
    if actor.member_role is MemberRole.OWNER:
        raise Conflict("owner_stays", "The owner stays: hand the business over first.")
