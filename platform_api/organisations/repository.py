"""Queries over members and invitations; each starts from whose they are."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import MemberRole
from platform_api.bids.models import Bid
from platform_api.bids.rules import BidStatus
from platform_api.fleet.models import Device, Vehicle
from platform_api.languages import Language
from platform_api.orders.models import Order
from platform_api.orders.rules import OrderStatus
from platform_api.organisations.models import Invitation, OrganisationMember
from platform_api.organisations.rules import InvitationState, JoinsAs
from platform_api.organisations.standing import handed_over
from platform_api.pagination import PageQuery, fetch_page
from platform_api.profiles.models import Profile

_ENDED = (OrderStatus.COMPLETED.value, OrderStatus.RESOLVED.value, OrderStatus.CANCELLED.value)


def lock_users(session: Session, user_ids: Iterable[UUID]) -> Mapping[UUID, User]:
    """In the order of their ids. Who joins, leaves, invites or removes holds these first."""
    statement = select(User).where(User.id.in_(set(user_ids))).order_by(User.id)
    # NO KEY: rows that refer to them go on being written.
    locked = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {user.id: user for user in session.scalars(locked)}


# Members ---------------------------------------------------------------------


def membership(session: Session, user_id: UUID, *, lock: bool = False) -> OrganisationMember | None:
    statement = select(OrganisationMember).where(OrganisationMember.user_id == user_id)
    if lock:
        statement = statement.with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


# Of its people besides the owner.
_MEMBERS = OrganisationMember.role.not_in((MemberRole.OWNER.value, MemberRole.FORMER.value))
# Of all who act for it.
_ACTS = OrganisationMember.role != MemberRole.FORMER.value


def find_member(
    session: Session, owner_id: UUID, user_id: UUID, *, lock: bool = False
) -> OrganisationMember | None:
    """Besides the owner."""
    statement = select(OrganisationMember).where(
        OrganisationMember.owner_id == owner_id, OrganisationMember.user_id == user_id, _MEMBERS
    )
    if lock:
        statement = statement.with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def page_members(
    session: Session, owner_id: UUID, query: PageQuery
) -> tuple[list[OrganisationMember], str | None]:
    """Who came first is first."""
    statement = select(OrganisationMember).where(OrganisationMember.owner_id == owner_id, _MEMBERS)
    key = (OrganisationMember.joined_at, OrganisationMember.user_id)
    return fetch_page(session, statement, key, query, newest_first=False)


def count_members(session: Session, owner_id: UUID) -> int:
    """Besides the owner."""
    statement = select(func.count()).where(OrganisationMember.owner_id == owner_id, _MEMBERS)
    return session.scalar(statement) or 0


def users_by_id(session: Session, user_ids: Iterable[UUID]) -> Mapping[UUID, User]:
    return {user.id: user for user in session.scalars(select(User).where(User.id.in_(set(user_ids))))}


def business_names(session: Session, owner_ids: Iterable[UUID]) -> Mapping[UUID, str]:
    """The company's name, else its owner's."""
    statement = (
        select(User.id, func.coalesce(func.nullif(Profile.company_name, ""), User.name))
        .outerjoin(Profile, Profile.user_id == User.id)
        .where(User.id.in_(set(owner_ids)))
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def language_of(session: Session, phone: str) -> Language | None:
    """What whoever has this phone likes to read; None when he has not said, or has no account."""
    statement = select(Profile.language).join(User, User.id == Profile.user_id).where(User.phone == phone)
    language = session.scalar(statement)
    return None if language is None else Language(language)


def holdings(session: Session, user_id: UUID) -> list[str]:
    """What of his own is not ended: in one query."""
    own = {
        "members": exists().where(OrganisationMember.owner_id == user_id),
        "orders": exists().where(
            or_(Order.shipper_id == user_id, Order.broker_id == user_id, Order.carrier_id == user_id),
            Order.status.not_in(_ENDED),
        ),
        "bids": exists().where(Bid.carrier_id == user_id, Bid.status == BidStatus.PLACED.value),
        "vehicles": exists().where(Vehicle.carrier_id == user_id),
        "devices": exists().where(Device.carrier_id == user_id),
        "drivers": exists().where(User.carrier_id == user_id),
    }
    row = session.execute(select(*(held.label(name) for name, held in own.items()))).one()
    return [name for name, held in zip(own, row, strict=True) if held]


# Invitations -----------------------------------------------------------------


def find_invitation(
    session: Session,
    invitation_id: UUID,
    *,
    owner_id: UUID | None = None,
    phone: str | None = None,
    lock: bool = False,
) -> Invitation | None:
    """Of a business (`owner_id`), or to a phone."""
    assert (owner_id is None) != (phone is None)
    statement = select(Invitation).where(Invitation.id == invitation_id)
    if owner_id is not None:
        statement = statement.where(Invitation.owner_id == owner_id)
    else:
        statement = statement.where(Invitation.phone == phone)
    if lock:
        statement = statement.with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def page_sent(
    session: Session, owner_id: UUID, query: PageQuery, *, drivers_only: bool
) -> tuple[list[Invitation], str | None]:
    statement = select(Invitation).where(Invitation.owner_id == owner_id)
    if drivers_only:
        statement = statement.where(Invitation.joins_as == JoinsAs.DRIVER.value)
    return fetch_page(session, statement, (Invitation.created_at, Invitation.id), query)


def page_received(
    session: Session, phone: str, query: PageQuery, now: datetime
) -> tuple[list[Invitation], str | None]:
    """Those that can still be answered."""
    statement = select(Invitation).where(
        Invitation.phone == phone,
        Invitation.state == InvitationState.OPEN.value,
        Invitation.expires_at > now,
    )
    return fetch_page(session, statement, (Invitation.created_at, Invitation.id), query)


def count_invitations(
    session: Session, owner_id: UUID, phone: str, *, since: datetime
) -> tuple[int, int, int]:
    """Open ones, those sent since then, and of these those to this phone."""
    open_now = func.count().filter(Invitation.state == InvitationState.OPEN.value)
    sent = func.count().filter(Invitation.created_at > since)
    to_phone = func.count().filter(Invitation.created_at > since, Invitation.phone == phone)
    row = session.execute(select(open_now, sent, to_phone).where(Invitation.owner_id == owner_id)).one()
    return row[0], row[1], row[2]


def belongs_to(session: Session, owner_id: UUID, phone: str) -> bool:
    """Whether this phone is the owner's, a member's or a driver's of his."""
    member = exists().where(
        OrganisationMember.user_id == User.id, OrganisationMember.owner_id == owner_id, _ACTS
    )
    # Who founded it and handed it over counts as a member, if he is one.
    founder = (User.id == owner_id) & ~handed_over(owner_id)
    statement = select(User.id).where(User.phone == phone, or_(founder, User.carrier_id == owner_id, member))
    return session.scalar(statement) is not None


def close_open(session: Session, owner_id: UUID, state: InvitationState, now: datetime) -> None:
    """All that are open of one business."""
    session.execute(
        update(Invitation)
        .where(Invitation.owner_id == owner_id, Invitation.state == InvitationState.OPEN.value)
        .values(state=state.value, answered_at=now)
    )


def expire_due(session: Session, now: datetime, *, owner_id: UUID | None = None) -> Sequence[UUID]:
    """The ids of those that lapsed; of one business, or of all."""
    due = select(Invitation.id).where(
        Invitation.state == InvitationState.OPEN.value, Invitation.expires_at <= now
    )
    if owner_id is not None:
        due = due.where(Invitation.owner_id == owner_id)
    # One that somebody is answering is left to him.
    due = due.with_for_update(skip_locked=True)
    expired = update(Invitation).where(Invitation.id.in_(due))
    values = expired.values(state=InvitationState.EXPIRED.value, answered_at=now)
    return session.scalars(values.returning(Invitation.id)).all()


def drop_old(session: Session, before: datetime) -> int:
    old = delete(Invitation).where(
        Invitation.state != InvitationState.OPEN.value, Invitation.answered_at < before
    )
    return len(session.scalars(old.returning(Invitation.id)).all())
