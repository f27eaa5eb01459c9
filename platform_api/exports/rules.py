"""What may be exported in bulk, and how far an export is."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from platform_api.errors import Conflict, Invalid, NotFound

MAX_PERIOD = timedelta(days=366)
# The file then ends, and says so by its number of rows: ask again from there.
MAX_ROWS = 1_000_000
MAX_ATTEMPTS = 3
# A task that has not been heard of for so long is dead.
STALE_AFTER = timedelta(minutes=5)


class Kind(StrEnum):
    ORDERS = "orders"
    ALERTS = "alerts"


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


IN_PROGRESS = frozenset({State.QUEUED, State.RUNNING})


def check_period(start: datetime, end: datetime) -> None:
    if end <= start:
        raise Invalid("invalid_period", "The end must be after the beginning.")
    if end - start > MAX_PERIOD:
        raise Invalid("period_too_long", "An export covers at most 366 days.")


def check_download(state: State) -> None:
    if state is State.DELETED:
        raise NotFound("export_expired", "This export was deleted; ask for a new one.")
    if state is not State.READY:
        raise Conflict("export_not_ready", f"This export is {state}.", state=state)


def file_name(export_id: UUID, form: str) -> str:
    return f"bulk-{export_id}.{form}"
