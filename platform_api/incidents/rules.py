"""What can happen on the road, how grave it is, and who may report and close it: pure decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.device_clock import check_not_ahead
from platform_api.errors import Forbidden, Invalid

MAX_FILES = 10
# Told weeks later it is no report from the road.
OLDEST = timedelta(days=30)


class Kind(StrEnum):
    ACCIDENT = "accident"
    BREAKDOWN = "breakdown"
    THEFT = "theft"
    CARGO_DAMAGE = "cargo_damage"
    CHECKPOINT = "checkpoint"
    ROAD_CLOSED = "road_closed"
    DELAY = "delay"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class About:
    severity: str
    fr: str
    en: str


ABOUT: Mapping[Kind, About] = MappingProxyType(
    {
        Kind.ACCIDENT: About("critical", "accident", "accident"),
        Kind.BREAKDOWN: About("warning", "panne", "breakdown"),
        Kind.THEFT: About("critical", "vol", "theft"),
        Kind.CARGO_DAMAGE: About("critical", "marchandise endommagée", "cargo damaged"),
        Kind.CHECKPOINT: About("warning", "contrôle routier", "checkpoint"),
        Kind.ROAD_CLOSED: About("warning", "route coupée", "road closed"),
        Kind.DELAY: About("info", "retard", "delay"),
        Kind.OTHER: About("info", "autre", "other"),
    }
)


def check_reporter(actor: Actor) -> UUID:
    """The carrier whose incident it is. Raises Forbidden `role_not_allowed`, `driver_without_carrier`."""
    if actor.role is Role.DRIVER and actor.carrier_id is None:
        raise Forbidden("driver_without_carrier", "You drive for no carrier.")
    if actor.role not in (Role.DRIVER, Role.CARRIER) or actor.carrier_id is None:
        raise Forbidden("role_not_allowed", "Drivers and carriers report incidents.")
    return actor.carrier_id


def happened(at: datetime | None, now: datetime) -> datetime:
    """Raises Invalid `time_in_future`, `incident_too_old`."""
    time = at or now
    check_not_ahead(time, now)
    if time < now - OLDEST:
        raise Invalid("incident_too_old", "An incident is reported within 30 days.")
    return min(time, now)
