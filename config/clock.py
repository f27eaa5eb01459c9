"""The only place that reads the wall clock; everything else takes `now`."""

from datetime import UTC, datetime


def now() -> datetime:
    """Aware UTC."""
    return datetime.now(UTC)
