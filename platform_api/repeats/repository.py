"""Queries over templates, schedules and their days; each starts from the party."""

import datetime as dt
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.pagination import PageQuery, fetch_page
from platform_api.repeats.models import OrderSchedule, OrderTemplate, ScheduleOccurrence


def find_template(
    session: Session, actor: Actor, template_id: UUID, *, lock: bool = False
) -> OrderTemplate | None:
    statement = select(OrderTemplate).where(
        OrderTemplate.id == template_id,
        OrderTemplate.party_id == actor.party_id,
        OrderTemplate.removed_at.is_(None),
    )
    return session.scalar(statement.with_for_update() if lock else statement)


def list_templates(
    session: Session, actor: Actor, query: PageQuery
) -> tuple[list[OrderTemplate], str | None]:
    statement = select(OrderTemplate).where(
        OrderTemplate.party_id == actor.party_id, OrderTemplate.removed_at.is_(None)
    )
    return fetch_page(session, statement, (OrderTemplate.created_at, OrderTemplate.id), query)


def count_templates(session: Session, actor: Actor) -> int:
    kept = select(func.count()).where(
        OrderTemplate.party_id == actor.party_id, OrderTemplate.removed_at.is_(None)
    )
    return session.scalar(kept) or 0


def find_schedule(
    session: Session, actor: Actor, schedule_id: UUID, *, lock: bool = False
) -> OrderSchedule | None:
    statement = select(OrderSchedule).where(
        OrderSchedule.id == schedule_id,
        OrderSchedule.party_id == actor.party_id,
        OrderSchedule.removed_at.is_(None),
    )
    return session.scalar(statement.with_for_update() if lock else statement)


def list_schedules(
    session: Session, actor: Actor, query: PageQuery
) -> tuple[list[OrderSchedule], str | None]:
    statement = select(OrderSchedule).where(
        OrderSchedule.party_id == actor.party_id, OrderSchedule.removed_at.is_(None)
    )
    return fetch_page(session, statement, (OrderSchedule.created_at, OrderSchedule.id), query)


def count_schedules(session: Session, actor: Actor) -> int:
    kept = select(func.count()).where(
        OrderSchedule.party_id == actor.party_id, OrderSchedule.removed_at.is_(None)
    )
    return session.scalar(kept) or 0


def schedules_of(session: Session, template_id: UUID) -> Sequence[OrderSchedule]:
    statement = select(OrderSchedule).where(
        OrderSchedule.template_id == template_id, OrderSchedule.removed_at.is_(None)
    )
    return session.scalars(statement.order_by(OrderSchedule.id).with_for_update()).all()


def list_occurrences(
    session: Session, schedule_id: UUID, query: PageQuery
) -> tuple[list[ScheduleOccurrence], str | None]:
    statement = select(ScheduleOccurrence).where(ScheduleOccurrence.schedule_id == schedule_id)
    return fetch_page(session, statement, (ScheduleOccurrence.created_at, ScheduleOccurrence.id), query)


def days_since(session: Session, schedule_id: UUID, first: dt.date) -> set[dt.date]:
    """That have been dealt with."""
    statement = select(ScheduleOccurrence.date).where(
        ScheduleOccurrence.schedule_id == schedule_id, ScheduleOccurrence.date >= first
    )
    return set(session.scalars(statement))


def due(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    statement = select(OrderSchedule.id).where(
        OrderSchedule.next_at <= now, OrderSchedule.paused_at.is_(None), OrderSchedule.removed_at.is_(None)
    )
    return session.scalars(statement.order_by(OrderSchedule.next_at).limit(limit)).all()


def take_due(session: Session, schedule_id: UUID, now: datetime) -> OrderSchedule | None:
    """Locked, if it is due still and nobody else is at it."""
    statement = select(OrderSchedule).where(
        OrderSchedule.id == schedule_id,
        OrderSchedule.next_at <= now,
        OrderSchedule.paused_at.is_(None),
        OrderSchedule.removed_at.is_(None),
    )
    return session.scalar(
        statement.with_for_update(skip_locked=True).execution_options(populate_existing=True)
    )


def claim_day(session: Session, schedule_id: UUID, day: dt.date, now: datetime) -> ScheduleOccurrence | None:
    """None when this day has been dealt with: the unique index judges."""
    statement = (
        insert(ScheduleOccurrence)
        .values(schedule_id=schedule_id, date=day, created_at=now)
        .on_conflict_do_nothing()
        .returning(ScheduleOccurrence)
    )
    return session.scalars(statement).one_or_none()
