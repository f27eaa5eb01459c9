"""Queries over brokerages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.brokerage.models import Brokerage
from platform_api.brokerage.rules import BrokerageStatus
from platform_api.organisations import standing
from platform_api.pagination import PageQuery, fetch_page


def phone_of(session: Session, user_id: UUID) -> str:
    return session.scalars(select(User.phone).where(User.id == user_id)).one()


def party_with_phone(session: Session, phone: str) -> UUID | None:
    """The shipper whose owner has it."""
    person = select(User.id).where(User.phone == phone).scalar_subquery()
    owned = User.id.in_(standing.owned_by(person))
    return session.scalar(select(User.id).where(User.role == Role.SHIPPER, owned))


def is_broker(session: Session, user_id: UUID) -> bool:
    broker = exists().where(
        User.id == user_id, User.role == Role.BROKER, User.disabled.is_(False), ~standing.nobodys(User.id)
    )
    return session.scalar(select(broker)) is True


def proposals_since(session: Session, broker_id: UUID, since: datetime) -> int:
    statement = select(func.count()).where(
        Brokerage.broker_id == broker_id, Brokerage.proposed_by == "broker", Brokerage.created_at > since
    )
    return session.scalar(statement) or 0


def over(session: Session, before: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """(proposal, order) of those that wait for an answer since before, oldest first."""
    statement = (
        select(Brokerage.id, Brokerage.order_id)
        .where(Brokerage.status == BrokerageStatus.PROPOSED, Brokerage.created_at <= before)
        .order_by(Brokerage.created_at)
    )
    return [(row.id, row.order_id) for row in session.execute(statement.limit(limit))]


def forget_number(session: Session, phone: str, now: datetime) -> int:
    """Whoever had this number is gone: what was proposed to it is over; how many."""
    ended = (
        update(Brokerage)
        .where(Brokerage.customer_phone == phone)
        .values(customer_phone=None, status=BrokerageStatus.EXPIRED.value, answered_at=now)
    )
    return len(session.scalars(ended.returning(Brokerage.id)).all())


DAY = timedelta(days=1)


def _concerns(actor: Actor, phone: str) -> ColumnElement[bool]:
    if actor.role is Role.BROKER:
        return Brokerage.broker_id == actor.party_id
    asked = and_(Brokerage.customer_phone == phone, Brokerage.status == BrokerageStatus.PROPOSED)
    return or_(Brokerage.customer_id == actor.party_id, asked)


def find(session: Session, actor: Actor, phone: str, brokerage_id: UUID) -> Brokerage | None:
    """One that concerns the actor, fresh; only under the order's lock does it stay so."""
    statement = select(Brokerage).where(Brokerage.id == brokerage_id)
    if not actor.is_administrator:
        statement = statement.where(_concerns(actor, phone))
    return session.scalar(statement.execution_options(populate_existing=True))


def list_own(
    session: Session, actor: Actor, phone: str, query: PageQuery, status: BrokerageStatus | None
) -> tuple[list[Brokerage], str | None]:
    """Newest first."""
    statement = select(Brokerage)
    if not actor.is_administrator:
        statement = statement.where(_concerns(actor, phone))
    if status is not None:
        statement = statement.where(Brokerage.status == status)
    return fetch_page(session, statement, (Brokerage.created_at, Brokerage.id), query)
