"""Dead letters played again: after a codec was mended, after a device was registered, twice, at once, and killed."""

import itertools
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest

from config.settings import Settings
from ingest import letter_store, replay
from ingest.account_store import Totals
from ingest.codecs import registry
from ingest.codecs.codec import Limits, refuse_message
from ingest.intake import Message
from ingest.letter_query import StoredLetter, load_letter, refusals_of
from ingest.ping import Decoded
from ingest.replay import Fate, Replayer
from ingest.times import to_us
from ingest.worker import pipeline_settings
from tests.support.accounts import Account, account, assert_every_device_adds_up
from tests.support.codecs import mended
from tests.support.ingest import add_device, add_vehicle, make_pipeline, ping_body, reconcile_all
from tests.support.worker import count

RULES = Settings(ingest_worker="svc-ingest-test")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_US = to_us(NOON)
US = 1_000_000
_numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def uid() -> str:
    return f"replay-{next(_numbers)}"


@pytest.fixture
def device_id(connection: psycopg.Connection, uid: str) -> int:
    return add_device(connection, uid, add_vehicle(connection, uid))


def broken_body(uid: str, *seconds: int, **more: Any) -> Message:
    """Pings under another key than the native format knows: what a new firmware might send."""
    bodies = [ping_body(NOON_US - s * US, 14.7, -17.4, **more) for s in seconds]
    return Message(f"v1/devices/{uid}/pings", json.dumps({"points": bodies}).encode(), NOON_US)


def body(uid: str, *bodies: dict[str, Any]) -> Message:
    return Message(f"v1/devices/{uid}/pings", json.dumps(list(bodies)).encode(), NOON_US)


def with_points(payload: bytes, limits: Limits) -> Decoded:
    """The native format, mended: it knows `points`."""
    if payload.startswith(b'{"points": ['):
        payload = json.dumps(json.loads(payload)["points"]).encode()
    return registry.BY_SLUG["native-json"].decode(payload, limits)


def make_replayer(connection: psycopg.Connection) -> Replayer:
    return Replayer(connection, pipeline_settings(RULES))


def send(connection: psycopg.Connection, *messages: Message) -> list[int]:
    """The letters that this makes."""
    before = count(connection, "SELECT coalesce(max(id), 0) FROM dead_letters")
    make_pipeline(connection, RULES).process(messages)
    return [
        row[0]
        for row in connection.execute("SELECT id FROM dead_letters WHERE id > %s ORDER BY id", [before])
    ]


def loaded(connection: psycopg.Connection, letter_id: int) -> StoredLetter:
    letter = load_letter(connection, letter_id)
    assert letter is not None
    return letter


def mark(connection: psycopg.Connection, letter_id: int) -> tuple[Any, ...]:
    row = connection.execute(
        "SELECT tries, tried_at IS NOT NULL, replayed_at IS NOT NULL, outcome FROM dead_letters WHERE id = %s",
        [letter_id],
    ).fetchone()
    assert row is not None
    return row


def test_after_a_codec_was_mended(connection: psycopg.Connection, uid: str, device_id: int) -> None:
    (letter_id,) = send(connection, broken_body(uid, 30, 20, 10))
    assert account(connection, device_id).rejected == 1
    with mended("native-json", with_points):
        played = make_replayer(connection).play(letter_id)
    assert (played.fate, played.totals) == (Fate.PASSED, Totals(1, 3, 3, 0, 0, 0))
    rows = connection.execute(
        "SELECT DISTINCT received_at FROM pings WHERE device_id = %s", [device_id]
    ).fetchall()
    assert rows == [(NOON,)], "with the arrival that they had"
    assert mark(connection, letter_id) == (
        1, True, True, {"messages": 1, "received": 3, "stored": 3, "duplicate": 0, "rejected": 0, "late": 0}
    )  # fmt: skip
    # Once refused as a message, then received again as three pings: both on the day on which it came.
    assert account(connection, device_id, NOON.date()) == Account(
        4, 3, 0, 0, 1, account(connection, device_id)[5]
    )
    assert count(connection, "SELECT received FROM ingest_totals WHERE worker = 'svc-replay'") >= 3
    assert_every_device_adds_up(connection)


def test_played_twice_it_counts_once(connection: psycopg.Connection, uid: str, device_id: int) -> None:
    (letter_id,) = send(connection, broken_body(uid, 1))
    replayer = make_replayer(connection)
    with mended("native-json", with_points):
        assert replayer.play(letter_id).fate is Fate.PASSED
        before = account(connection, device_id)
        assert replayer.play(letter_id) == replay.Replayed(Fate.DONE)
    assert account(connection, device_id) == before
    assert mark(connection, letter_id)[0] == 1


def test_what_is_refused_again_has_the_newest_reason_and_a_count_of_tries(
    connection: psycopg.Connection, uid: str, device_id: int
) -> None:
    (letter_id,) = send(connection, broken_body(uid, 1, 2))
    (first,) = refusals_of(connection, letter_id)

    def half_mended(payload: bytes, limits: Limits) -> Decoded:
        return refuse_message("encrypted", "points are encrypted")

    replayer = make_replayer(connection)
    with mended("native-json", half_mended):
        for tries in (1, 2):
            played = replayer.play(letter_id)
            assert (played.fate, played.reasons) == (Fate.REFUSED, {"encrypted": 1})
            assert mark(connection, letter_id)[:3] == (tries, True, False)
            assert refusals_of(connection, letter_id) == [("encrypted", "points are encrypted", 1)]
    assert first[0] != "encrypted"
    assert account(connection, device_id).rejected_by["encrypted"] == 2, "each try is counted like a delivery"
    assert letter_store.waiting(connection) >= 1
    assert_every_device_adds_up(connection)


def test_of_a_message_refused_in_part_the_rest_is_a_repeat(
    connection: psycopg.Connection, uid: str, device_id: int
) -> None:
    good, bad = ping_body(NOON_US - US, 14.7, -17.4), ping_body(NOON_US - 2 * US, 140.7, -17.4)
    (letter_id,) = send(connection, body(uid, good, bad))
    assert refusals_of(connection, letter_id)[0][0] == "latitude_out_of_range"

    def lenient(payload: bytes, limits: Limits) -> Decoded:
        return registry.BY_SLUG["native-json"].decode(payload.replace(b"140.7", b"14.07"), limits)

    with mended("native-json", lenient):
        played = make_replayer(connection).play(letter_id)
    assert played.totals == Totals(1, 2, 1, 1, 0, late=1)
    assert account(connection, device_id)[:3] == (4, 2, 1)


def test_a_device_that_was_registered_since(connection: psycopg.Connection, uid: str) -> None:
    letters = send(
        connection,
        body(uid, ping_body(NOON_US - US, 14.7, -17.4)),
        Message(f"v1/devices/{uid}/pings", b"{", NOON_US),
    )
    replayer = make_replayer(connection)
    assert replayer.play(letters[0]).reasons == {"unknown_device": 1}
    device_id = add_device(connection, uid, None)
    assert [replayer.play(letter_id).fate for letter_id in letters] == [Fate.PASSED, Fate.REFUSED]
    assert account(connection, device_id) == Account(2, 1, 0, 0, 1, {"malformed": 1})
    # What is still refused is the device's now, and for its carrier to see.
    assert count(connection, "SELECT device_id FROM dead_letters WHERE id = %s", letters[1]) == device_id
    assert_every_device_adds_up(connection)


def test_old_pings_are_folded_as_late_ones(connection: psycopg.Connection, uid: str, device_id: int) -> None:
    letters = send(connection, broken_body(uid, 7200, 7190))
    send(connection, body(uid, ping_body(NOON_US, 14.7, -17.4)))
    with mended("native-json", with_points):
        assert make_replayer(connection).play(letters[0]).totals.late == 2
    assert account(connection, device_id).late == 2
    assert reconcile_all(connection, RULES) >= 1


def test_numbers_of_old_messages_tell_nothing_of_the_present_count(
    connection: psycopg.Connection, uid: str, device_id: int
) -> None:
    """The device may have begun to count anew since: 5 of then is not 5 of now, which it still holds."""
    unknown = body(uid, ping_body(NOON_US - US, 95.0, -17.4, seq=5))
    (letter_id,) = send(connection, unknown)
    send(
        connection, body(uid, *(ping_body(NOON_US + n * US, 14.7, -17.4, seq=n) for n in (1, 2, 3, 4, 5, 6)))
    )
    acks = "SELECT stored::text FROM device_acks WHERE device_id = %s"
    before = connection.execute(acks, [device_id]).fetchone()

    def lenient(payload: bytes, limits: Limits) -> Decoded:
        return registry.BY_SLUG["native-json"].decode(payload.replace(b"95.0", b"14.5"), limits)

    with mended("native-json", lenient):
        assert make_replayer(connection).play(letter_id).totals.stored == 1
    assert connection.execute(acks, [device_id]).fetchone() == before


def test_a_letter_that_was_cut_is_not_played(
    connection: psycopg.Connection, uid: str, device_id: int
) -> None:
    (letter_id,) = send(connection, Message(f"v1/devices/{uid}/pings", b" " * 300_000, NOON_US))
    assert count(connection, "SELECT kept_bytes FROM dead_letters WHERE id = %s", letter_id) == 4096
    assert make_replayer(connection).play(letter_id) == replay.Replayed(Fate.CUT)
    assert mark(connection, letter_id)[0] == 0


def test_a_letter_that_retention_took(connection: psycopg.Connection) -> None:
    assert make_replayer(connection).play(2**40) == replay.Replayed(Fate.DONE)


def test_values_that_no_column_holds_are_refused_again(
    connection: psycopg.Connection, uid: str, device_id: int
) -> None:
    (letter_id,) = send(connection, broken_body(uid, 1))

    def worse(payload: bytes, limits: Limits) -> Decoded:
        decoded = with_points(payload, limits)
        decoded.pings[0] = msgspec.structs.replace(decoded.pings[0], satellites=10**9)
        return decoded

    with mended("native-json", worse):
        judged = make_replayer(connection).judge([loaded(connection, letter_id)] * 2)
        assert (judged.totals.rejected, judged.reasons) == (2, {"unstorable": 2})
        played = make_replayer(connection).play(letter_id)
    assert (played.fate, played.reasons) == (Fate.REFUSED, {"unstorable": 1})
    assert refusals_of(connection, letter_id)[0][0] == "unstorable"
    assert mark(connection, letter_id)[:3] == (1, True, False)
    assert_every_device_adds_up(connection)


class TestJudging:
    def test_it_says_what_playing_comes_to_and_changes_nothing(
        self, connection: psycopg.Connection, uid: str, device_id: int
    ) -> None:
        send(connection, body(uid, ping_body(NOON_US - 3 * US, 14.7, -17.4)))
        letters = send(
            connection,
            broken_body(uid, 1, 2, 3),
            broken_body(uid, 2, 4),
            Message(f"v1/devices/{uid}/pings", b"[", NOON_US),
            Message(f"v1/devices/{uid}/pings", b"[" + b" " * 300_000, NOON_US),
        )
        before = account(connection, device_id)
        with mended("native-json", with_points):
            replayer = make_replayer(connection)
            judged = replayer.judge([loaded(connection, letter_id) for letter_id in letters])
            assert account(connection, device_id) == before
            tally = replay.Tally()
            for letter_id in letters:
                tally.add(replayer.play(letter_id))
        assert judged.fates == tally.fates == {Fate.PASSED: 2, Fate.REFUSED: 1, Fate.CUT: 1, Fate.DONE: 0}
        assert judged.reasons == tally.reasons == {"malformed": 1}
        assert (
            judged.totals.received == judged.totals.stored + judged.totals.duplicate + judged.totals.rejected
        )
        # How many are late is known only with the vehicle locked.
        assert tally.totals.late > 0
        assert judged.totals == msgspec.structs.replace(tally.totals, late=0) == Totals(3, 6, 3, 2, 1, 0)


class TestKilled:
    @pytest.mark.parametrize(
        "statement", ["ingest_ledger", "UPDATE dead_letters", "DELETE FROM rejected_pings"]
    )
    def test_at_any_moment_nothing_is_lost_and_nothing_counts_twice(
        self, connection: psycopg.Connection, database_url: str, uid: str, device_id: int, statement: str
    ) -> None:
        good = ping_body(NOON_US - 9 * US, 14.7, -17.4)
        (letter_id,) = send(connection, body(uid, good, ping_body(NOON_US, 95.0, 0.0)))
        before, refused = account(connection, device_id), refusals_of(connection, letter_id)
        connection.execute("DELETE FROM pings WHERE device_id = %s", [device_id])
        dying = psycopg.connect(database_url, autocommit=True)
        real = dying.execute

        def execute(query: Any, *arguments: Any, **more: Any) -> Any:
            result = real(query, *arguments, **more)
            if statement in str(query):
                dying.close()
                raise KeyboardInterrupt
            return result

        dying.execute = execute  # type: ignore[method-assign]
        with pytest.raises((KeyboardInterrupt, psycopg.Error)):
            make_replayer(dying).play(letter_id)
        assert account(connection, device_id) == before
        assert mark(connection, letter_id)[:3] == (0, False, False)
        assert refusals_of(connection, letter_id) == refused
        assert count(connection, "SELECT count(*) FROM pings WHERE device_id = %s", device_id) == 0
        assert make_replayer(connection).play(letter_id).totals.stored == 1

    def test_two_at_once_play_each_letter_once(
        self, connection: psycopg.Connection, database_url: str, uid: str, device_id: int
    ) -> None:
        letters = send(connection, *(broken_body(uid, n, n + 1000) for n in range(30)))
        barrier, fates = threading.Barrier(2), []

        def work() -> None:
            with psycopg.connect(database_url, autocommit=True) as own:
                replayer = make_replayer(own)
                barrier.wait(60)
                fates.extend(replayer.play(letter_id).fate for letter_id in letters)

        with mended("native-json", with_points):
            threads = [threading.Thread(target=work) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert sorted(fates) == [Fate.DONE] * 30 + [Fate.PASSED] * 30
        told = account(connection, device_id)
        assert (told.received, told.stored, told.rejected) == (90, 60, 30)
        assert {mark(connection, letter_id)[0] for letter_id in letters} == {1}
        assert count(connection, "SELECT count(*) FROM pings WHERE device_id = %s", device_id) == 60

    def test_a_mark_made_between_reading_and_writing_takes_all_back(
        self, connection: psycopg.Connection, uid: str, device_id: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The race of the test above, for certain."""
        (letter_id,) = send(connection, broken_body(uid, 1))
        stale = loaded(connection, letter_id)
        replayer = make_replayer(connection)
        with mended("native-json", with_points):
            replayer.play(letter_id)
            before = account(connection, device_id)
            connection.execute("DELETE FROM pings WHERE device_id = %s", [device_id])
            monkeypatch.setattr(replay, "load_letter", lambda *_: stale)
            assert replayer.play(letter_id) == replay.Replayed(Fate.DONE)
        assert account(connection, device_id) == before
        assert count(connection, "SELECT count(*) FROM pings WHERE device_id = %s", device_id) == 0
