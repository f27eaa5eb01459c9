"""A guess at how old a message is, for the price of a glance. Pure.

It decides only when a message is read, never what becomes of it: one that is taken for old waits its turn with the
backlog, and one that is not is looked at properly then (`ingest.intake`).
"""

import re
from typing import Final

# Native JSON has milliseconds in `t`, OwnTracks seconds in `tst`; others are not guessed at.
_TIME: Final = re.compile(rb'"(?:t":\s?(\d{13})|tst":\s?(\d{10}))(?=[,}\s])')
_FIRST_BYTES, _LAST_BYTES = 256, 512


def looks_old(payload: bytes, before_us: int) -> bool:
    """Whether both the first and the last ping of a body were made before a time, as far as can be seen."""
    first = _TIME.search(payload, 0, _FIRST_BYTES)
    if first is None or _time_us(first) >= before_us:
        return False
    *_, last = (first, *_TIME.finditer(payload, max(0, len(payload) - _LAST_BYTES)))
    return _time_us(last) < before_us


def _time_us(found: re.Match[bytes]) -> int:
    milliseconds, seconds = found.groups()
    return int(milliseconds) * 1_000 if milliseconds else int(seconds) * 1_000_000
