"""Documents of vehicles and drivers: kept, replaced, shown, and asked before a load is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.alerts import service as alerts
from platform_api.alerts.models import Alert
from platform_api.errors import Forbidden, NotFound
from platform_api.files import service as files
from platform_api.files.models import File
from platform_api.fleet import repository as fleet_repository
from platform_api.fleet import service as fleet
from platform_api.fleet.models import Vehicle
from platform_api.fleet_documents import repository, rules
from platform_api.fleet_documents.models import FleetDocument, FleetDocumentKind
from platform_api.fleet_documents.rules import LicenceClass, Paper, Subject
from platform_api.versions import check_version

# What `check_assignable` may answer, for the endpoints that give a load to a vehicle.
ASSIGNABLE_ERRORS = (
    "vehicle_documents_expired",
    "vehicle_documents_missing",
    "driver_licence_expired",
    "driver_documents_expired",
    "driver_documents_missing",
)


def list_kinds(session: Session) -> Sequence[FleetDocumentKind]:
    return session.scalars(
        select(FleetDocumentKind).order_by(FleetDocumentKind.position, FleetDocumentKind.code)
    ).all()


def find_kind(session: Session, code: str, *, lock: bool = False) -> FleetDocumentKind:
    """Raises NotFound `fleet_document_kind_not_found`."""
    statement = select(FleetDocumentKind).where(FleetDocumentKind.code == code)
    row = session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound("fleet_document_kind_not_found", "There is no such kind of document.")
    return row


def change_kind(
    session: Session, actor: Actor, code: str, changes: Mapping[str, Any], *, expected: int | None
) -> FleetDocumentKind:
    """For administrators: its names, and whether it is required. Raises PreconditionFailed `version_mismatch`."""
    if not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Only administrators change the kinds of documents.")
    row = find_kind(session, code, lock=True)
    check_version(row.version, expected)
    for name, value in changes.items():
        setattr(row, name, value)
    row.version += 1
    return row


@dataclass(frozen=True, slots=True)
class Upload:
    """A document as it is handed in: of a vehicle or of a driver, the other one is None."""

    kind: str
    vehicle_id: int | None
    driver_id: UUID | None
    number: str
    issued_on: date | None
    expires_on: date | None
    licence_classes: tuple[LicenceClass, ...]
    file_id: UUID


def upload(session: Session, actor: Actor, wanted: Upload, *, now: datetime) -> FleetDocument:
    """Keep a document; the current one of this kind ends, and what was told about it with it.

    Raises NotFound `fleet_document_kind_not_found`, `vehicle_not_found`, `driver_not_found`, `file_not_found`,
    Forbidden `role_not_allowed`, and as `rules.check_paper`.
    """
    about = Subject.VEHICLE if wanted.vehicle_id is not None else Subject.DRIVER
    rules.check_uploads(actor, about)
    kind = find_kind(session, wanted.kind)
    _lock_subject(session, actor, wanted)
    paper = Paper(
        kind=kind.code,
        subject=Subject(kind.subject),
        expires=kind.expires,
        is_licence=kind.is_licence,
        issued_on=wanted.issued_on,
        expires_on=wanted.expires_on,
        licence_classes=wanted.licence_classes,
    )
    rules.check_paper(paper, about=about, today=now.date())
    file = files.use(session, actor, wanted.file_id, now=now)
    old = _current(session, wanted)
    if old is not None:
        _end(session, old, now)
    row = FleetDocument(
        kind=kind.code,
        vehicle_id=wanted.vehicle_id,
        driver_id=wanted.driver_id,
        number=wanted.number,
        issued_on=wanted.issued_on,
        expires_on=wanted.expires_on,
        licence_classes=[one.value for one in wanted.licence_classes],
        file_id=file.id,
        uploaded_by=actor.user_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    if old is not None:
        old.replaced_by = row.id
    return row


def _lock_subject(session: Session, actor: Actor, wanted: Upload) -> None:
    """Two who hand in the same kind at once come one after the other."""
    if wanted.vehicle_id is not None:
        fleet.get_vehicle(session, actor, wanted.vehicle_id, lock=True)
    elif actor.role is Role.DRIVER:
        if wanted.driver_id != actor.user_id:
            raise NotFound("driver_not_found", "You have no such driver.")
        session.scalar(select(User).where(User.id == actor.user_id).with_for_update())
    else:
        fleet.check_own_driver(session, actor, wanted.driver_id)


def _current(session: Session, wanted: Upload) -> FleetDocument | None:
    rows = repository.current_documents(session, vehicle_id=wanted.vehicle_id, driver_id=wanted.driver_id)
    return next((row for row in rows if row.kind == wanted.kind), None)


def _end(session: Session, row: FleetDocument, now: datetime) -> None:
    row.ended_at = now
    for days in rules.REMINDERS:
        alerts.end_alert(session, reminder_key(row.id, days), at=now, now=now)
    session.flush()  # one current document of a kind: the old one ends before the new one begins


def reminder_key(document_id: UUID, days: int) -> str:
    """Under which an alert about a document is raised once, and ended."""
    return f"fleet-document/{document_id}/{days}"


def get_document(session: Session, actor: Actor, document_id: UUID) -> FleetDocument:
    """Raises NotFound `fleet_document_not_found`, also for one that is not the actor's to see."""
    row = repository.find_document(session, actor, document_id)
    if row is None:
        raise NotFound("fleet_document_not_found", "There is no such document.")
    return row


def content(session: Session, actor: Actor, document_id: UUID) -> File:
    return files.get(session, get_document(session, actor, document_id).file_id)


def take_back(session: Session, actor: Actor, document_id: UUID, *, now: datetime) -> None:
    """It was a mistake: it ends and nothing replaces it. It stays in the history. Again is harmless."""
    row = get_document(session, actor, document_id)
    rules.check_uploads(actor, Subject.VEHICLE if row.vehicle_id is not None else Subject.DRIVER)
    session.refresh(row, with_for_update=True)
    if row.ended_at is None:
        _end(session, row, now)


def check_assignable(session: Session, vehicle_id: int, driver_id: UUID, at: datetime) -> None:
    """May this vehicle and driver be given a load at that time? Whoever asks: call it under the vehicle's lock.

    Raises Conflict `vehicle_documents_expired`, `driver_licence_expired`, `driver_documents_expired`; where
    MESS_FLEET_DOCUMENTS_REQUIRED is on also `vehicle_documents_missing`, `driver_documents_missing`.
    """
    rules.check_assignable(
        repository.required_of(session, vehicle_id, driver_id),
        on=at.date(),
        missing_blocks=get_settings().fleet_documents_required,
    )


def erase(session: Session, driver_id: UUID) -> int:
    """Documents of a driver who is erased, their files, and the alerts that name him; how many documents."""
    return _erase(session, FleetDocument.driver_id == driver_id)


def erase_of_vehicles(session: Session, carrier_id: UUID) -> int:
    """Of a carrier who is erased: a carte grise has his name and address. As `erase`."""
    vehicles = select(Vehicle.id).where(Vehicle.carrier_id == carrier_id)
    return _erase(session, FleetDocument.vehicle_id.in_(vehicles))


def _erase(session: Session, which: ColumnElement[bool]) -> int:
    gone = session.execute(
        delete(FleetDocument).where(which).returning(FleetDocument.id, FleetDocument.file_id)
    ).all()
    keys = [reminder_key(row.id, days) for row in gone for days in rules.REMINDERS]
    session.execute(delete(Alert).where(Alert.dedup.in_(keys)))
    files.drop(session, [row.file_id for row in gone])
    return len(gone)


def find_own_driver(session: Session, actor: Actor, driver_id: UUID) -> User:
    """A driver as his carrier, an administrator or he himself may look at him; NotFound `driver_not_found`."""
    user: User | None
    if actor.is_administrator or actor.user_id == driver_id:
        user = session.scalar(select(User).where(User.id == driver_id, User.role == Role.DRIVER.value))
    elif actor.role is Role.CARRIER:
        user = fleet_repository.find_driver(session, actor.carrier_id, driver_id)
    else:
        user = None
    if user is None:
        raise NotFound("driver_not_found", "You have no such driver.")
    return user
