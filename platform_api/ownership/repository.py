"""Queries over offers of a business; each starts from whose they are."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.ownership.models import OwnershipOffer
from platform_api.ownership.rules import OfferState
from platform_api.pagination import PageQuery, fetch_page

_OPEN = OwnershipOffer.state == OfferState.OPEN.value


def find(
    session: Session,
    offer_id: UUID,
    *,
    owner_id: UUID | None = None,
    to_user: UUID | None = None,
    lock: bool = False,
) -> OwnershipOffer | None:
    """Of a business (`owner_id`), or to a person."""
    assert (owner_id is None) != (to_user is None)
    whose = OwnershipOffer.to_user == to_user if owner_id is None else OwnershipOffer.owner_id == owner_id
    statement = select(OwnershipOffer).where(OwnershipOffer.id == offer_id, whose)
    if lock:
        statement = statement.with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def page(session: Session, actor: Actor, query: PageQuery) -> tuple[list[OwnershipOffer], str | None]:
    """To himself, and those of the business for who manages it; newest first."""
    to_him = OwnershipOffer.to_user == actor.user_id
    seen = or_(to_him, OwnershipOffer.owner_id == actor.party_id) if actor.manages else to_him
    key = (OwnershipOffer.created_at, OwnershipOffer.id)
    return fetch_page(session, select(OwnershipOffer).where(seen), key, query)


def close_to(session: Session, owner_id: UUID, user_id: UUID, now: datetime) -> None:
    """Who goes is offered nothing any more. Before his membership is locked, as `service.accept` does."""
    to_him = update(OwnershipOffer).where(
        OwnershipOffer.owner_id == owner_id, OwnershipOffer.to_user == user_id, _OPEN
    )
    session.execute(to_him.values(state=OfferState.WITHDRAWN.value, answered_at=now))


def expire_due(session: Session, now: datetime, *, owner_id: UUID | None = None) -> int:
    """How many lapsed; of one business, or of all."""
    due = select(OwnershipOffer.id).where(_OPEN, OwnershipOffer.expires_at <= now)
    if owner_id is not None:
        due = due.where(OwnershipOffer.owner_id == owner_id)
    # One that somebody is answering is left to him.
    lapsed = update(OwnershipOffer).where(OwnershipOffer.id.in_(due.with_for_update(skip_locked=True)))
    values = lapsed.values(state=OfferState.EXPIRED.value, answered_at=now)
    return len(session.scalars(values.returning(OwnershipOffer.id)).all())
