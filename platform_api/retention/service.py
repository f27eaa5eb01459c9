"""How long a fleet's telemetry is kept: read it, set it, go back to the default. The edge commits."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.errors import NotFound
from platform_api.retention import repository, rules
from platform_api.retention.models import RetentionRow
from telemetry.retention import RetentionPolicy


@dataclass(frozen=True, slots=True)
class PolicyView:
    """`own`: set for this fleet; else what the platform has for all."""

    carrier_id: UUID | None
    policy: RetentionPolicy
    own: bool
    updated_at: datetime | None


def show_policy(session: Session, actor: Actor, carrier_id: UUID | None) -> PolicyView:
    owner = _owner(session, actor, carrier_id)
    row = repository.find(session, owner)
    if row is not None:
        return PolicyView(owner, _policy(row), True, row.updated_at)
    default = repository.find(session, None)
    if default is not None:
        return PolicyView(owner, _policy(default), False, default.updated_at)
    return PolicyView(
        owner, RetentionPolicy(ping_days=get_settings().ping_retention_days or None), False, None
    )


def set_policy(
    session: Session, actor: Actor, carrier_id: UUID | None, policy: RetentionPolicy, *, now: datetime
) -> PolicyView:
    """Ingest follows it within minutes; what it has deleted does not come back with a longer one."""
    owner = _owner(session, actor, carrier_id)
    rules.check_policy(policy, lateness_days=get_settings().lateness_days)
    values = {name: getattr(policy, name) for name in repository.POLICY}
    repository.save(session, {**values, "carrier_id": owner, "updated_at": now, "updated_by": actor.user_id})
    return show_policy(session, actor, carrier_id)


def reset_policy(session: Session, actor: Actor, carrier_id: UUID | None) -> PolicyView:
    """Back to what the platform has for all. Again is harmless."""
    repository.remove(session, _owner(session, actor, carrier_id))
    return show_policy(session, actor, carrier_id)


def _owner(session: Session, actor: Actor, carrier_id: UUID | None) -> UUID | None:
    owner = rules.owner_of(actor, carrier_id)
    if owner is not None and owner != actor.party_id and not repository.is_carrier(session, owner):
        raise NotFound("carrier_not_found", "There is no such carrier.")
    return owner


def _policy(row: RetentionRow) -> RetentionPolicy:
    return RetentionPolicy(**{name: getattr(row, name) for name in repository.POLICY})
