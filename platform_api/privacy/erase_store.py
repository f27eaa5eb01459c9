"""SQL of an erasure outside of telemetry; telemetry is ingest's, which is asked by rows of `phone_erasures`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, delete, func, select, text, update
from sqlalchemy.orm import Session

from platform_api.accounts.models import SignInSession, User
from platform_api.brokerage import repository as brokerage
from platform_api.duty.models import DutyPeriod
from platform_api.execution.models import DriverAction
from platform_api.fleet_documents import service as fleet_documents
from platform_api.kyc import service as kyc
from platform_api.kyc.rules import IDENTITY, Kind
from platform_api.orders.models import OrderHistory
from platform_api.organisations import standing
from platform_api.organisations.models import Invitation
from platform_api.privacy.models import PhoneErasure
from platform_api.privacy.rules import PhoneSpan, erased_uid, hash_uid
from platform_api.profiles import repository as profiles

# A phone is his alone while it is his, and after he left as long as nobody else has it.
_PHONES = text("""
SELECT o.device_id, o.since, o.until, d.uid,
       d.user_id = :subject OR (d.user_id IS NULL AND d.disabled AND o.until =
           (SELECT max(l.until) FROM phone_owners l WHERE l.device_id = d.id)) AS his_alone
FROM phone_owners o JOIN devices d ON d.id = o.device_id WHERE o.user_id = :subject ORDER BY o.id
""")
_SHUT_OUT = text("UPDATE devices SET disabled = true, user_id = NULL, uid = :uid WHERE id = :id")
_FORGET_NAME = text("INSERT INTO erased_uids (uid_sha256) VALUES (:hash) ON CONFLICT DO NOTHING")
_OF_ERASED = (
    "EXISTS (SELECT FROM erased_uids WHERE uid_sha256 = encode(sha256(convert_to(client_id, 'UTF8')), 'hex'))"
)
_UNENDED = text(f"SELECT count(*) FROM mqtt_revocations WHERE {_OF_ERASED}")  # noqa: S608 - a constant
_FORGET_REVOKED = text(f"DELETE FROM mqtt_revocations WHERE {_OF_ERASED}")  # noqa: S608 - a constant
# What an order's history says of him and of his phones; other people's orders too, when his phone was in their truck.
_HISTORY = text("""
SELECT h.id FROM order_history h JOIN orders o ON o.id = h.order_id
WHERE h.id > :after AND (h.actor_id = :subject OR o.driver_id = :subject OR o.vehicle_id IN (
    SELECT a.vehicle_id FROM device_assignments a JOIN phone_owners p ON p.device_id = a.device_id
    WHERE p.user_id = :subject))
ORDER BY h.id LIMIT :most
""")

_OF_A_NUMBER = tuple(
    text(f"DELETE FROM {table} WHERE {which}")  # noqa: S608 - names of this module
    for table, which in (
        ("sms_messages", "phone = :phone"),
        ("one_time_codes", "phone = :phone"),
        ("registrations", "phone = :phone"),
        ("lockouts", "phone = :phone"),
        ("rate_limits", "split_part(key, '|', 2) = :phone"),
    )
)


@dataclass(frozen=True, slots=True)
class OwnedPhone:
    span: PhoneSpan
    uid: str
    his_alone: bool


def phones_of(session: Session, subject_id: UUID) -> list[OwnedPhone]:
    rows = session.execute(_PHONES, {"subject": subject_id})
    return [
        OwnedPhone(PhoneSpan(row.device_id, row.since, row.until), row.uid, bool(row.his_alone))
        for row in rows
    ]


def close_phone(session: Session, phone: OwnedPhone) -> None:
    """It cannot connect, its name is nobody's, and ingest keeps nothing that still comes under the old one."""
    device_id = phone.span.device_id
    session.execute(text("DELETE FROM mqtt_credentials WHERE device_id = :id"), {"id": device_id})
    session.execute(_FORGET_NAME, {"hash": hash_uid(phone.uid)})
    session.execute(_SHUT_OUT, {"id": device_id, "uid": erased_uid(device_id)})


def delete_sessions(session: Session, subject_id: UUID) -> int:
    """With their tokens."""
    deleted = session.scalars(
        delete(SignInSession).where(SignInSession.user_id == subject_id).returning(SignInSession.id)
    )
    return len(deleted.all())


def forget_number(session: Session, phone: str) -> None:
    """What is kept by phone number and not by account."""
    for statement in _OF_A_NUMBER:
        session.execute(statement, {"phone": phone})


def delete_duty(session: Session, subject_id: UUID) -> int:
    deleted = session.scalars(
        delete(DutyPeriod).where(DutyPeriod.user_id == subject_id).returning(DutyPeriod.id)
    )
    return len(deleted.all())


def delete_said_of_himself(session: Session, subject: User, now: datetime) -> dict[str, int]:
    """Papers and documents with their files, profile, invitations and proposals to his number; rows by kind."""
    invitations = delete(Invitation).where(Invitation.phone == subject.phone).returning(Invitation.id)
    # What proves the business and what it is called goes on with who has it now.
    handed_over = standing.is_handed_over(session, subject.id)
    return {
        "papers": kyc.erase(session, subject.id, IDENTITY if handed_over else tuple(Kind)),
        "fleet_documents": fleet_documents.erase(session, subject.id),
        "profile": profiles.erase_of(session, subject.id, keep_business=handed_over),
        "proposals": brokerage.forget_number(session, subject.phone, now),
        "invitations": len(session.scalars(invitations).all()),
    }


def take_off_vehicles(session: Session, subject_id: UUID) -> int:
    result = session.execute(
        text("UPDATE vehicles SET driver_id = NULL WHERE driver_id = :subject"), {"subject": subject_id}
    )
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


def unended_connections(session: Session) -> int:
    """Connections of erased phones that EMQX has not been told of yet."""
    return session.scalar(_UNENDED) or 0


def forget_revocations(session: Session) -> None:
    """The order to end a connection names the phone."""
    session.execute(_FORGET_REVOKED)


def open_phone_erasures(session: Session, erasure_id: UUID) -> int:
    statement = select(func.count()).where(
        PhoneErasure.erasure_id == erasure_id, PhoneErasure.finished_at.is_(None)
    )
    return session.scalar(statement) or 0


def erased_by_ingest(session: Session, erasure_id: UUID) -> dict[str, int]:
    total: dict[str, int] = {}
    for counts in session.scalars(select(PhoneErasure.counts).where(PhoneErasure.erasure_id == erasure_id)):
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    return total


def next_history(session: Session, subject_id: UUID, *, after: int, most: int) -> Sequence[OrderHistory]:
    ids: list[Any] = list(session.scalars(_HISTORY, {"subject": subject_id, "after": after, "most": most}))
    statement = select(OrderHistory).where(OrderHistory.id.in_(ids)).order_by(OrderHistory.id)
    return session.scalars(statement.with_for_update()).all()


def forget_where_he_spoke(session: Session, subject_id: UUID) -> int:
    """What he said of orders stays, as proof of the carriage; where he stood when he said it goes."""
    forgotten = session.scalars(
        update(DriverAction)
        .where(DriverAction.user_id == subject_id, DriverAction.lat.is_not(None))
        .values(lat=None, lon=None, accuracy_m=None)
        .returning(DriverAction.id)
    )
    return len(forgotten.all())
