"""Tells people that a document is about to expire: 30, 7 and 1 days before, and when it has."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.alerts import service as alerts
from platform_api.fleet.models import Vehicle
from platform_api.fleet_documents import repository, rules
from platform_api.fleet_documents.models import FleetDocument, FleetDocumentKind
from platform_api.fleet_documents.service import reminder_key
from platform_api.organisations import standing
from platform_api.sms import service as sms

SMS_PURPOSE = "fleet_document_expired"


@dataclass(frozen=True, slots=True)
class _Reminder:
    """`subject`: the plate or the driver's name. `parties`: who can do something about it, the owner first."""

    document: FleetDocument
    kind: FleetDocumentKind
    subject: str
    parties: tuple[UUID, ...]
    expires_on: date
    days: int


def remind(session: Session, now: datetime, limit: int = 200) -> int:
    """How many documents somebody was told about. Each reminder is told once.

    Where several days have come since the last look (the document was handed in late, or nobody swept), only
    the most urgent is told. The last one is also sent to the owner by SMS.
    """
    due = repository.hold_due(session, now.date(), limit)
    drivers = repository.people(session, [one.driver_id for one, _, _ in due if one.driver_id is not None])
    reminders = [_reminder(*row, drivers, now.date()) for row in due]
    owners = standing.owners(session, [one.parties[0] for one in reminders if one.parties])
    for reminder in reminders:
        repository.note_told(
            session, reminder.document.id, rules.reached(reminder.expires_on, now.date()), now
        )
        for party_id in reminder.parties:
            _alert(session, party_id, reminder, now)
        if reminder.days == rules.EXPIRED and reminder.parties:
            _text(session, owners[reminder.parties[0]], reminder, now)
    return len(reminders)


def _reminder(
    document: FleetDocument,
    kind: FleetDocumentKind,
    vehicle: Vehicle | None,
    drivers: dict[UUID, User],
    today: date,
) -> _Reminder:
    assert document.expires_on is not None
    if vehicle is not None:
        subject, parties = vehicle.plate, [vehicle.carrier_id]
    else:
        assert document.driver_id is not None
        driver = drivers[document.driver_id]
        subject, parties = driver.name, [driver.carrier_id, driver.id]
    told = tuple(party_id for party_id in parties if party_id is not None)
    days = rules.reached(document.expires_on, today)[-1]
    return _Reminder(document, kind, subject, told, document.expires_on, days)


def _alert(session: Session, party_id: UUID, reminder: _Reminder, now: datetime) -> None:
    alerts.raise_alert(
        session,
        party_id=party_id,
        kind="fleet_document_expired" if reminder.days == rules.EXPIRED else "fleet_document_expiring",
        at=now,
        now=now,
        vehicle_id=reminder.document.vehicle_id,
        facts={
            "document_fr": reminder.kind.name_fr,
            "document_en": reminder.kind.name_en,
            "number": reminder.document.number or "-",
            "subject": reminder.subject,
            "expires_on": f"{reminder.expires_on:%d/%m/%Y}",
            "days_left": (reminder.expires_on - now.date()).days,
        },
        dedup=reminder_key(reminder.document.id, reminder.days),
    )


def _text(session: Session, owner: User, reminder: _Reminder, now: datetime) -> None:
    sms.queue(
        session,
        to=owner.phone,
        text=f"MESS: {reminder.kind.name_fr} ({reminder.subject}), valable jusqu'au {reminder.expires_on:%d/%m/%Y}, a expiré."
        " Aucun chargement sans document valable.",
        purpose=SMS_PURPOSE,
        now=now,
    )
