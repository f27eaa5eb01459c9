"""Gaps: the silences of a device, in device time, whatever the order its pings arrive in."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Settings
from ingest import compactor
from ingest.compactor import CompactorSettings, compact, count_gaps
from ingest.intake import Message
from ingest.times import to_us
from tests.support.ingest import add_device, make_pipeline, message, ping_body
from tests.support.worker import count

RULES = Settings(ingest_worker="svc-ingest-test")
GAP = timedelta(minutes=10)
SETTINGS = CompactorSettings(gap=GAP, gap_pause=timedelta(0))
TODAY = date(2026, 3, 20)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


class Sender:
    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection, self.uid = connection, f"gaps-{next(_numbers)}"
        self.id = add_device(connection, self.uid, None)
        self.pipeline = make_pipeline(connection, RULES)

    def send(self, *times: datetime) -> None:
        """All in one message, which arrives now."""
        self.pipeline.process([self.message(*times)])

    def message(self, *times: datetime) -> Message:
        return message(self.uid, *(ping_body(to_us(time), 14.7, -17.4) for time in times))

    def count(self, with_settings: CompactorSettings = SETTINGS) -> None:
        while compact(self.connection, with_settings, TODAY):
            pass
        while count_gaps(self.connection, with_settings):
            pass

    def gaps(self) -> dict[int, int]:
        """Day of March -> gaps, where there are any."""
        self.count()
        rows = self.connection.execute(
            "SELECT day, gaps FROM device_accounts WHERE device_id = %s AND gaps > 0", [self.id]
        )
        return {day.day: gaps for day, gaps in rows}


@pytest.fixture
def sender(connection: psycopg.Connection) -> Sender:
    return Sender(connection)


def at(day: int, hour: int = 0, minute: int = 0, second: float = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC) + timedelta(seconds=second)


def test_a_silence_of_exactly_the_limit_is_none(sender: Sender) -> None:
    sender.send(at(2, 8), at(2, 8, 10), at(2, 8, 20, 0.001))
    assert sender.gaps() == {2: 1}


def test_a_silence_over_midnight_is_of_the_day_on_which_it_ends(sender: Sender) -> None:
    sender.send(at(2, 23, 50), at(3, 0, 5), at(3, 0, 10))
    assert sender.gaps() == {3: 1}


def test_midnight_itself_makes_no_gap(sender: Sender) -> None:
    sender.send(at(2, 23, 55), at(3), at(3, 0, 5))
    assert sender.gaps() == {}


def test_a_silence_of_days_is_one(sender: Sender) -> None:
    sender.send(at(2, 8), at(9, 8))
    assert sender.gaps() == {9: 1}


def test_the_first_ping_ever_ends_no_silence_and_the_last_begins_none(sender: Sender) -> None:
    sender.send(at(2, 8))
    assert sender.gaps() == {}
    assert count(sender.connection, "SELECT count(*) FROM device_days WHERE device_id = %s", sender.id) >= 1


def test_late_pings_fill_a_gap(sender: Sender) -> None:
    sender.send(at(2, 8), at(2, 9))
    assert sender.gaps() == {2: 1}
    sender.send(*(at(2, 8, minute) for minute in range(5, 60, 5)))
    assert sender.gaps() == {}


def test_late_pings_divide_a_gap(sender: Sender) -> None:
    sender.send(at(2, 8), at(2, 12))
    sender.count()
    sender.send(at(2, 10))
    assert sender.gaps() == {2: 2}


def test_late_pings_of_a_day_shorten_the_silence_that_ended_on_a_later_one(sender: Sender) -> None:
    sender.send(at(2, 8), at(5, 0, 4))
    assert sender.gaps() == {5: 1}
    sender.send(at(4, 23, 58))
    assert sender.gaps() == {4: 1}


def test_counting_again_is_put_off_and_not_forgotten(sender: Sender) -> None:
    lazy = CompactorSettings(gap=GAP, gap_pause=timedelta(hours=1))
    sender.send(at(2, 8), at(2, 9))
    sender.count(lazy)
    due = "SELECT count(*) FROM gap_days WHERE device_id = %s AND day = '2026-03-02'"
    assert count(sender.connection, due, sender.id) == 0
    sender.send(at(2, 10))
    sender.count(lazy)
    assert count(sender.connection, due, sender.id) == 1
    told = "SELECT gaps FROM device_days WHERE device_id = %s AND day = '2026-03-02'"
    assert count(sender.connection, told, sender.id) == 1, "too early"
    sender.connection.execute("UPDATE gap_days SET due_at = now() WHERE device_id = %s", [sender.id])
    sender.count(lazy)
    assert count(sender.connection, told, sender.id) == 2


def test_days_whose_pings_are_gone_keep_what_was_counted(sender: Sender) -> None:
    sender.send(at(2, 8), at(2, 9))
    assert sender.gaps() == {2: 1}
    sender.connection.execute("DELETE FROM pings WHERE device_id = %s", [sender.id])
    keeps = CompactorSettings(gap=GAP, gap_pause=timedelta(0), ping_retention_days=10)
    sender.send(at(2, 8))
    sender.count(keeps)
    assert sender.gaps() == {2: 1}


def test_many_days_are_counted_in_pieces(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.count()
    monkeypatch.setattr(compactor, "DAYS_AT_ONCE", 3)
    sender.send(*(at(day, hour) for day in range(1, 9) for hour in (8, 9)))
    while compact(sender.connection, SETTINGS, TODAY):
        pass
    pieces = [count_gaps(sender.connection, SETTINGS) for _ in range(4)]
    # Eight days of the pings, and the day of their arrival.
    assert pieces == [3, 3, 3, 0]
    assert sender.gaps() == {1: 1, **dict.fromkeys(range(2, 9), 2)}


def counted(times: list[datetime]) -> dict[int, int]:
    """By going through all of them, in order."""
    gaps: dict[int, int] = {}
    for before, after in itertools.pairwise(sorted(times)):
        if after - before > GAP:
            gaps[after.day] = gaps.get(after.day, 0) + 1
    return gaps


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.integers(0, 5 * 288), min_size=1, max_size=30, unique=True),
    st.lists(st.integers(1, 30), max_size=4),
    st.randoms(use_true_random=False),
)
def test_any_order_and_batching_of_the_pings_counts_the_same(
    connection: psycopg.Connection, fives: list[int], cuts: list[int], dice: object
) -> None:
    sender = Sender(connection)
    times = [at(2) + n * timedelta(minutes=5) for n in fives]
    dice.shuffle(times)  # type: ignore[attr-defined]
    for start, stop in itertools.pairwise([0, *sorted(set(cuts)), len(times)]):
        if times[start:stop]:
            sender.send(*times[start:stop])
            sender.count()
    assert sender.gaps() == counted(times)
