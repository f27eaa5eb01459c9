"""Queries over direct offers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.offers.models import Offer
from platform_api.offers.rules import OfferStatus
from platform_api.orders.models import Order
from platform_api.organisations import standing
from platform_api.pagination import PageQuery, fetch_page


def find_offer(session: Session, order_id: UUID, offer_id: UUID) -> Offer | None:
    """Fresh; only under the order's lock does it stay so."""
    statement = select(Offer).where(Offer.id == offer_id, Offer.order_id == order_id)
    return session.scalar(statement.execution_options(populate_existing=True))


def open_offers(session: Session, order_id: UUID) -> int:
    statement = select(func.count()).where(Offer.order_id == order_id, Offer.status == OfferStatus.OPEN)
    return session.scalar(statement) or 0


def open_offer_to(session: Session, order_id: UUID, carrier_id: UUID) -> Offer | None:
    statement = select(Offer).where(
        Offer.order_id == order_id, Offer.carrier_id == carrier_id, Offer.status == OfferStatus.OPEN
    )
    return session.scalar(statement.execution_options(populate_existing=True))


def hides(session: Session, order_id: UUID) -> bool:
    """Whether a private offer lives."""
    lives = exists().where(
        Offer.order_id == order_id, Offer.status == OfferStatus.OPEN, Offer.private.is_(True)
    )
    return session.scalar(select(lives)) is True


def carrier_phone(session: Session, carrier_id: UUID) -> str | None:
    """Of whose the carrier is; None when there is none, or it is nobody's."""
    owner = aliased(User)
    return session.scalar(
        select(owner.phone)
        .join(User, owner.id == standing.owner_of(User.id))
        .where(
            User.id == carrier_id,
            User.role == Role.CARRIER,
            User.disabled.is_(False),
            ~standing.nobodys(User.id),
        )
    )


def list_of_order(
    session: Session, order_id: UUID, query: PageQuery, *, only_of: UUID | None
) -> tuple[list[Offer], str | None]:
    """Newest first. `only_of`: one carrier's; None = all."""
    statement = select(Offer).where(Offer.order_id == order_id)
    if only_of is not None:
        statement = statement.where(Offer.carrier_id == only_of)
    return fetch_page(session, statement, (Offer.created_at, Offer.id), query)


def list_of_actor(
    session: Session, actor: Actor, query: PageQuery, status: OfferStatus | None
) -> tuple[list[Offer], str | None]:
    """Newest first: to the carrier, or on the orders that the actor runs."""
    statement = select(Offer)
    if actor.role is Role.CARRIER:
        statement = statement.where(Offer.carrier_id == actor.party_id)
    elif not actor.is_administrator:
        runs = func.coalesce(Order.broker_id, Order.shipper_id) == actor.party_id
        # The two columns first: they have indexes.
        his = or_(Order.broker_id == actor.party_id, Order.shipper_id == actor.party_id)
        statement = statement.join(Order, Order.id == Offer.order_id).where(his, runs)
    if status is not None:
        statement = statement.where(Offer.status == status)
    return fetch_page(session, statement, (Offer.created_at, Offer.id), query)


def open_offers_older_than_half(session: Session, now: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """(id, order id) of open offers that are over, or of whose time half is and nobody was reminded."""
    past_half = Offer.expires_at - now <= literal(now) - Offer.created_at
    due = or_(Offer.expires_at <= now, past_half & Offer.reminded_at.is_(None))
    statement = select(Offer.id, Offer.order_id).where(Offer.status == OfferStatus.OPEN, due)
    return [(offer_id, order_id) for offer_id, order_id in session.execute(statement.limit(limit))]
