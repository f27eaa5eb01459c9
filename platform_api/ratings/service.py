"""Ratings both ways. Under the order's row lock, so that of two who rate at once each sees the other's. The edge commits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Float, cast, func, or_, select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.errors import Conflict, NotFound
from platform_api.orders import service as orders
from platform_api.orders.rules import OrderStatus
from platform_api.pagination import PageQuery, fetch_page
from platform_api.ratings import rules
from platform_api.ratings.models import OrderRating
from platform_api.versions import check_version


@dataclass(frozen=True, slots=True)
class Summary:
    """Of what is seen; `average` None = never rated."""

    average: float | None
    count: int


def rate(
    session: Session, actor: Actor, order_id: UUID, *, stars: int, comment: str, now: datetime
) -> OrderRating:
    """A second one of the same side ends in the unique constraint: Conflict `rating_exists`."""
    order, facts = orders.locked_order(session, actor, order_id)
    pairing = rules.pairing(facts, actor)
    until = rules.check_ratable(OrderStatus(order.status), order.completed_at, now)
    other = session.scalar(
        select(OrderRating).where(OrderRating.order_id == order.id, OrderRating.side != pairing.side)
    )
    row = OrderRating(
        order_id=order.id,
        side=pairing.side,
        rater_id=pairing.rater_id,
        rated_id=pairing.rated_id,
        author_id=actor.user_id,
        stars=stars,
        comment=comment,
        shown_at=rules.shown_at(until, other_has_rated=other is not None, now=now),
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    if other is not None:
        other.shown_at = min(other.shown_at, now)
    return row


def change(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    stars: int | None,
    comment: str | None,
    expected: int | None,
    now: datetime,
) -> OrderRating:
    """Raises Conflict `not_rated`, `rating_fixed`."""
    orders.locked_order(session, actor, order_id)
    row = session.scalar(
        select(OrderRating).where(OrderRating.order_id == order_id, OrderRating.rater_id == actor.party_id)
    )
    if row is None:
        raise Conflict("not_rated", "You have not rated this order.")
    check_version(row.version, expected)
    rules.check_changeable(row.created_at, row.shown_at, now)
    if stars is not None:
        row.stars = stars
    if comment is not None:
        row.comment = comment
    row.version += 1
    row.updated_at = now
    return row


def of_order(session: Session, actor: Actor, order_id: UUID, now: datetime) -> list[OrderRating]:
    """One's own, and the other side's once it is seen."""
    order = orders.get_order(session, actor, order_id)
    statement = select(OrderRating).where(OrderRating.order_id == order.id).order_by(OrderRating.id)
    if not actor.is_administrator:
        seen = (OrderRating.shown_at <= now) & OrderRating.hidden_at.is_(None)
        statement = statement.where(or_(OrderRating.rater_id == actor.party_id, seen))
    return list(session.scalars(statement))


def of_party(
    session: Session, party_id: UUID, query: PageQuery, now: datetime
) -> tuple[list[OrderRating], str | None]:
    """What everybody sees of a party, newest first."""
    statement = select(OrderRating).where(
        OrderRating.rated_id == party_id, OrderRating.shown_at <= now, OrderRating.hidden_at.is_(None)
    )
    return fetch_page(session, statement, (OrderRating.shown_at, OrderRating.id), query)


def summary(session: Session, party_id: UUID, now: datetime) -> Summary:
    row = session.execute(
        select(cast(func.avg(OrderRating.stars), Float).label("average"), func.count().label("number")).where(
            OrderRating.rated_id == party_id, OrderRating.shown_at <= now, OrderRating.hidden_at.is_(None)
        )
    ).one()
    return Summary(None if row.average is None else round(row.average, 2), row.number)


def hide(session: Session, rating_id: int, *, hidden: bool, now: datetime) -> OrderRating:
    """By an administrator, when the words break the rules; can be taken back."""
    row = session.get(OrderRating, rating_id, with_for_update=True)
    if row is None:
        raise NotFound("rating_not_found", "There is no such rating.")
    row.hidden_at = now if hidden else None
    row.version += 1
    return row
