"""Who belongs to a business: members, how they join by invitation, and how they go.

Whoever changes that holds the accounts concerned first (`repository.lock_users`), then the invitation:
of two who act at once the second sees what the first has done.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.accounts.rules import normalise_phone
from platform_api.actor import Actor, MemberRole, Role
from platform_api.errors import Conflict, NotFound
from platform_api.fleet.rules import check_joins as check_drives
from platform_api.languages import Language
from platform_api.organisations import notices, repository, rules, standing
from platform_api.organisations.models import Invitation, OrganisationMember
from platform_api.organisations.rules import InvitationState, JoinsAs
from platform_api.ownership.repository import close_to as close_handovers
from platform_api.pagination import PageQuery
from platform_api.sms.service import queue as queue_sms
from platform_api.versions import check_version


@dataclass(frozen=True, slots=True)
class Organisation:
    """The business that the actor acts for, himself included in `people`. `id`: what all its things are keyed by."""

    id: UUID
    owner: User
    name: str
    your_role: MemberRole
    people: int


@dataclass(frozen=True, slots=True)
class Member:
    row: OrganisationMember
    user: User


@dataclass(frozen=True, slots=True)
class Shown:
    """An invitation with what its reader needs to know of the business."""

    row: Invitation
    business_name: str
    business_role: str


def get_organisation(session: Session, actor: Actor) -> Organisation:
    rules.check_business(actor)
    owner = standing.owners(session, [actor.party_id])[actor.party_id]
    name = repository.business_names(session, [actor.party_id])[actor.party_id]
    people = 1 + repository.count_members(session, actor.party_id)
    return Organisation(actor.party_id, owner, name, actor.member_role, people)


# Invitations -----------------------------------------------------------------


def invite(session: Session, actor: Actor, *, phone: str, joins_as: JoinsAs, now: datetime) -> Shown:
    """Whether the number is registered does not show; who has it may answer for seven days.

    Raises Forbidden, Invalid `invalid_phone`, Conflict `already_member`, TooMany `too_many_invitations`;
    a second open one for the same phone ends in the unique index: Conflict `invitation_open`.
    """
    rules.check_invites(actor, joins_as)
    number = normalise_phone(phone)
    owner = repository.lock_users(session, [actor.party_id])[actor.party_id]
    rules.check_business_open(business_of(session, owner))
    if repository.belongs_to(session, owner.id, number):
        raise Conflict("already_member", "This phone number is that of one of yours.")
    repository.expire_due(session, now, owner_id=owner.id)
    open_now, today, to_phone = repository.count_invitations(
        session, owner.id, number, since=now - timedelta(days=1)
    )
    rules.check_quota(open_now=open_now, today=today, today_to_phone=to_phone)
    row = Invitation(
        owner_id=owner.id,
        phone=number,
        joins_as=joins_as.value,
        state=InvitationState.OPEN.value,
        invited_by=actor.user_id,
        created_at=now,
        expires_at=now + rules.INVITATION_VALID,
    )
    session.add(row)
    session.flush()  # the answer shows its id
    shown = _shown(session, [row])[0]
    language = repository.language_of(session, number) or Language.FRENCH
    text = notices.text_of(shown.business_name, joins_as, language)
    queue_sms(session, to=number, text=text, purpose=notices.PURPOSE, now=now)
    return shown


def sent(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Shown], str | None]:
    """What the business sent, newest first; who does not manage it sees its drivers' alone."""
    rules.check_business(actor)
    rows, cursor = repository.page_sent(session, actor.party_id, query, drivers_only=not actor.manages)
    return _shown(session, rows), cursor


def received(
    session: Session, actor: Actor, query: PageQuery, now: datetime
) -> tuple[list[Shown], str | None]:
    rows, cursor = repository.page_received(session, _phone(session, actor), query, now)
    return _shown(session, rows), cursor


def revoke(session: Session, actor: Actor, invitation_id: UUID, now: datetime) -> Shown:
    """Again is harmless. Raises NotFound, Forbidden, Conflict `invitation_closed`."""
    row = repository.find_invitation(session, invitation_id, owner_id=actor.party_id, lock=True)
    if row is None:
        raise _no_invitation()
    rules.check_invites(actor, JoinsAs(row.joins_as))
    if rules.revoke(_snapshot(row)):
        _close(row, InvitationState.REVOKED, now)
    return _shown(session, [row])[0]


def accept(session: Session, actor: Actor, invitation_id: UUID, now: datetime) -> Shown:
    """Join: from the next request on the actor acts for the business, or drives for it.

    Raises NotFound `invitation_not_found`, Conflict `invitation_closed`, `invitation_expired` and
    what `rules.check_joins` and `fleet.rules.check_joins` say.
    """
    found = repository.find_invitation(session, invitation_id, phone=_phone(session, actor))
    if found is None:
        raise _no_invitation()
    users = repository.lock_users(session, [found.owner_id, actor.user_id])
    owner, user = users[found.owner_id], users[actor.user_id]
    row = repository.find_invitation(session, invitation_id, phone=user.phone, lock=True)
    if row is None:
        raise _no_invitation()
    rules.check_open(_snapshot(row), now)
    if row.joins_as == JoinsAs.DRIVER:
        _join_as_driver(session, user, owner)
    else:
        _join(session, user, owner, row, now)
    _close(row, InvitationState.ACCEPTED, now)
    return _shown(session, [row])[0]


def _join_as_driver(session: Session, user: User, owner: User) -> None:
    rules.check_business_open(business_of(session, owner))
    check_drives(role=Role(user.role), disabled=user.disabled, carrier_id=user.carrier_id, carrier=owner.id)
    user.carrier_id = owner.id


def _join(session: Session, user: User, owner: User, row: Invitation, now: datetime) -> None:
    current = repository.membership(session, user.id, lock=True)
    # What he handed over is not his own any more, and a former member of it joins it again like anybody.
    handed_over = standing.is_handed_over(session, user.id)
    own = user.id if user.id == owner.id and not handed_over else None
    left = current is None or current.role == MemberRole.FORMER.value
    joiner = rules.Joiner(
        user_id=user.id,
        role=Role(user.role),
        member_of=own if current is None or left else current.owner_id,
        carrier_id=user.carrier_id,
        holdings=[] if handed_over else repository.holdings(session, user.id),
    )
    rules.check_joins(joiner, business_of(session, owner))
    if not handed_over:
        # Whom he invited to his own business would join what is nobody's any more.
        repository.close_open(session, user.id, InvitationState.REVOKED, now)
    if current is None:
        session.add(OrganisationMember(user_id=user.id, owner_id=owner.id, role=row.joins_as, joined_at=now))
    else:
        current.owner_id, current.role, current.joined_at = owner.id, row.joins_as, now
        current.version += 1


def decline(session: Session, actor: Actor, invitation_id: UUID, now: datetime) -> Shown:
    row = repository.find_invitation(session, invitation_id, phone=_phone(session, actor), lock=True)
    if row is None:
        raise _no_invitation()
    rules.check_open(_snapshot(row), now)
    _close(row, InvitationState.DECLINED, now)
    return _shown(session, [row])[0]


def sweep(session: Session, now: datetime) -> int:
    """How many invitations lapsed; those answered long ago go."""
    repository.drop_old(session, now - rules.INVITATION_KEPT)
    return len(repository.expire_due(session, now))


# Members ---------------------------------------------------------------------


def list_members(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Member], str | None]:
    """Besides the owner."""
    rules.check_business(actor)
    rows, cursor = repository.page_members(session, actor.party_id, query)
    users = repository.users_by_id(session, (row.user_id for row in rows))
    return [Member(row, users[row.user_id]) for row in rows], cursor


def get_member(session: Session, actor: Actor, user_id: UUID, *, lock: bool = False) -> Member:
    """Raises NotFound `member_not_found`, also for a member of another business."""
    rules.check_business(actor)
    row = repository.find_member(session, actor.party_id, user_id, lock=lock)
    if row is None:
        raise NotFound("member_not_found", "There is no such member.")
    return Member(row, session.get_one(User, user_id))


def change_member(
    session: Session, actor: Actor, user_id: UUID, *, role: MemberRole, expected: int | None
) -> Member:
    member = get_member(session, actor, user_id, lock=True)
    check_version(member.row.version, expected)
    rules.check_changes(actor, _member(member.row), role)
    if member.row.role != role.value:
        member.row.role = role.value
        member.row.version += 1
    return member


def remove_member(session: Session, actor: Actor, user_id: UUID, now: datetime) -> None:
    """From the next request on he acts for himself again; who founded a business and handed it over, for nobody."""
    close_handovers(session, actor.party_id, user_id, now)
    member = get_member(session, actor, user_id, lock=True)
    rules.check_removes(actor, _member(member.row))
    _end(session, member.row)


def _end(session: Session, row: OrganisationMember) -> None:
    if standing.is_handed_over(session, row.user_id):
        row.owner_id, row.role = row.user_id, MemberRole.FORMER.value
        row.version += 1
    else:
        session.delete(row)


def end_membership(session: Session, user_id: UUID, now: datetime) -> None:
    """Of whoever is erased; he owns no business of others. Nothing where he is no member."""
    row = repository.membership(session, user_id)
    if row is None:
        return
    close_handovers(session, row.owner_id, user_id, now)
    row = repository.membership(session, user_id, lock=True)
    if row is not None:
        _end(session, row)


def leave(session: Session, actor: Actor, now: datetime) -> None:
    """Raises Conflict `not_a_member`, `owner_stays`: the owner hands the business over first."""
    rules.check_leaves(actor)
    remove_member(session, actor, actor.user_id, now)


# Inside ----------------------------------------------------------------------


def _phone(session: Session, actor: Actor) -> str:
    return session.get_one(User, actor.user_id).phone


def business_of(session: Session, founder: User) -> rules.Business:
    nobodys = session.scalar(select(standing.nobodys(founder.id))) is True
    return rules.Business(founder.id, Role(founder.role), founder.disabled, nobodys)


def _snapshot(row: Invitation) -> rules.InvitationSnapshot:
    return rules.InvitationSnapshot(InvitationState(row.state), row.expires_at)


def _member(row: OrganisationMember) -> rules.MemberSnapshot:
    return rules.MemberSnapshot(row.user_id, MemberRole(row.role))


def _close(row: Invitation, state: InvitationState, now: datetime) -> None:
    row.state, row.answered_at = state.value, now


def _shown(session: Session, rows: list[Invitation]) -> list[Shown]:
    owners = repository.users_by_id(session, (row.owner_id for row in rows))
    names = repository.business_names(session, owners)
    return [Shown(row, names[row.owner_id], owners[row.owner_id].role) for row in rows]


def _no_invitation() -> NotFound:
    return NotFound("invitation_not_found", "There is no such invitation.")
