"""When the positions of drivers' phones may be taken: windows of event time, and which pings lie outside. Pure.

A phone that belongs to a driver is followed only while he drives an order or has said himself that he is on duty
(`phone_windows`). Of everything else not even a refused copy is kept. Trackers, and phones that belong to nobody,
have no windows and are not looked at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np

from ingest.track import Ints, groups

FOREVER_US: Final = 2**62
_NO_ROWS: Final = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Closed intervals of microseconds that neither touch nor overlap, ascending."""

    opens_us: Ints
    closes_us: Ints

    def outside(self, time_us: Ints) -> np.ndarray:
        """True for each time that no window holds."""
        if not len(self.opens_us):
            return np.ones(len(time_us), bool)
        place = np.searchsorted(self.opens_us, time_us, side="right") - 1
        # Before the first one `place` is -1, which is the last: its end says nothing then.
        inside: np.ndarray = (place >= 0) & (time_us <= self.closes_us[place])
        return ~inside


def windows_of(spans: Iterable[tuple[int, int | None]], tolerance_us: int = 0) -> Windows:
    """Windows of spans that may overlap, each wider by the tolerance at both ends; None = has not ended."""
    merged: list[list[int]] = []
    for opens_us, closes_us in sorted((a, FOREVER_US if b is None else b) for a, b in spans):
        # An order that was delivered before it was assigned, by another's clock, is a moment.
        first = opens_us - tolerance_us
        last = min(max(opens_us, closes_us) + tolerance_us, FOREVER_US)
        if merged and first <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    pairs = np.array(merged, np.int64).reshape(-1, 2)
    return Windows(pairs[:, 0].copy(), pairs[:, 1].copy())


@dataclass(frozen=True, slots=True, eq=False)
class Phones:
    """All phones that belong to drivers, disabled ones too."""

    windows: Mapping[int, Windows]  # device id -> when it may be followed
    uids: frozenset[str]
    erased: frozenset[str]  # `hash_of` uids of phones whose driver had his data erased
    ids: Ints

    def off_duty(self, device: Ints, time_us: Ints) -> Ints:
        """The rows of a private phone's pings that lie outside of its windows."""
        if not len(self.ids):
            return _NO_ROWS
        rows = np.flatnonzero(np.isin(device, self.ids))
        if not len(rows):
            return _NO_ROWS
        rows = rows[np.argsort(device[rows], kind="stable")]
        refused = np.empty(len(rows), bool)
        for start, stop in zip(*(bound.tolist() for bound in groups(device[rows])), strict=True):
            windows = self.windows[int(device[rows[start]])]
            refused[start:stop] = windows.outside(time_us[rows[start:stop]])
        return np.sort(rows[refused])

    def is_private(self, uid: str | None) -> bool:
        """Whether nothing may be kept of what this device sends but what is stored as its pings."""
        return uid is not None and (uid in self.uids or self.is_erased(uid))

    def is_erased(self, uid: str | None) -> bool:
        """Whether not even the name may be kept."""
        return uid is not None and bool(self.erased) and hash_of(uid) in self.erased


def phones_of(windows: Mapping[int, Windows], uids: Iterable[str], erased: Iterable[str] = ()) -> Phones:
    return Phones(dict(windows), frozenset(uids), frozenset(erased), np.array(sorted(windows), np.int64))


# Where every position of every phone is taken (MESS_PHONE_PRIVACY=always).
NOBODY: Final = phones_of({}, ())


def hash_of(uid: str) -> str:
    """As `erased_uids` has it; platform_api writes the same."""
    return sha256(uid.encode()).hexdigest()
