"""Tells people that a document is about to expire: 30, 7 and 1 days before, and when it has."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.alerts import service as alerts
from platform_api.fleet.models import Vehicle
from platform_api.fleet_documents import repository, rules
from platform_api.fleet_documents.models import FleetDocument, FleetDocumentKind
from platform_api.fleet_documents.service import reminder_key


def remind(session: Session, now: datetime, limit: int = 200) -> int:
    """How many documents somebody was told about. Each reminder is told once.

    Where several days have come since the last look (the document was handed in late, or nobody swept), only
    the most urgent is told.
    """
    due = repository.hold_due(session, now.date(), limit)
    drivers = [document.driver_id for document, _, _ in due if document.driver_id is not None]
    people = repository.people(session, drivers)
    for document, kind, vehicle in due:
        days = rules.reached(document.expires_on, now.date())
        repository.note_told(session, document.id, days, now)
        driver = people.get(document.driver_id)
        for party_id in _parties(vehicle, driver):
            _tell(session, party_id, document, kind, vehicle, driver, days[-1], now)
    return len(due)


def _parties(vehicle: Vehicle | None, driver: User | None) -> list[UUID]:
    """Those who can do something about it: the carrier, and of a driver's document he himself."""
    if vehicle is not None:
        return [vehicle.carrier_id] if vehicle.carrier_id is not None else []
    assert driver is not None
    return [driver.id, *([driver.carrier_id] if driver.carrier_id is not None else [])]


def _tell(
    session: Session,
    party_id: UUID,
    document: FleetDocument,
    kind: FleetDocumentKind,
    vehicle: Vehicle | None,
    driver: User | None,
    days: int,
    now: datetime,
) -> None:
    assert document.expires_on is not None
    subject = vehicle.plate if vehicle is not None else driver.name if driver is not None else ""
    alerts.raise_alert(
        session,
        party_id=party_id,
        kind="fleet_document_expired" if days == rules.EXPIRED else "fleet_document_expiring",
        at=now,
        now=now,
        vehicle_id=document.vehicle_id,
        facts={
            "document_fr": kind.name_fr,
            "document_en": kind.name_en,
            "number": document.number or "-",
            "subject": subject,
            "expires_on": document.expires_on.strftime("%d/%m/%Y"),
            "days_left": (document.expires_on - now.date()).days,
        },
        dedup=reminder_key(document.id, days),
    )
