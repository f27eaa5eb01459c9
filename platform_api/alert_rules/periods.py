"""A schedule as the database keeps it: `[{"days": [1, ..., 7], "start": "22:00", "end": "06:00"}]`."""

from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from platform_api.alert_rules.rules import Period


def periods_of(stored: Iterable[Mapping[str, Any]]) -> tuple[Period, ...]:
    return tuple(
        Period(frozenset(each["days"]), time.fromisoformat(each["start"]), time.fromisoformat(each["end"]))
        for each in stored
    )
