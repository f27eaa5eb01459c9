"""A circuit breaker: an engine that is down is left alone for a while instead of being waited for."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Opens after `failures` in a row for `rest_s` seconds, then lets one through to try. Time is the caller's."""

    failures: int = 3
    rest_s: float = 60.0
    _failed: int = 0
    _open_until_s: float | None = None

    def allows(self, now_s: float) -> bool:
        if self._open_until_s is None:
            return True
        if now_s < self._open_until_s:
            return False
        # The one that is let through has the rest of a whole pause to come back.
        self._open_until_s = now_s + self.rest_s
        return True

    def succeeded(self) -> None:
        self._failed, self._open_until_s = 0, None

    def failed(self, now_s: float) -> None:
        self._failed += 1
        if self._failed >= self.failures:
            self._open_until_s = now_s + self.rest_s
