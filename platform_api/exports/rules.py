"""What may be exported in bulk, and how far an export is."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from platform_api.api_keys.rules import Scope
from platform_api.errors import Invalid
from platform_api.privacy.rules import ExportState as State

MAX_PERIOD = timedelta(days=366)
# The file then ends, and says so by its number of rows: ask again from there.
MAX_ROWS = 1_000_000
MAX_ATTEMPTS = 3
# A task that has not been heard of for so long is dead.
STALE_AFTER = timedelta(minutes=5)


class Kind(StrEnum):
    ORDERS = "orders"
    ALERTS = "alerts"
    WAYBILLS = "waybills"
    INCIDENTS = "incidents"
    INTERVALS = "intervals"


# An export opens no more to an API key than the lists do.
READS: Mapping[Kind, Scope] = MappingProxyType(
    {
        Kind.ORDERS: Scope.ORDERS_READ,
        Kind.ALERTS: Scope.ALERTS_READ,
        Kind.WAYBILLS: Scope.ORDERS_READ,
        Kind.INCIDENTS: Scope.ORDERS_READ,
        Kind.INTERVALS: Scope.TELEMETRY_READ,
    }
)


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


IN_PROGRESS = frozenset({State.QUEUED, State.RUNNING})


def check_period(start: datetime, end: datetime) -> None:
    if end <= start:
        raise Invalid("invalid_period", "The end must be after the beginning.")
    if end - start > MAX_PERIOD:
        raise Invalid("period_too_long", "An export covers at most 366 days.")


def file_name(export_id: UUID, form: str) -> str:
    return f"bulk-{export_id}.{form}"
