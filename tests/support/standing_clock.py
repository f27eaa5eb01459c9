"""A clock that stands: for tests of what comes back, expires or begins a new day while a busy machine asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from config import clock


@contextmanager
def clock_stands() -> Iterator[datetime]:
    """`config.clock` of this process (the API of `api_on` is in it) shows the time of the beginning throughout."""
    now_us = clock.now_us()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now_us", lambda: now_us)
        yield clock.now()
