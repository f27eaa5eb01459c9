"""Who may draw a geofence, and whom it may watch."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Invalid

MAX_GROUPS = 200


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom and from when a fence watches; both ids None = every vehicle. `valid_from` is event time."""

    vehicle_id: int | None
    carrier_id: UUID | None
    valid_from: datetime


def decide_watch(
    actor: Actor,
    *,
    vehicle_id: int | None,
    valid_from: datetime | None,
    carrying_since: datetime | None,
    now: datetime,
) -> Watch:
    """What the actor's fence may watch; without `valid_from` it judges what comes from now on.

    `carrying_since`: since when the vehicle carries an order of this shipper, None when it does not.
    A shipper sees a truck only while it works for him. Raises Forbidden.
    """
    start = valid_from or now
    if actor.is_administrator:
        return Watch(vehicle_id, None, start)
    if actor.role is Role.CARRIER:
        return Watch(vehicle_id, actor.carrier_id, start)
    if actor.role is not Role.SHIPPER:
        raise Forbidden("role_not_allowed", "Only for: shipper, carrier, administrator.")
    if vehicle_id is None or carrying_since is None:
        raise Forbidden("vehicle_not_yours", "A shipper's fence watches one vehicle that carries his order.")
    return Watch(vehicle_id, None, max(start, carrying_since))


def check_period(valid_from: datetime | None, valid_until: datetime | None) -> None:
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise Invalid("invalid_period", "valid_until must be after valid_from.")


def check_changeable(*, retired: bool, in_use: bool, redraws: bool) -> None:
    """A name may always change; the shape that an order under way is judged by may not. Raises Conflict."""
    if retired:
        raise Conflict("geofence_retired", "This geofence is retired.")
    if redraws:
        check_retirable(in_use=in_use)


def check_group_room(existing: int) -> None:
    if existing >= MAX_GROUPS:
        raise Conflict("too_many_groups", f"At most {MAX_GROUPS} groups.", limit=MAX_GROUPS)


def check_retirable(*, in_use: bool) -> None:
    if in_use:
        raise Conflict("geofence_in_use", "An order that is under way needs this geofence.")
