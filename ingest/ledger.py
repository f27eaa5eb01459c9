"""What a batch did, device by device, as the columns of its row in `ingest_ledger`. Pure.

A batch has pings of hundreds of devices. To add to hundreds of counters would be hundreds of locked rows in each
batch; one row that is only ever added is none. `ingest.compactor` adds it to the counters later, for many batches at once.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.letter import Letter
from ingest.track import Ints, Pings
from telemetry.lateness import BUCKETS, bucket_of

NO_DEVICE = 0
DAY_US = 86_400_000_000

# Codes of a row's entries, as SQL reads them too (migration 0003). An amount is a number of pings but for two:
# LATENESS_MS is a sum, and EVENT_DAY a day of device time that pings of another day of arrival were stored for.
RECEIVED, STORED, DUPLICATE, LATE, LATENESS_MS, EVENT_DAY = range(6)
BUCKET = 100  # + a bucket of telemetry.lateness
REJECTED = 1000  # + the place of the reason in the row's `reasons`


class BooksError(ValueError):
    """A ping of some device was lost or counted twice on the way: a defect."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """Pings by their device (NO_DEVICE = none that is registered) and the arrival of their message."""

    device: Ints
    received_us: Ints

    def __len__(self) -> int:
        return len(self.device)

    def on(self, day: int) -> "Arrived":
        rows = np.flatnonzero(self.received_us // DAY_US == day)
        return Arrived(self.device[rows], self.received_us[rows])


NONE_ARRIVED = Arrived(np.empty(0, np.int64), np.empty(0, np.int64))


def arrived(pings: Pings) -> Arrived:
    return Arrived(pings.device, pings.received_us)


def all_but(pings: Pings, rows: Ints) -> Arrived:
    """The pings but for those rows."""
    others = np.ones(len(pings), bool)
    others[rows] = False
    return Arrived(pings.device[others], pings.received_us[others])


def in_all(parts: Sequence[Arrived]) -> Arrived:
    """All of them together."""
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else NONE_ARRIVED
    return Arrived(
        np.concatenate([part.device for part in filled]),
        np.concatenate([part.received_us for part in filled]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Fates:
    """All pings of a batch as they came, and what became of each: `received` is counted apart from the rest."""

    received: Arrived
    stored: Pings
    duplicate: Arrived
    late: Arrived  # of the stored ones
    letters: Sequence[Letter]

    @property
    def rejected(self) -> int:
        return sum(len(letter.refusals) for letter in self.letters)

    @property
    def reasons(self) -> dict[str, int]:
        """How many pings were refused for each reason."""
        return dict(Counter(each.reason for letter in self.letters for each in letter.refusals))


@dataclass(frozen=True, slots=True, eq=False)
class LedgerRow:
    """`devices[n]`, `codes[n]`, `amounts[n]` are one entry. `day`: since 1970, of the arrival, UTC."""

    day: int
    devices: Ints
    codes: NDArray[np.int16]
    amounts: Ints
    reasons: list[str]


def lateness_ms(pings: Pings) -> Ints:
    """Arrival minus device time; a clock that runs ahead is not late."""
    late: Ints = np.maximum(pings.received_us - pings.time_us, 0) // 1000
    return late


def ledger_rows(fates: Fates) -> list[LedgerRow]:
    """A row for each day of arrival, the earliest first.

    Raises BooksError unless received = stored + duplicate + rejected for each device and day.
    """
    if not len(fates.received):
        if len(fates.stored) or len(fates.duplicate) or fates.letters:
            raise BooksError("pings were counted that nobody received")
        return []
    days = fates.received.received_us // DAY_US
    if days.min() == days.max():
        return [_row(int(days[0]), fates)]
    parts = [(int(day), _on(fates, int(day))) for day in np.unique(days)]
    if sum(len(part.stored) for _, part in parts) < len(fates.stored):
        raise BooksError("a ping was stored on a day on which none was received")
    return [_row(day, part) for day, part in parts]


def _on(fates: Fates, day: int) -> Fates:
    stored = fates.stored
    return Fates(
        fates.received.on(day),
        stored.take(np.flatnonzero(stored.received_us // DAY_US == day)),
        fates.duplicate.on(day),
        fates.late.on(day),
        [letter for letter in fates.letters if letter.received_us // DAY_US == day],
    )


def _row(day: int, fates: Fates) -> LedgerRow:
    devices, place = np.unique(fates.received.device, return_inverse=True)
    counters = _Counters(devices)
    counters.count(RECEIVED, place)
    same = fates.stored.device is fates.received.device
    at = place if same else counters.places(fates.stored.device)
    counters.count(STORED, at)
    counters.count(DUPLICATE, counters.places(fates.duplicate.device))
    counters.count(LATE, counters.places(fates.late.device))
    reasons = _reasons(counters, fates.letters)
    counters.check(len(reasons))
    if len(fates.stored):
        _lateness(counters, at, lateness_ms(fates.stored))
        _event_days(counters, at, fates.stored, day)
    return LedgerRow(day, *counters.entries(), reasons)


class _Counters:
    """Entries being made: for each code a number for each device."""

    def __init__(self, devices: Ints) -> None:
        self._devices = devices
        self._dense: dict[int, Ints] = {}
        self._entries: list[tuple[Ints, Ints, Ints]] = []  # places of devices, codes, amounts

    def places(self, device: Ints) -> Ints:
        at = np.searchsorted(self._devices, device)
        if len(at) and (at.max() == len(self._devices) or (self._devices[at] != device).any()):
            raise BooksError("a ping was counted of a device of which none was received")
        return at

    def count(self, code: int, places: Ints) -> None:
        if len(places):
            self._dense[code] = np.bincount(places, minlength=len(self._devices))

    def add(self, places: Ints, codes: Ints, amounts: Ints) -> None:
        self._entries.append((places, codes, amounts))

    def check(self, reasons: int) -> None:
        codes = [STORED, DUPLICATE, *range(REJECTED, REJECTED + reasons)]
        known = sum(self._dense[code] for code in codes if code in self._dense)
        if not np.array_equal(self._dense[RECEIVED], known):
            raise BooksError("received = stored + duplicate + rejected does not hold for some device")
        if LATE in self._dense and (self._dense[LATE] > self._dense.get(STORED, 0)).any():
            raise BooksError("more pings were late than stored for some device")

    def sum_by_device(self, code: int, places: Ints, values: Ints) -> None:
        # In doubles, which hold sums of a batch exactly: 2^53 ms are 285,000 years.
        self._dense[code] = np.bincount(places, values, len(self._devices)).astype(np.int64)

    def entries(self) -> tuple[Ints, NDArray[np.int16], Ints]:
        for code, numbers in self._dense.items():
            places = np.flatnonzero(numbers)
            self.add(places, np.full(len(places), code), numbers[places])
        places, codes, amounts = (np.concatenate(column) for column in zip(*self._entries, strict=True))
        return self._devices[places], codes.astype(np.int16), amounts


def _reasons(counters: _Counters, letters: Sequence[Letter]) -> list[str]:
    """Counts what was refused; the reasons in the order of their codes."""
    refused: dict[str, list[int]] = {}
    for letter in letters:
        for refusal in letter.refusals:
            refused.setdefault(refusal.reason, []).append(letter.device_id)
    for number, devices in enumerate(refused.values()):
        counters.count(REJECTED + number, counters.places(np.array(devices, np.int64)))
    return list(refused)


def _lateness(counters: _Counters, places: Ints, late_ms: Ints) -> None:
    counters.sum_by_device(LATENESS_MS, places, late_ms)
    # A device's pings of one batch are in a few of the buckets: nearly all counts of the full table would be 0.
    found, amounts = np.unique(places * BUCKETS + bucket_of(late_ms), return_counts=True)
    counters.add(found // BUCKETS, BUCKET + found % BUCKETS, amounts)


def _event_days(counters: _Counters, places: Ints, stored: Pings, day: int) -> None:
    event_day = stored.time_us // DAY_US
    others = np.flatnonzero(event_day != day)
    if len(others):
        pairs = np.unique(np.stack([places[others], event_day[others]]), axis=1)
        counters.add(pairs[0], np.full(pairs.shape[1], EVENT_DAY), pairs[1])
