"""When a vehicle cannot be had."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from platform_api.errors import Conflict, Invalid


class Reason(StrEnum):
    MAINTENANCE = "maintenance"
    BREAKDOWN = "breakdown"
    INSPECTION = "inspection"
    CREW = "crew"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open; `end` None = until somebody ends it."""

    start: datetime
    end: datetime | None
    reason: Reason

    def holds(self, moment: datetime) -> bool:
        return self.start <= moment and (self.end is None or moment < self.end)


def check_period(start: datetime, end: datetime | None) -> None:
    """Raises Invalid `unavailability_backwards`."""
    if end is not None and end <= start:
        raise Invalid("unavailability_backwards", "It ends after it begins.")


def check_available(periods: Iterable[Period], at: datetime) -> None:
    """Raises Conflict `vehicle_unavailable` for a vehicle that cannot be had at that moment."""
    for period in periods:
        if period.holds(at):
            raise Conflict(
                "vehicle_unavailable",
                f"The vehicle cannot be had now: {period.reason}.",
                reason=period.reason.value,
            )
