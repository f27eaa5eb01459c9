"""Hand a business over: its owner names a member, who accepts. Never is it without an owner, nor has it two.

The things of a business keep their key; what changes is who is `owner` in `organisation_members`. Whoever does
anything here holds the accounts first, then the offer, then the memberships.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Actor, MemberRole
from platform_api.admin.models import AuditEntry
from platform_api.alerts.service import raise_alert
from platform_api.errors import NotFound
from platform_api.kyc import service as kyc
from platform_api.languages import Language
from platform_api.organisations import repository as organisations
from platform_api.organisations import service as members
from platform_api.organisations import standing
from platform_api.organisations.models import OrganisationMember
from platform_api.organisations.rules import check_business, check_business_open
from platform_api.ownership import notices, repository, rules
from platform_api.ownership.models import OwnershipOffer
from platform_api.ownership.rules import OfferSnapshot, OfferState
from platform_api.pagination import PageQuery
from platform_api.profiles import repository as profiles
from platform_api.sms.service import queue as queue_sms


@dataclass(frozen=True, slots=True)
class Shown:
    """An offer with the names its reader knows people by."""

    row: OwnershipOffer
    business_name: str
    from_name: str
    to_name: str


def offer(session: Session, actor: Actor, user_id: UUID, *, now: datetime) -> Shown:
    """Name a member as the next owner; nothing changes before he accepts. Both are texted.

    Raises Forbidden `not_the_owner`, NotFound `member_not_found`, Conflict `company_name_missing`; a second
    open one ends in the unique index: Conflict `handover_open`.
    """
    rules.check_owns(actor)
    users = organisations.lock_users(session, [actor.party_id, actor.user_id, user_id])
    check_business_open(members.business_of(session, users[actor.party_id]))
    member = members.get_member(session, actor, user_id)
    _check_named(session, actor.party_id)
    repository.expire_due(session, now, owner_id=actor.party_id)
    row = OwnershipOffer(
        owner_id=actor.party_id,
        from_user=actor.user_id,
        to_user=member.user.id,
        state=OfferState.OPEN.value,
        created_at=now,
        expires_at=now + rules.VALID,
    )
    session.add(row)
    session.flush()  # the answer shows its id
    shown = _shown(session, [row])[0]
    _text(session, [users[actor.user_id], member.user], notices.OFFERED, shown, now)
    return shown


def list_own(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Shown], str | None]:
    check_business(actor)
    rows, cursor = repository.page(session, actor, query)
    return _shown(session, rows), cursor


def withdraw(session: Session, actor: Actor, offer_id: UUID, *, now: datetime) -> Shown:
    """Again is harmless. Raises Forbidden `not_the_owner`, NotFound `handover_not_found`, Conflict `handover_closed`."""
    rules.check_owns(actor)
    row = repository.find(session, offer_id, owner_id=actor.party_id, lock=True)
    if row is None:
        raise _no_offer()
    if rules.withdraw(_snapshot(row)):
        _close(row, OfferState.WITHDRAWN, now)
    return _shown(session, [row])[0]


def decline(session: Session, actor: Actor, offer_id: UUID, *, now: datetime) -> Shown:
    """Raises NotFound `handover_not_found`, Conflict `handover_closed`, `handover_expired`."""
    row = repository.find(session, offer_id, to_user=actor.user_id, lock=True)
    if row is None:
        raise _no_offer()
    rules.check_open(_snapshot(row), now)
    _close(row, OfferState.DECLINED, now)
    return _shown(session, [row])[0]


def accept(session: Session, actor: Actor, offer_id: UUID, *, now: datetime) -> Shown:
    """The actor owns the business from his next request on, and who owned it manages it.

    The papers that prove who its owner is are no proof any more. Raises NotFound `handover_not_found`, Conflict
    `handover_closed`, `handover_expired`, `organisation_closed`, `company_name_missing`.
    """
    found = repository.find(session, offer_id, to_user=actor.user_id)
    if found is None:
        raise _no_offer()
    users = organisations.lock_users(session, [found.owner_id, found.from_user, found.to_user])
    row = repository.find(session, offer_id, to_user=actor.user_id, lock=True)
    if row is None:
        raise _no_offer()
    rules.check_open(_snapshot(row), now)
    check_business_open(members.business_of(session, users[row.owner_id]))
    successor = organisations.find_member(session, row.owner_id, actor.user_id, lock=True)
    owner = standing.owners(session, [row.owner_id])[row.owner_id]
    rules.check_still_his(_snapshot(row), owner=owner.id, is_member=successor is not None)
    assert successor is not None  # the rules refuse who is no member
    _check_named(session, row.owner_id)
    _step_down(session, row, now)
    _step_up(session, row, successor)
    _close(row, OfferState.ACCEPTED, now)
    kyc.end_identity(session, row.owner_id, actor, now=now)
    shown = _shown(session, [row])[0]
    _tell(session, shown, users, now)
    return shown


def _step_down(session: Session, row: OwnershipOffer, now: datetime) -> None:
    manager = MemberRole.MANAGER.value
    if row.from_user == row.owner_id:
        session.add(
            OrganisationMember(user_id=row.from_user, owner_id=row.owner_id, role=manager, joined_at=now)
        )
    else:
        before = organisations.membership(session, row.from_user, lock=True)
        assert before is not None  # he owns it, and did not found it
        before.role = manager
        before.version += 1
    session.flush()  # one owner is a unique index: this before the next


def _step_up(session: Session, row: OwnershipOffer, successor: OrganisationMember) -> None:
    if row.to_user == row.owner_id:
        # Its founder again: he needs no row to own it.
        session.delete(successor)
    else:
        successor.role = MemberRole.OWNER.value
        successor.version += 1
    session.flush()


def _tell(session: Session, shown: Shown, users: Mapping[UUID, User], now: datetime) -> None:
    """The people of the business, both who were concerned, and the audit log."""
    row = shown.row
    session.add(
        AuditEntry(
            actor_id=row.to_user,
            channel="api",
            action="handed_over",
            table_name="organisation_members",
            row_key={"owner_id": str(row.owner_id)},
            before={"owner": str(row.from_user)},
            after={"owner": str(row.to_user)},
        )
    )
    # The ids, so that a name is found when its owner is erased.
    facts = {
        "business": shown.business_name,
        "from_name": shown.from_name,
        "from_id": str(row.from_user),
        "to_name": shown.to_name,
        "to_id": str(row.to_user),
    }
    raise_alert(session, party_id=row.owner_id, kind="business_handed_over", at=now, now=now, facts=facts)
    _text(session, [users[row.from_user], users[row.to_user]], notices.HANDED_OVER, shown, now)


def _text(session: Session, to: list[User], words: notices.Words, shown: Shown, now: datetime) -> None:
    for user in to:
        language = organisations.language_of(session, user.phone) or Language.FRENCH
        text = notices.text_of(words, language, business=shown.business_name, to_name=shown.to_name)
        queue_sms(session, to=user.phone, text=text, purpose=notices.PURPOSE, now=now)


def sweep(session: Session, now: datetime) -> int:
    """How many offers lapsed."""
    return repository.expire_due(session, now)


def _check_named(session: Session, party_id: UUID) -> None:
    profile = profiles.profiles_of(session, party_id).get(party_id)
    rules.check_named("" if profile is None else profile.company_name)


def _snapshot(row: OwnershipOffer) -> OfferSnapshot:
    return OfferSnapshot(row.from_user, row.to_user, OfferState(row.state), row.expires_at)


def _close(row: OwnershipOffer, state: OfferState, now: datetime) -> None:
    row.state, row.answered_at = state.value, now


def _shown(session: Session, rows: list[OwnershipOffer]) -> list[Shown]:
    names = organisations.business_names(session, (row.owner_id for row in rows))
    people = organisations.users_by_id(session, (key for row in rows for key in (row.from_user, row.to_user)))
    return [
        Shown(row, names[row.owner_id], people[row.from_user].name, people[row.to_user].name) for row in rows
    ]


def _no_offer() -> NotFound:
    return NotFound("handover_not_found", "There is no such offer.")
