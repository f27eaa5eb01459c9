"""`mess deadletters` as an operator uses it after a repair."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from cli.main import build_app
from config.settings import Settings
from ingest.intake import Message
from ingest.times import to_us
from tests.support.accounts import account, assert_every_device_adds_up
from tests.support.ingest import add_device, make_pipeline, ping_body
from tests.support.worker import count

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOON_US = to_us(NOON)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def mess(
    database_url: str, settings_for: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    settings_for(database_url=database_url)
    monkeypatch.setenv("COLUMNS", "220")

    def run(*arguments: object) -> Result:
        words = ["deadletters", *map(str, arguments)]
        return CliRunner().invoke(build_app("deadletters"), words)

    return run


@pytest.fixture
def uid() -> str:
    return f"letters-{next(_numbers)}"


def send(connection: psycopg.Connection, uid: str, *payloads: bytes) -> list[int]:
    """Each a second after the one before; the letters that they make."""
    before = count(connection, "SELECT coalesce(max(id), 0) FROM dead_letters")
    topic = f"v1/devices/{uid}/pings"
    messages = [Message(topic, payload, NOON_US + n * 1_000_000) for n, payload in enumerate(payloads)]
    make_pipeline(connection, Settings(ingest_worker="svc-test")).process(messages)
    rows = connection.execute("SELECT id FROM dead_letters WHERE id > %s ORDER BY id", [before])
    return [row[0] for row in rows]


def good(second: int = 0) -> bytes:
    return json.dumps(ping_body(NOON_US - second * 1_000_000, 14.7, -17.4)).encode()


def test_list_counts_by_reason(connection: psycopg.Connection, mess: Callable[..., Result], uid: str) -> None:
    ids = send(connection, uid, good(), b"{", good(1), b"\xff\x00")
    result = mess("list", "--device", uid)
    assert result.exit_code == 0
    assert all(f" {letter_id} " in result.output for letter_id in ids)
    lines = [line.replace("│", " ").split() for line in result.output.splitlines()]
    assert ["unknown_device", "2", "2", "2026-03-02T12:00:00Z", "2026-03-02T12:00:02Z"] in lines
    assert ["malformed", "2", "2", "2026-03-02T12:00:01Z", "2026-03-02T12:00:03Z"] in lines
    assert "4 letters; 4 listed" in result.output
    chosen = mess(
        "list", "--device", uid, "--reason", "malformed", "--since", "2026-03-02T12:00:02Z", "--until",
        "2026-03-02T13:00:00+00:00", "--topic", "v1/*/pings", "--limit", 0,
    )  # fmt: skip
    assert "1 letter; 0 listed" in chosen.output
    assert "0 letters; 0 listed" in mess("list", "--device", "nobody").output


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["list", "--reason", "bad_luck"], "no reason 'bad_luck'"),
        (["list", "--since", "yesterday"], "RFC 3339"),
        (["replay", "--until", "2026-03-02 12:00"], "RFC 3339"),
        (["replay", "7", "--reason", "malformed"], "not both"),
    ],
)
def test_a_slip_is_told_in_plain_words(mess: Callable[..., Result], arguments: list[str], hint: str) -> None:
    result = mess(*arguments)
    assert result.exit_code == 2
    assert hint in result.output


class TestShow:
    def test_text(self, connection: psycopg.Connection, mess: Callable[..., Result], uid: str) -> None:
        (letter_id,) = send(connection, uid, good())
        output = mess("show", letter_id).output
        assert f"topic: v1/devices/{uid}/pings" in output
        assert good().decode() in output
        assert f"unknown_device: no enabled device '{uid}' is registered" in output
        told = output.partition("the present codec makes of it:")[2]
        assert json.loads(told)[0]["time"] == "2026-03-02T12:00:00Z"

    def test_bytes(self, connection: psycopg.Connection, mess: Callable[..., Result], uid: str) -> None:
        (letter_id,) = send(connection, uid, b"\xff\x00\x01")
        output = mess("show", letter_id).output
        assert "\nff0001\n" in output
        assert output.rstrip().splitlines()[-1].startswith("  malformed: ")
        assert mess("show", letter_id, "--raw").stdout_bytes == b"\xff\x00\x01"

    def test_a_cut_one(self, connection: psycopg.Connection, mess: Callable[..., Result], uid: str) -> None:
        (letter_id,) = send(connection, uid, b"[" * 300_000)
        assert (
            "300000 bytes, the first 4096 are kept: it cannot be played again"
            in mess("show", letter_id).output
        )

    def test_none(self, mess: Callable[..., Result]) -> None:
        result = mess("show", 2**40)
        assert (result.exit_code, result.output.strip()) == (
            1,
            f"letter_not_found: there is no letter {2**40}",
        )


class TestReplay:
    def test_after_the_device_was_registered(
        self, connection: psycopg.Connection, mess: Callable[..., Result], uid: str
    ) -> None:
        send(connection, uid, good(), good(1), b"{", good(1), b"[" * 300_000)
        device_id = add_device(connection, uid, None)
        dry = mess("replay", "--device", uid, "--dry-run")
        assert (
            "letters: 5; would be passed 3, would be refused again 1, cut and not played 1, no longer waiting 0"
            in dry.output
        )
        assert "pings: would be received 4 = stored 2 + duplicate 1 + rejected 1" in dry.output
        assert account(connection, device_id).received == 0
        result = mess("replay", "--device", uid)
        assert result.exit_code == 0
        assert (
            "letters: 5; passed 3, refused again 1, cut and not played 1, no longer waiting 0"
            in result.output
        )
        assert "pings: received 4 = stored 2 + duplicate 1 + rejected 1" in result.output
        assert "  1 malformed: the body cannot be parsed" in result.output
        assert account(connection, device_id)[:3] == (4, 2, 1)
        again = mess("replay", "--device", uid).output
        assert "letters: 2; passed 0, refused again 1, cut and not played 1" in again
        assert_every_device_adds_up(connection)

    def test_only_some(self, connection: psycopg.Connection, mess: Callable[..., Result], uid: str) -> None:
        ids = send(connection, uid, *(good(n) for n in range(30)))
        device_id = add_device(connection, uid, None)
        assert "letters: 2; passed 2" in mess("replay", ids[5], ids[6]).output
        assert (
            "letters: 1; passed 0, refused again 0, cut and not played 0, no longer waiting 1"
            in mess("replay", ids[5]).output
        )
        assert "letters: 4; passed 4" in mess("replay", "--device", uid, "--limit", 4).output
        waiting = "SELECT id FROM dead_letters WHERE device_uid = %s AND replayed_at IS NULL ORDER BY id"
        assert [row[0] for row in connection.execute(waiting, [uid])] == [ids[4], *ids[7:]]
        assert "letters: 24; passed 24" in mess("replay", "--device", uid).output
        assert account(connection, device_id)[:2] == (30, 30)

    def test_nothing_to_do(self, mess: Callable[..., Result]) -> None:
        result = mess("replay", "--device", "nobody")
        assert (result.exit_code, "letters: 0;" in result.output) == (0, True)
