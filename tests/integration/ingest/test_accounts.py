"""The accounts of each device on a real database: exact at every moment, whoever folds and whatever is killed."""

import itertools
import json
import random
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psycopg
import pytest

from config.settings import Settings
from ingest import compactor
from ingest import pipeline as pipelines
from ingest.array_params import BigInts, SmallInts
from ingest.compactor import CompactorSettings, compact, waiting_rows
from ingest.duty import NOBODY
from ingest.intake import Message
from ingest.ledger import Arrived
from ingest.set_aside import set_aside
from ingest.times import to_us
from ingest.worker import pipeline_settings
from telemetry.lateness import BOUNDS_MS, quantile_ms
from tests.support.accounts import Account, account, assert_every_device_adds_up, everything
from tests.support.ingest import add_device, add_vehicle, make_pipeline, ping_body
from tests.support.waiting import wait_until
from tests.support.worker import count

RULES = Settings(ingest_worker="svc-ingest-test")
SETTINGS = CompactorSettings(gap=timedelta(minutes=10), gap_pause=timedelta(0))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = NOON.date()
US = 1_000_000
_numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


class Sender:
    """A device, with or without a vehicle, and what it sends."""

    def __init__(self, connection: psycopg.Connection, *, riding: bool = False) -> None:
        self.uid = f"account-{next(_numbers)}"
        vehicle_id = add_vehicle(connection, self.uid) if riding else None
        self.id = add_device(connection, self.uid, vehicle_id)

    def message(self, *seconds: float, at: datetime = NOON, uid: str | None = None, **more: Any) -> Message:
        """Pings made so many seconds before they arrive."""
        bodies = [ping_body(to_us(at) - round(s * US), 14.7, -17.4, **more) for s in seconds]
        return Message(f"v1/devices/{uid or self.uid}/pings", json.dumps(bodies).encode(), to_us(at))


@pytest.fixture
def sender(connection: psycopg.Connection) -> Sender:
    return Sender(connection)


def fold_all(connection: psycopg.Connection) -> int:
    return sum(iter(lambda: compact(connection, SETTINGS, TODAY), 0))


class TestTheRowOfABatch:
    def test_every_fate_of_a_ping(self, connection: psycopg.Connection, sender: Sender) -> None:
        pipeline = make_pipeline(connection, RULES)
        stored = sender.message(5, 3)
        pipeline.process([stored, stored, sender.message(10**9, lat_extra=1)])
        pipeline.process([stored, sender.message(-86_400), Message(stored.topic, b"{", stored.received_us)])
        told = Account(9, 2, 4, 0, 3, {"malformed": 1, "time_in_future": 1, "time_too_old": 1})
        assert account(connection, sender.id) == told
        assert fold_all(connection) > 0
        assert account(connection, sender.id) == told
        assert_every_device_adds_up(connection)

    def test_it_is_one_row_however_many_devices(self, connection: psycopg.Connection) -> None:
        senders = [Sender(connection) for _ in range(20)]
        before = waiting_rows(connection)
        make_pipeline(connection, RULES).process([each.message(1, 2) for each in senders])
        assert waiting_rows(connection) == before + 1
        assert {account(connection, each.id).stored for each in senders} == {2}

    def test_a_batch_of_two_days_is_counted_on_both(
        self, connection: psycopg.Connection, sender: Sender
    ) -> None:
        midnight = datetime(2026, 3, 3, tzinfo=UTC)
        second = timedelta(seconds=1)
        make_pipeline(connection, RULES).process(
            [sender.message(0, at=midnight - second), sender.message(0, 0.5, at=midnight)]
        )
        assert account(connection, sender.id, date(2026, 3, 2)).stored == 1
        assert account(connection, sender.id, date(2026, 3, 3)).stored == 2
        assert_every_device_adds_up(connection)

    def test_what_is_of_no_device_is_of_device_0(
        self, connection: psycopg.Connection, sender: Sender
    ) -> None:
        before = account(connection, 0)
        make_pipeline(connection, RULES).process(
            [
                sender.message(1, 2, uid="nobody-of-ours"),
                Message("no/such/topic", b"{}", to_us(NOON)),
                Message("v1/devices/nobody-of-ours/pings", b"", to_us(NOON)),
            ]
        )
        after = account(connection, 0)
        assert after.received - before.received == 4
        new = {reason: n - before.rejected_by.get(reason, 0) for reason, n in after.rejected_by.items()}
        assert +Counts(new) == {"unknown_device": 2, "unknown_topic": 1, "payload_empty": 1}

    def test_late_pings_are_counted_for_their_device(self, connection: psycopg.Connection) -> None:
        riding, pipeline = Sender(connection, riding=True), make_pipeline(connection, RULES)
        pipeline.process([riding.message(60)])
        pipeline.process([riding.message(300, 200, 30)])
        assert account(connection, riding.id)[1:4] == (4, 0, 2)

    def test_backlog_that_is_left_for_later_is_not_counted_yet(
        self, connection: psycopg.Connection, sender: Sender
    ) -> None:
        pipeline, old = make_pipeline(connection, RULES), sender.message(7200, 7300)
        result = pipeline.process([sender.message(1), old], defer_after_us=3600 * US)
        assert result.deferred == {1}
        assert account(connection, sender.id)[:2] == (1, 1)
        pipeline.process([old])
        assert account(connection, sender.id)[:2] == (3, 3)

    def test_lateness(self, connection: psycopg.Connection, sender: Sender) -> None:
        make_pipeline(connection, RULES).process([sender.message(-2, 0.05, 1, 2, 3600)])
        query = "SELECT lateness_ms, lateness FROM device_accounts WHERE device_id = %s"
        for _ in range(2):
            row = connection.execute(query, [sender.id]).fetchone()
            assert row is not None
            assert row[0] == 50 + 1000 + 2000 + 3_600_000
            assert {BOUNDS_MS[n]: c for n, c in enumerate(row[1]) if c} == {
                100: 2,
                1000: 1,
                2089: 1,
                3_630_781: 1,
            }
            fold_all(connection)

    def test_quantiles_in_sql_are_those_of_python(
        self, connection: psycopg.Connection, sender: Sender
    ) -> None:
        dice = random.Random(7)
        for _ in range(300):
            counts = [dice.choice([0, 0, 1, 7, 10**6]) for _ in range(dice.randrange(264))]
            share = dice.choice([0.0, 0.01, 0.5, 0.9, 0.99, 1.0])
            row = connection.execute(
                "SELECT lateness_quantile_ms(%s::bigint[], %s)", [counts, share]
            ).fetchone()
            assert row == (quantile_ms(counts, share),), (counts, share)

    def test_a_batch_that_fails_leaves_no_row(
        self, connection: psycopg.Connection, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, rows = everything(connection), waiting_rows(connection)

        def broken(*_: object) -> None:
            raise psycopg.OperationalError("gone")

        with pytest.raises(psycopg.OperationalError):
            make_pipeline(connection, RULES).process([sender.message(1)], keep=broken)
        assert (everything(connection), waiting_rows(connection)) == (before, rows)

    def test_books_that_do_not_balance_are_not_committed(
        self, connection: psycopg.Connection, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A ping that gets lost between intake and books is found, and the batch is the worker's to look through."""
        none = np.empty(0, np.int64)
        monkeypatch.setattr(pipelines, "all_but", lambda *_: Arrived(none, none))
        pipeline = make_pipeline(connection, RULES)
        pipeline.process([sender.message(1)])
        with pytest.raises(psycopg.DataError, match="received = stored"):
            pipeline.process([sender.message(1)])
        assert account(connection, sender.id).received == 1


class Counts(dict[str, int]):
    def __pos__(self) -> dict[str, int]:
        return {key: value for key, value in self.items() if value}


class TestFolding:
    def test_folding_changes_nothing_that_is_told(self, connection: psycopg.Connection) -> None:
        pipeline = make_pipeline(connection, RULES)
        senders = [Sender(connection, riding=n < 3) for n in range(5)]
        for stage in range(4):
            for n in range(4):
                at = NOON + timedelta(hours=n * 7)
                bad = [Message(f"v1/devices/{each.uid}/pings", b"{" * n, to_us(at)) for each in senders]
                made_ago = (n * 7 + 1000 * stage, n * 7, 3 * stage + n)
                pipeline.process([*(each.message(*made_ago, at=at) for each in senders), *bad])
            before = everything(connection)
            assert waiting_rows(connection) > 0
            assert fold_all(connection) > 0
            assert (everything(connection), waiting_rows(connection)) == (before, 0)
        assert min(account(connection, each.id).late for each in senders[:3]) > 3
        assert_every_device_adds_up(connection)

    def test_it_is_done_in_pieces(
        self, connection: psycopg.Connection, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fold_all(connection)
        monkeypatch.setattr(compactor, "ROWS_AT_ONCE", 2)
        pipeline = make_pipeline(connection, RULES)
        for n in range(5):
            pipeline.process([sender.message(n)])
        assert [compact(connection, SETTINGS, TODAY) for _ in range(4)] == [2, 2, 1, 0]
        assert account(connection, sender.id).stored == 5

    @pytest.mark.parametrize(
        "statement", ["INSERT INTO device_days", "INSERT INTO gap_days", "DELETE FROM ingest_ledger"]
    )
    def test_killed_in_the_middle_it_has_not_happened(
        self, connection: psycopg.Connection, sender: Sender, database_url: str, statement: str
    ) -> None:
        make_pipeline(connection, RULES).process([sender.message(1, 2)])
        before, rows = everything(connection), waiting_rows(connection)
        dying = psycopg.connect(database_url, autocommit=True)
        real = dying.execute

        def execute(query: Any, *arguments: Any) -> Any:
            result = real(query, *arguments)
            if statement in str(query):
                # As a kill does: no rollback is asked for, the server finds out.
                dying.close()
                raise KeyboardInterrupt
            return result

        dying.execute = execute  # type: ignore[method-assign]
        with pytest.raises((KeyboardInterrupt, psycopg.Error)):
            compact(dying, SETTINGS, TODAY)
        assert (everything(connection), waiting_rows(connection)) == (before, rows)
        # The server needs a moment to find out, and until then nobody else folds.
        assert wait_until(lambda: fold_all(connection), what="the lock of the dead") == rows
        assert everything(connection) == before

    def test_only_one_folds_at_a_time(
        self, connection: psycopg.Connection, sender: Sender, database_url: str
    ) -> None:
        make_pipeline(connection, RULES).process([sender.message(1)])
        with psycopg.connect(database_url) as other:
            other.execute("SELECT 1")  # so that its transaction stays open
            assert compact(other, SETTINGS, TODAY) > 0
            assert compact(connection, SETTINGS, TODAY) == 0
            assert compactor.count_gaps(connection, SETTINGS) == 0
            other.rollback()
        assert compact(connection, SETTINGS, TODAY) > 0

    def test_two_workers_and_two_compactors_at_once(
        self, connection: psycopg.Connection, database_url: str
    ) -> None:
        """At no moment may an answer be short of a batch, or have one twice."""
        senders, stop = [Sender(connection, riding=True) for _ in range(6)], threading.Event()
        errors: list[BaseException] = []
        answers = 0

        def guarded(work: Any) -> threading.Thread:
            def run() -> None:
                try:
                    with psycopg.connect(database_url, autocommit=True) as own:
                        work(own)
                except BaseException as error:
                    errors.append(error)
                    stop.set()

            return threading.Thread(target=run)

        def worker(name: str) -> Any:
            def work(own: psycopg.Connection) -> None:
                settings = msgspec.structs.replace(pipeline_settings(RULES), worker=name)
                pipeline, dice = make_pipeline(own, RULES), random.Random(name)
                pipeline._settings = settings
                for n in range(60):
                    chosen = dice.sample(senders, 3)
                    messages = [each.message(*(dice.randrange(4000) for _ in range(3))) for each in chosen]
                    pipeline.process(
                        [
                            *messages,
                            messages[0],
                            Message(f"v1/devices/{chosen[0].uid}/pings", b"", to_us(NOON) + n),
                        ]
                    )

            return work

        def fold(own: psycopg.Connection) -> None:
            while not stop.is_set():
                compact(own, SETTINGS, TODAY)
                compactor.count_gaps(own, SETTINGS)

        def ask(own: psycopg.Connection) -> None:
            nonlocal answers
            while not stop.is_set():
                # One statement is one moment: workers and devices are counted in the same transactions.
                row = own.execute(
                    "SELECT (SELECT sum(received) FROM ingest_totals), (SELECT sum(received) FROM device_accounts),"
                    " (SELECT sum(stored) FROM device_accounts), (SELECT count(*) FROM pings)"
                ).fetchone()
                assert row is not None
                assert row[0] == row[1], "an answer between two states"
                assert row[2] == row[3]
                answers += 1

        workers = [guarded(worker("svc-ingest-a")), guarded(worker("svc-ingest-b"))]
        others = [guarded(fold), guarded(fold), guarded(ask)]
        for thread in (*workers, *others):
            thread.start()
        for thread in workers:
            thread.join(90)
        stop.set()
        for thread in others:
            thread.join(30)
        assert not errors, errors
        assert answers > 3
        fold_all(connection)
        assert_every_device_adds_up(connection)
        # 2 workers x 60 batches x (3 x 3 pings, one message again, one empty)
        assert sum(account(connection, each.id).received for each in senders) == 2 * 60 * 13


def test_the_database_refuses_an_account_that_does_not_balance(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("INSERT INTO device_days (device_id, day, received) VALUES (1, '2026-01-01', 1)")
    with pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("INSERT INTO device_days (device_id, day, late) VALUES (1, '2026-01-01', 1)")


def test_columns_reach_the_database_as_they_are(connection: psycopg.Connection) -> None:
    for values in ([], [0], [-(2**63), 2**63 - 1, 7], list(range(1000))):
        row = connection.execute(
            "SELECT %s, pg_typeof(%s)::text", [BigInts(np.array(values, np.int64))] * 2
        ).fetchone()
        assert row == (values, "bigint[]")
    row = connection.execute("SELECT %s", [SmallInts(np.array([-32768, 32767], np.int16))]).fetchone()
    assert row == ([-32768, 32767],)


def test_a_message_set_aside_is_booked_as_well(connection: psycopg.Connection, sender: Sender) -> None:
    error = ValueError("no column holds it")
    result = set_aside(connection, pipeline_settings(RULES), sender.message(1), error, NOBODY)
    assert (result.totals.received, result.totals.rejected, result.reasons) == (1, 1, {"unstorable": 1})
    assert account(connection, sender.id) == Account(1, 0, 0, 0, 1, {"unstorable": 1})
    assert count(connection, "SELECT count(*) FROM dead_letters WHERE device_id = %s", sender.id) == 1


def test_the_queries_of_the_documents_run(connection: psycopg.Connection, sender: Sender) -> None:
    make_pipeline(connection, RULES).process(
        [sender.message(1, 2), Message(f"v1/devices/{sender.uid}/pings", b"{", to_us(NOON))]
    )
    page = (Path(__file__).resolve().parents[3] / "docs" / "accounting.md").read_text(encoding="utf-8")
    queries = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    answers = [connection.execute(query).fetchall() for query in queries]
    assert len(answers) == 5
    assert answers[0] == [], "an account does not add up"
    assert "malformed" in {row[0] for row in answers[3]}
    assert answers[4][0][0] == answers[4][0][1]
