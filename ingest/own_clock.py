"""How far this machine's time of day may be wrong, told by its other clock. Pure.

The monotonic clock is never set. Where the time of day moves against it, somebody has stepped it: a boot without a
battery clock that the network put right later, or a mistake. Which of the two times is the right one nobody here
can know, so that for a while a ping is only refused for its time where both would refuse it.
"""

from typing import Final

# After so long a new time of day is believed.
DOUBT_FOR_S: Final = 3600.0
# Less is how clocks are disciplined.
STEP_US: Final = 2_000_000


class OwnClock:
    """`speed`: how many of its seconds the time of day is meant to go in one of the monotonic clock."""

    def __init__(self, wall_us: int, monotonic_s: float, speed: float = 1.0) -> None:
        self._speed_us = speed * 1e6
        self._offset_us = wall_us - round(monotonic_s * self._speed_us)
        self._stepped_s: float | None = None  # monotonic, when the step was first seen

    def doubt_us(self, wall_us: int, monotonic_s: float) -> int:
        """By how much the time of day would be larger had it not been stepped; 0 = it was not."""
        doubt_us = self._offset_us + round(monotonic_s * self._speed_us) - wall_us
        if abs(doubt_us) < STEP_US:
            self._stepped_s = None
            return 0
        if self._stepped_s is None:
            self._stepped_s = monotonic_s
        if monotonic_s - self._stepped_s > DOUBT_FOR_S:
            self._offset_us += -doubt_us
            self._stepped_s = None
            return 0
        return doubt_us
