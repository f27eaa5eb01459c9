"""How far the clock of somebody's phone may be from ours when he dates what he did. Pure."""

from datetime import datetime, timedelta

from platform_api.errors import Invalid

MAX_CLOCK_AHEAD = timedelta(minutes=5)


def check_not_ahead(time: datetime, now: datetime) -> None:
    """Raises Invalid `time_in_future`."""
    if time > now + MAX_CLOCK_AHEAD:
        raise Invalid("time_in_future", "The time lies in the future.")
