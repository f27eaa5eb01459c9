"""Whose retention policy an actor may read and set: pure decisions. What a policy may say is in `telemetry.retention`."""

from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Forbidden, Invalid
from telemetry.retention import RetentionError, RetentionPolicy, check


def owner_of(actor: Actor, carrier_id: UUID | None) -> UUID | None:
    """The carrier whose policy is meant; None = the platform's default, for administrators.

    Raises Forbidden `role_not_allowed`.
    """
    if actor.is_administrator:
        return carrier_id
    if actor.role is not Role.CARRIER or carrier_id not in (None, actor.party_id):
        raise Forbidden("role_not_allowed", "Only the carrier itself and administrators.")
    return actor.party_id


def check_policy(policy: RetentionPolicy, *, lateness_days: int) -> None:
    """Raises Invalid with the code of the limit that is broken."""
    try:
        check(policy, lateness_days=lateness_days)
    except RetentionError as error:
        raise Invalid(error.code, error.detail) from error
