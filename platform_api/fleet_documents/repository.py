"""Queries over documents of vehicles and drivers; each starts from what the actor may see."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, false, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.fleet.models import Vehicle
from platform_api.fleet_documents.models import FleetDocument, FleetDocumentKind, FleetDocumentReminder
from platform_api.fleet_documents.rules import (
    EXPIRING_DAYS,
    REMINDERS,
    DocumentState,
    Required,
    Subject,
)
from platform_api.pagination import PageQuery, fetch_page


def scoped(actor: Actor) -> Select[FleetDocument]:
    """A carrier sees those of its vehicles and drivers; a driver his own, and those of the truck he drives."""
    statement = select(FleetDocument)
    if actor.is_administrator:
        return statement
    if actor.role is Role.CARRIER:
        own_vehicle = exists().where(
            Vehicle.id == FleetDocument.vehicle_id, Vehicle.carrier_id == actor.carrier_id
        )
        own_driver = exists().where(User.id == FleetDocument.driver_id, User.carrier_id == actor.carrier_id)
        return statement.where(or_(own_vehicle, own_driver))
    if actor.role is Role.DRIVER:
        his_truck = exists().where(Vehicle.id == FleetDocument.vehicle_id, Vehicle.driver_id == actor.user_id)
        return statement.where(or_(FleetDocument.driver_id == actor.user_id, his_truck))
    return statement.where(false())


def find_document(session: Session, actor: Actor, document_id: UUID) -> FleetDocument | None:
    return session.scalar(scoped(actor).where(FleetDocument.id == document_id))


def page_documents(
    session: Session,
    actor: Actor,
    query: PageQuery,
    *,
    vehicle_id: int | None,
    driver_id: UUID | None,
    state: DocumentState | None,
    history: bool,
    today: date,
) -> tuple[list[FleetDocument], str | None]:
    """Newest first; `history` also those that ended."""
    statement = scoped(actor)
    if vehicle_id is not None:
        statement = statement.where(FleetDocument.vehicle_id == vehicle_id)
    if driver_id is not None:
        statement = statement.where(FleetDocument.driver_id == driver_id)
    if not history:
        statement = statement.where(FleetDocument.ended_at.is_(None))
    if state is not None:
        statement = statement.where(_in_state(state, today))
    return fetch_page(session, statement, [FleetDocument.created_at, FleetDocument.id], query)


def _in_state(state: DocumentState, today: date) -> ColumnElement[bool]:
    """`rules.state_of` in SQL."""
    expires_on, soon = FleetDocument.expires_on, today + timedelta(days=EXPIRING_DAYS)
    if state is DocumentState.EXPIRED:
        return expires_on < today
    if state is DocumentState.EXPIRING:
        return and_(expires_on >= today, expires_on <= soon)
    return or_(expires_on.is_(None), expires_on > soon)


def current_documents(
    session: Session, *, vehicle_id: int | None = None, driver_id: UUID | None = None
) -> Sequence[FleetDocument]:
    """Whoever asks: of one vehicle, or of one driver."""
    about = (
        FleetDocument.vehicle_id == vehicle_id
        if vehicle_id is not None
        else FleetDocument.driver_id == driver_id
    )
    statement = select(FleetDocument).where(about, FleetDocument.ended_at.is_(None))
    return session.scalars(statement.order_by(FleetDocument.kind)).all()


def required_of(session: Session, vehicle_id: int, driver_id: UUID) -> list[Required]:
    """Every kind that is asked for, with the current document of this vehicle or driver."""
    document = FleetDocument
    statement = (
        select(
            FleetDocumentKind.code,
            FleetDocumentKind.subject,
            FleetDocumentKind.is_licence,
            document.id,
            document.expires_on,
        )
        .outerjoin(
            document,
            and_(
                document.kind == FleetDocumentKind.code,
                document.ended_at.is_(None),
                or_(document.vehicle_id == vehicle_id, document.driver_id == driver_id),
            ),
        )
        .where(FleetDocumentKind.required)
        .order_by(FleetDocumentKind.position, FleetDocumentKind.code)
    )
    return [
        Required(row.code, Subject(row.subject), row.is_licence, row.id is not None, row.expires_on)
        for row in session.execute(statement)
    ]


def hold_due(
    session: Session, today: date, limit: int
) -> Sequence[Row[FleetDocument, FleetDocumentKind, Vehicle]]:
    """(document, kind, vehicle) of documents whose most urgent reminder has not been told; nobody else has them."""
    days = case(
        *(
            (FleetDocument.expires_on <= today + timedelta(days=reminder), reminder)
            for reminder in sorted(REMINDERS)
        )
    )
    told = exists().where(
        FleetDocumentReminder.document_id == FleetDocument.id, FleetDocumentReminder.days == days
    )
    statement = (
        select(FleetDocument, FleetDocumentKind, Vehicle)
        .join(FleetDocumentKind, FleetDocumentKind.code == FleetDocument.kind)
        .outerjoin(Vehicle, Vehicle.id == FleetDocument.vehicle_id)
        .where(
            FleetDocument.ended_at.is_(None),
            FleetDocument.expires_on <= today + timedelta(days=max(REMINDERS)),
            ~told,
        )
        .order_by(FleetDocument.expires_on)
        .limit(limit)
        .with_for_update(of=FleetDocument, skip_locked=True)
    )
    return session.execute(statement).all()


def note_told(session: Session, document_id: UUID, days: Sequence[int], now: datetime) -> None:
    rows = [{"document_id": document_id, "days": one, "at": now} for one in days]
    session.execute(insert(FleetDocumentReminder).values(rows).on_conflict_do_nothing())


def people(session: Session, ids: Sequence[UUID]) -> dict[UUID, User]:
    return {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
