"""Queries over exports, erasures and the access log."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Actor
from platform_api.orders.models import Order
from platform_api.orders.rules import UNDERWAY
from platform_api.pagination import PageQuery, fetch_page
from platform_api.privacy.models import AccessEntry, DataExport, Erasure
from platform_api.privacy.rules import STALE_AFTER, ErasureState, ExportState

Row = TypeVar("Row", DataExport, Erasure, AccessEntry)
_IN_PROGRESS = (ExportState.QUEUED.value, ExportState.RUNNING.value)
_OPEN = (ErasureState.ASKED.value, ErasureState.WAITING.value, ErasureState.RUNNING.value)


def find_subject(session: Session, user_id: UUID, *, lock: bool = False) -> User | None:
    statement = select(User).where(User.id == user_id).execution_options(populate_existing=True)
    return session.scalar(statement.with_for_update(key_share=True) if lock else statement)


def _visible(model: type[Row], actor: Actor) -> Select[Row]:
    statement = select(model)
    return statement if actor.is_administrator else statement.where(model.subject_id == actor.user_id)


def find_export(session: Session, actor: Actor, export_id: UUID) -> DataExport | None:
    return session.scalar(_visible(DataExport, actor).where(DataExport.id == export_id))


def page_exports(session: Session, actor: Actor, query: PageQuery) -> tuple[list[DataExport], str | None]:
    return fetch_page(session, _visible(DataExport, actor), [DataExport.created_at, DataExport.id], query)


def lock_export(session: Session, export_id: UUID) -> DataExport | None:
    statement = select(DataExport).where(DataExport.id == export_id).with_for_update()
    return session.scalar(statement.execution_options(populate_existing=True))


def export_in_progress(session: Session, subject_id: UUID) -> DataExport | None:
    return session.scalar(
        select(DataExport).where(DataExport.subject_id == subject_id, DataExport.state.in_(_IN_PROGRESS))
    )


def exports_since(session: Session, subject_id: UUID, moment: datetime) -> int:
    statement = select(func.count()).where(
        DataExport.subject_id == subject_id, DataExport.created_at >= moment
    )
    return session.scalar(statement) or 0


def stale_exports(session: Session, now: datetime) -> Sequence[UUID]:
    """Their task was lost, or its worker."""
    return session.scalars(
        select(DataExport.id).where(
            DataExport.state.in_(_IN_PROGRESS), DataExport.touched_at < now - STALE_AFTER
        )
    ).all()


def expired_exports(session: Session, now: datetime) -> Sequence[DataExport]:
    statement = select(DataExport).where(
        DataExport.state == ExportState.READY.value, DataExport.expires_at <= now
    )
    return session.scalars(statement.with_for_update(skip_locked=True)).all()


def exports_of(session: Session, subject_id: UUID) -> Sequence[DataExport]:
    return session.scalars(
        select(DataExport).where(DataExport.subject_id == subject_id).with_for_update()
    ).all()


def find_erasure(session: Session, actor: Actor, erasure_id: UUID, *, lock: bool = False) -> Erasure | None:
    statement = _visible(Erasure, actor).where(Erasure.id == erasure_id)
    return session.scalar(statement.with_for_update() if lock else statement)


def page_erasures(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Erasure], str | None]:
    return fetch_page(session, _visible(Erasure, actor), [Erasure.created_at, Erasure.id], query)


def open_erasure(session: Session, subject_id: UUID) -> Erasure | None:
    return session.scalar(
        select(Erasure).where(Erasure.subject_id == subject_id, Erasure.state.in_(_OPEN)).with_for_update()
    )


def hold_erasure(session: Session, erasure_id: UUID) -> Erasure | None:
    """None also when another task is working on it."""
    statement = select(Erasure).where(Erasure.id == erasure_id).with_for_update(skip_locked=True)
    return session.scalar(statement.execution_options(populate_existing=True))


def due_erasures(session: Session, now: datetime) -> Sequence[UUID]:
    waiting = and_(Erasure.state == ErasureState.WAITING.value, Erasure.due_at <= now)
    statement = select(Erasure.id).where(or_(waiting, Erasure.state == ErasureState.RUNNING.value))
    return session.scalars(statement.order_by(Erasure.due_at)).all()


def lapse_unconfirmed(session: Session, before: datetime) -> int:
    lapsed = session.scalars(
        update(Erasure)
        .where(Erasure.state == ErasureState.ASKED.value, Erasure.created_at < before)
        .values(state=ErasureState.LAPSED.value, code_hash="")
        .returning(Erasure.id)
    )
    return len(lapsed.all())


def orders_under_way(session: Session, driver_id: UUID) -> int:
    statement = select(func.count()).where(Order.driver_id == driver_id, Order.status.in_(UNDERWAY))
    return session.scalar(statement) or 0


def page_access(session: Session, actor: Actor, query: PageQuery) -> tuple[list[AccessEntry], str | None]:
    return fetch_page(session, _visible(AccessEntry, actor), [AccessEntry.id], query)


def drop_old_access(session: Session, now: datetime, *, days: int) -> int:
    dropped = session.scalars(
        delete(AccessEntry).where(AccessEntry.at < now - timedelta(days=days)).returning(AccessEntry.id)
    )
    return len(dropped.all())
