"""What keeps somebody from being erased, and what goes of the business that dies with its owner's account.

A business that was handed over is not its founder's any more: of it nothing goes with him.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, select, text
from sqlalchemy.orm import Session

from config.database import after_commit
from platform_api import spool
from platform_api.accounts.models import User
from platform_api.actor import MemberRole, Role
from platform_api.exports.models import BulkExport
from platform_api.exports.rules import file_name
from platform_api.fleet.service import end_revoked_after_commit
from platform_api.fleet_documents import service as fleet_documents
from platform_api.orders import contacts
from platform_api.organisations import repository as organisations
from platform_api.organisations import standing
from platform_api.organisations.rules import BUSINESSES, InvitationState
from platform_api.organisations.service import end_membership
from platform_api.privacy import repository

# Of what `organisations.repository.holdings` names; vehicles and devices cannot be given back, they go with him.
_IN_THE_WAY = ("orders", "bids", "members", "drivers")

# Of a business that nobody has any more. The order matters where rows refer to each other.
_OF_BUSINESS = {
    "webhooks": "DELETE FROM webhook_endpoints WHERE party_id = :party",
    "webhook_events": "DELETE FROM webhook_events WHERE party_id = :party",
    "alert_rules": "DELETE FROM alert_rules WHERE party_id = :party",
    "alerts": "DELETE FROM alerts WHERE party_id = :party",
    "schedules": "UPDATE order_schedules SET next_at = NULL, removed_at = coalesce(removed_at, :now)"
    " WHERE party_id = :party AND (removed_at IS NULL OR next_at IS NOT NULL)",
    # An order's body with names and telephones.
    "templates": "UPDATE order_templates SET name = '-', body = '{}', removed_at = coalesce(removed_at, :now)"
    " WHERE party_id = :party",
    # Drawn ones; those of orders are proof of the carriage.
    "geofences": "UPDATE geofences SET name = '-', retired_at = coalesce(retired_at, :now)"
    " WHERE owner_id = :party AND vehicle_id IS NULL",
    "vehicles": "UPDATE vehicles SET available = false, driver_id = NULL, name = '' WHERE carrier_id = :party",
    "credentials": "DELETE FROM mqtt_credentials WHERE device_id IN (SELECT id FROM devices WHERE carrier_id = :party)",
    "devices": "UPDATE devices SET disabled = true WHERE carrier_id = :party",
}
# Of a person, whatever his role.
_OF_PERSON = {
    "api_keys": "DELETE FROM api_keys WHERE user_id = :person",
    "answers": "DELETE FROM idempotency_keys WHERE user_id = :person",
}
# What the audit log and the alerts of others say of him.
_NAMED = (
    """
    UPDATE audit_log SET before = before - ARRAY['phone', 'name'], after = after - ARRAY['phone', 'name']
    WHERE (table_name = 'users' AND row_key = jsonb_build_object('id', CAST(:person AS text)))
       OR before ->> 'phone' = :phone OR after ->> 'phone' = :phone
    """,
    "UPDATE alerts SET facts = facts || jsonb_build_object('from_name', CAST(:name AS text))"
    " WHERE kind = 'business_handed_over' AND facts ->> 'from_id' = :person",
    "UPDATE alerts SET facts = facts || jsonb_build_object('to_name', CAST(:name AS text))"
    " WHERE kind = 'business_handed_over' AND facts ->> 'to_id' = :person",
)


def held_by(session: Session, subject: User) -> list[str]:
    """What must end before he can be erased: orders, or things and people of his business."""
    if Role(subject.role) not in BUSINESSES:
        return ["orders"] if repository.orders_under_way(session, subject.id) else []
    member = organisations.membership(session, subject.id)
    if member is not None and member.role == MemberRole.OWNER:
        return ["business"]
    if standing.is_handed_over(session, subject.id):
        return []
    return [name for name in organisations.holdings(session, subject.id) if name in _IN_THE_WAY]


def leave(session: Session, subject: User, now: datetime) -> None:
    """The business that he worked for goes on without him."""
    organisations.lock_users(session, [subject.id])
    end_membership(session, subject.id, now)


def close(session: Session, subject: User, now: datetime) -> dict[str, int]:
    """What is his alone, and his business if nobody else has it; rows by kind."""
    counts = _run(session, _OF_PERSON, person=subject.id)
    if Role(subject.role) not in BUSINESSES or standing.is_handed_over(session, subject.id):
        return counts
    party = subject.id
    organisations.close_open(session, party, InvitationState.REVOKED, now)
    counts["fleet_documents"] = fleet_documents.erase_of_vehicles(session, party)
    counts["contacts"] = contacts.forget_of(session, party, now)
    counts["bulk_exports"] = _drop_exports(session, party)
    counts |= _run(session, _OF_BUSINESS, party=party, now=now)
    end_revoked_after_commit(session)
    return counts


def _drop_exports(session: Session, party_id: UUID) -> int:
    rows = session.scalars(select(BulkExport).where(BulkExport.party_id == party_id).with_for_update()).all()
    for row in rows:
        after_commit(session, _deleter(file_name(row.id, row.format)))
        session.delete(row)
    return len(rows)


def _deleter(name: str) -> Callable[[], None]:
    return lambda: spool.delete(name)


def _run(session: Session, statements: dict[str, str], **values: object) -> dict[str, int]:
    counts = {}
    for name, statement in statements.items():
        given = {key: value for key, value in values.items() if f":{key}" in statement}
        result = session.execute(text(statement), given)
        assert isinstance(result, CursorResult)
        counts[name] = int(result.rowcount)
    return counts


def forget_named(session: Session, subject: User, pseudonym: str) -> None:
    """Before his number is taken from him."""
    values = {"person": str(subject.id), "phone": subject.phone, "name": pseudonym}
    for statement in _NAMED:
        session.execute(text(statement), {key: values[key] for key in values if f":{key}" in statement})
