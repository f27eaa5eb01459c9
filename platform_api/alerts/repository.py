"""Queries over alerts; each starts from one party's inbox."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.alerts.models import Alert
from platform_api.pagination import PageQuery, fetch_page

OPEN = (Alert.acknowledged_at.is_(None), Alert.withdrawn_at.is_(None))


# About a person's account and not about his business: for him alone, whoever he acts for.
_OF_A_PERSON = ("impersonated",)


def _his(actor: Actor) -> ColumnElement[bool]:
    of_business = Alert.party_id == actor.party_id
    if actor.party_id == actor.user_id:
        return of_business
    return or_(of_business, and_(Alert.party_id == actor.user_id, Alert.kind.in_(_OF_A_PERSON)))


def inbox(actor: Actor) -> Select[Alert]:
    return select(Alert).where(_his(actor))


def page_alerts(
    session: Session,
    actor: Actor,
    query: PageQuery,
    *,
    is_open: bool | None,
    kind: str | None,
    order_id: UUID | None,
) -> tuple[list[Alert], str | None]:
    """Newest told first; withdrawn ones are not open."""
    statement = inbox(actor)
    if is_open is True:
        statement = statement.where(*OPEN)
    elif is_open is False:
        statement = statement.where(~(OPEN[0] & OPEN[1]))
    if kind is not None:
        statement = statement.where(Alert.kind == kind)
    if order_id is not None:
        statement = statement.where(Alert.order_id == order_id)
    return fetch_page(session, statement, [Alert.id], query)


def find_alert(session: Session, actor: Actor, alert_id: int) -> Alert | None:
    """Locked."""
    return session.scalar(inbox(actor).where(Alert.id == alert_id).with_for_update())


def open_counts(session: Session, actor: Actor) -> dict[str, int]:
    """By severity; those without any are left out."""
    statement = (
        select(Alert.severity, func.count().label("number"))
        .where(_his(actor), *OPEN)
        .group_by(Alert.severity)
    )
    return {row.severity: row.number for row in session.execute(statement)}


def acknowledge_open(session: Session, actor: Actor, *, up_to: int | None, now: datetime) -> Sequence[int]:
    """Ids of those of the inbox that were acknowledged by this; `up_to`: of ids no greater."""
    statement = update(Alert).where(_his(actor), *OPEN)
    if up_to is not None:
        statement = statement.where(Alert.id <= up_to)
    done = statement.values(acknowledged_at=now, acknowledged_by=actor.user_id).returning(Alert.id)
    return session.scalars(done).all()


def newest(session: Session, actor: Actor, limit: int) -> Sequence[Alert]:
    """Oldest told first."""
    rows = session.scalars(inbox(actor).order_by(Alert.id.desc()).limit(limit)).all()
    return rows[::-1]


def of_ids(session: Session, actor: Actor, ids: Collection[int]) -> Sequence[Alert]:
    """Those of them that are in this inbox, oldest told first."""
    return session.scalars(inbox(actor).where(Alert.id.in_(ids)).order_by(Alert.id)).all()


def standing(session: Session, party_id: UUID, dedups: Collection[str]) -> Sequence[str]:
    """Those of them that the party was told of and that were not withdrawn."""
    statement = select(Alert.dedup).where(
        Alert.dedup.in_(dedups), Alert.party_id == party_id, Alert.withdrawn_at.is_(None)
    )
    return [dedup for dedup in session.scalars(statement) if dedup is not None]


def told(session: Session, dedup: str, party_id: UUID | None = None) -> Sequence[Alert]:
    """The rows of one thing that was told, locked; of one party, or of all."""
    statement = select(Alert).where(Alert.dedup == dedup).order_by(Alert.id)
    if party_id is not None:
        statement = statement.where(Alert.party_id == party_id)
    # Somebody may have acknowledged it between an earlier read in this session and the lock.
    return session.scalars(statement.with_for_update().execution_options(populate_existing=True)).all()
