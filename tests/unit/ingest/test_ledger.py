"""The row of a batch in the ledger: nothing is lost in it, and no batching changes what the rows add up to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ledger import (
    BUCKET,
    DAY_US,
    DUPLICATE,
    EVENT_DAY,
    LATE,
    LATENESS_MS,
    NO_DEVICE,
    RECEIVED,
    REJECTED,
    STORED,
    Arrived,
    BooksError,
    Fates,
    LedgerRow,
    all_but,
    arrived,
    in_all,
    ledger_rows,
)
from ingest.letter import Letter, Refusal
from ingest.ping import Ping
from ingest.track import Pings, from_pings
from telemetry.lateness import bucket_of

REASONS = ("malformed", "no_fix", "unknown_device")
DAY = 20_000
START_US = DAY * DAY_US


@dataclass(frozen=True, slots=True)
class Case:
    """One ping and its fate."""

    device: int
    received_us: int
    time_us: int
    fate: str  # stored, late, duplicate or a reason


def ints(values: Sequence[int]) -> np.ndarray:
    return np.array(values, np.int64)


def pings_of(cases: Sequence[Case]) -> Pings:
    return from_pings(
        [Ping(time_us=case.time_us, lat=14.7, lon=-17.4) for case in cases],
        ints([case.device for case in cases]),
        ints([case.received_us for case in cases]),
    )


def arrived_of(cases: Sequence[Case]) -> Arrived:
    return Arrived(ints([c.device for c in cases]), ints([c.received_us for c in cases]))


def fates_of(cases: Sequence[Case]) -> Fates:
    letters = [
        Letter(c.received_us, "t", c.device, None, b"", 0, [Refusal(c.fate, "")])
        for c in cases
        if c.fate in REASONS
    ]
    return Fates(
        arrived_of(cases),
        pings_of([c for c in cases if c.fate in ("stored", "late")]),
        arrived_of([c for c in cases if c.fate == "duplicate"]),
        arrived_of([c for c in cases if c.fate == "late"]),
        letters,
    )


def add_up(rows: Sequence[LedgerRow]) -> Counter[tuple[int, int, object]]:
    """(day, device, code or reason) -> amount; days of device time as a set of keys."""
    total: Counter[tuple[int, int, object]] = Counter()
    for row in rows:
        entries = zip(row.devices.tolist(), row.codes.tolist(), row.amounts.tolist(), strict=True)
        for device, code, amount in entries:
            if code == EVENT_DAY:
                total[row.day, device, ("on", amount)] = 1
            else:
                total[row.day, device, row.reasons[code - REJECTED] if code >= REJECTED else code] += amount
    return total


def expected(cases: Sequence[Case]) -> Counter[tuple[int, int, object]]:
    """The same by plain counting."""
    total: Counter[tuple[int, int, object]] = Counter()
    for case in cases:
        day = case.received_us // DAY_US
        total[day, case.device, RECEIVED] += 1
        if case.fate in REASONS:
            total[day, case.device, case.fate] += 1
        elif case.fate == "duplicate":
            total[day, case.device, DUPLICATE] += 1
        else:
            late_ms = max(0, case.received_us - case.time_us) // 1000
            total[day, case.device, STORED] += 1
            total[day, case.device, LATE] += case.fate == "late"
            total[day, case.device, LATENESS_MS] += late_ms
            total[day, case.device, BUCKET + bucket_of(ints([late_ms]))[0]] += 1
            if case.time_us // DAY_US != day:
                total[day, case.device, ("on", case.time_us // DAY_US)] = 1
    return +total


CASES = st.lists(
    st.builds(
        Case,
        device=st.sampled_from([NO_DEVICE, 1, 2, 7, 2**40]),
        received_us=st.integers(START_US - 1_000_000, START_US + 1_000_000),
        time_us=st.integers(START_US - 3 * DAY_US, START_US + 1_000_000),
        fate=st.sampled_from(["stored", "stored", "late", "duplicate", *REASONS]),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(CASES)
def test_the_rows_say_what_happened_and_nothing_else(cases: list[Case]) -> None:
    rows = ledger_rows(fates_of(cases))
    assert +add_up(rows) == expected(cases)
    assert [row.day for row in rows] == sorted({case.received_us // DAY_US for case in cases})


@settings(deadline=None)
@given(CASES, st.lists(st.integers(0, 40), max_size=5))
def test_no_batching_changes_what_they_add_up_to(cases: list[Case], cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(cases)) for cut in cuts), len(cases)]
    parts = [cases[a:b] for a, b in pairwise(bounds)]
    rows = [row for part in parts for row in ledger_rows(fates_of(part))]
    assert +add_up(rows) == +add_up(ledger_rows(fates_of(cases)))


@settings(deadline=None)
@given(CASES)
def test_an_entry_is_written_once_and_never_for_nothing(cases: list[Case]) -> None:
    for row in ledger_rows(fates_of(cases)):
        assert len(row.devices) == len(row.codes) == len(row.amounts)
        assert (row.amounts > 0).all()
        keys = list(zip(row.devices.tolist(), row.codes.tolist(), strict=True))
        once = [key for key in keys if key[1] != EVENT_DAY]
        assert len(once) == len(set(once))


def case(device: int = 1, *, seconds: int = 0, fate: str = "stored", late_s: int = 1) -> Case:
    received_us = START_US + 3_600_000_000 + seconds * 1_000_000
    return Case(device, received_us, received_us - late_s * 1_000_000, fate)


def test_a_clock_that_runs_ahead_is_not_late() -> None:
    total = add_up(ledger_rows(fates_of([case(late_s=-200)])))
    assert total[DAY, 1, LATENESS_MS] == 0
    assert total[DAY, 1, BUCKET] == 1


def test_nothing_is_no_row() -> None:
    assert ledger_rows(fates_of([])) == []


class TestBooksThatDoNotBalance:
    """Whatever is lost or counted twice on the way is found before the commit."""

    cases = (case(1), case(2), case(1, seconds=1, fate="duplicate"), case(2, seconds=1, fate="no_fix"))

    def refused(self, **changes: object) -> None:
        fates = replace(fates_of(self.cases), **changes)  # type: ignore[arg-type]
        with pytest.raises(BooksError):
            ledger_rows(fates)

    def test_they_balance(self) -> None:
        assert len(ledger_rows(fates_of(self.cases))) == 1

    def test_a_stored_ping_too_few(self) -> None:
        self.refused(stored=pings_of(self.cases[:1]))

    def test_one_device_for_another(self) -> None:
        """The sum is right, and that of both devices is wrong."""
        self.refused(duplicate=arrived_of([case(2, fate="duplicate")]))

    def test_a_device_that_sent_nothing(self) -> None:
        self.refused(duplicate=arrived_of([case(99, fate="duplicate")]))
        self.refused(duplicate=arrived_of([case(0, fate="duplicate")]))

    def test_a_letter_too_many(self) -> None:
        self.refused(letters=[*fates_of(self.cases).letters] * 2)

    def test_more_late_than_stored(self) -> None:
        self.refused(late=arrived_of([case(1), case(1)]))

    def test_another_day(self) -> None:
        on_two_days = [*self.cases, Case(1, START_US - 1, START_US - 2, "stored")]
        fates = fates_of(on_two_days)
        assert len(ledger_rows(fates)) == 2
        with pytest.raises(BooksError):
            ledger_rows(
                replace(fates, duplicate=arrived_of([Case(1, START_US - DAY_US - 1, 0, "duplicate")]))
            )

    def test_fates_without_an_arrival(self) -> None:
        self.refused(received=arrived_of([]))


class TestParts:
    def test_all_but(self) -> None:
        pings = pings_of([case(1), case(2), case(3)])
        assert all_but(pings, ints([1])).device.tolist() == [1, 3]
        assert all_but(pings, ints([])).device.tolist() == [1, 2, 3]

    def test_in_all(self) -> None:
        one, two = arrived_of([case(1)]), arrived_of([case(2, seconds=5)])
        both = in_all([one, arrived_of([]), two])
        assert both.device.tolist() == [1, 2]
        assert both.received_us.tolist() == [*one.received_us.tolist(), *two.received_us.tolist()]
        assert in_all([arrived_of([]), one]) is one
        assert len(in_all([])) == 0

    def test_the_usual_batch_copies_nothing(self) -> None:
        pings = pings_of([case(1)])
        assert in_all([arrived(pings), arrived_of([])]).device is pings.device
