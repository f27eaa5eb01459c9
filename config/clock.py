"""The only place that reads the wall clock; everything else takes `now`.

For demonstrations and load trials the clock can run faster than the wall's
(`MESS_SIMULATION_ANCHOR`, `_START`, `_SPEED`): all processes given the same three agree on the time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from config.settings import Settings, get_settings


def now() -> datetime:
    """Aware UTC."""
    return datetime.fromtimestamp(now_us() / 1e6, UTC)


def now_us() -> int:
    """Microseconds since the Unix epoch."""
    return shown_us(get_settings())


def reader(settings: Settings) -> Callable[[], int]:
    """`now_us` for a hot path: the settings are looked at once."""
    if settings.simulation_anchor is None or settings.simulation_start is None:
        return lambda: time.time_ns() // 1000
    return lambda: shown_us(settings)


def shown_us(settings: Settings) -> int:
    """What the clock shows to a process with these settings, in microseconds since the Unix epoch."""
    wall_us = time.time_ns() // 1000
    if settings.simulation_anchor is None or settings.simulation_start is None:
        return wall_us
    anchor_us = round(settings.simulation_anchor * 1e6)
    start_us = round(settings.simulation_start * 1e6)
    return start_us + round((wall_us - anchor_us) * settings.simulation_speed)
