"""`mess decode` as other programs use it: bytes in, JSON out, an exit code."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from cli.decode import decode
from ingest.codecs.codec import Codec, Limits
from ingest.codecs.registry import BY_SLUG, CODECS
from ingest.ping import CommandResult, Decoded

ROOT = Path(__file__).parents[3]
NATIVE = "v1/devices/truck-1/pings"
NOW = "2026-01-18T20:00:00Z"
GOOD: dict[str, Any] = {"t": 1_768_766_222_000, "lat": 14.7, "lon": -17.4, "spd": 52, "gsm": 4, "seq": 7}
NORMAL = {
    "time": "2026-01-18T19:57:02Z",
    "lat": 14.7,
    "lon": -17.4,
    "speed_kmh": 52.0,
    "heading_deg": None,
    "altitude_m": None,
    "accuracy_m": None,
    "satellites": None,
    "hdop": None,
    "ignition": None,
    "battery_pct": None,
    "fuel_pct": None,
    "odometer_km": None,
    "seq": 7,
    "mock": None,
    "alarms": [],
    "attributes": {"gsm": 4},
}


@dataclass(frozen=True)
class Done:
    code: int
    stdout: bytes
    stderr: bytes


app = typer.Typer()
app.command()(decode)


def run(payload: bytes, *options: str, topic: str = NATIVE, now: str = NOW) -> Done:
    return run_with("--topic", topic, *options, payload=payload, now=now)


def run_with(*options: str, payload: bytes = b"", now: str = NOW) -> Done:
    result = CliRunner().invoke(app, ["--now", now, *options], input=payload)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return Done(result.exit_code, result.stdout_bytes, result.stderr_bytes)


def run_process(payload: bytes, *options: str) -> Done:
    command = [sys.executable, "-m", "cli.decode", "--topic", NATIVE, "--now", NOW, *options]
    done = subprocess.run(command, input=payload, capture_output=True, cwd=ROOT, timeout=60, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_as_a_process() -> None:
    good = run_process(json.dumps(GOOD).encode())
    assert (good.code, json.loads(good.stdout), good.stderr) == (0, [NORMAL], b"")
    bad = run_process(b'{"t":1,"lat":91,"lon":1}')
    assert (bad.code, bad.stdout) == (1, b"")
    assert bad.stderr.startswith(b"latitude_out_of_range: ")


def test_one_ping() -> None:
    done = run(json.dumps(GOOD).encode())
    assert (done.code, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == [NORMAL]


def test_hexadecimal() -> None:
    packed = msgspec.msgpack.encode([GOOD, GOOD]).hex().upper() + "\n"
    done = run(packed.encode(), "--hex", topic=NATIVE + "/msgpack")
    assert done.code == 0
    assert json.loads(done.stdout) == [NORMAL, NORMAL]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (json.dumps(GOOD | {"lat": 91}).encode(), "latitude_out_of_range"),
        (json.dumps(GOOD | {"lat": 0, "lon": 0}).encode(), "no_fix"),
        (json.dumps(GOOD | {"t": 1_768_766_222}).encode(), "time_too_old"),
        (json.dumps(GOOD | {"t": 2_208_988_800_000}).encode(), "time_in_future"),
        (b'{"t":1,"lat":NaN,"lon":1}', "not_finite"),
        (b"\xff", "malformed"),
        (b"", "payload_empty"),
        (b" " * 300_000, "payload_too_large"),
    ],
)
def test_refusals(payload: bytes, code: str) -> None:
    done = run(payload)
    assert (done.code, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"{code}: ")
    assert len(done.stderr.splitlines()) == 1


def test_bad_hexadecimal() -> None:
    done = run(b"7b2", "--hex")
    assert done.code == 1
    assert done.stderr.startswith(b"malformed: ")


def test_unknown_topic() -> None:
    done = run(json.dumps(GOOD).encode(), topic="elsewhere")
    assert done.code == 1
    assert done.stderr.startswith(b"unknown_topic: ")


def test_of_a_mixed_batch_the_good_are_printed_and_the_bad_explained() -> None:
    done = run(json.dumps([GOOD, GOOD | {"lat": 91, "seq": 8}, GOOD | {"t": 0, "seq": 9}]).encode())
    assert done.code == 0
    assert json.loads(done.stdout) == [NORMAL]
    lines = done.stderr.decode().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["latitude_out_of_range", "time_too_old"]
    assert lines[0].endswith("(seq 8)")


def test_a_message_without_a_position_is_told_in_words() -> None:
    will = run(b'{"_type":"lwt","tst":1768766222}', topic="owntracks/truck-1/phone")
    assert (will.code, will.stdout.strip()) == (0, b"[]")
    assert will.stderr == b"presence: offline, composed at 2026-01-18T19:57:02Z\n"
    status = run(b'{"online":true}', topic="v1/devices/truck-1/status")
    assert (status.code, status.stdout.strip(), status.stderr) == (0, b"[]", b"presence: online\n")
    card = run(b'{"_type":"card"}', topic="owntracks/truck-1/phone")
    assert (card.code, card.stdout.strip()) == (0, b"[]")
    assert card.stderr == b"nothing: a message of this kind carries no position\n"


def test_a_report_and_the_device_that_the_body_names() -> None:
    body = b'{"ident":"truck-1","timestamp":1768766222,"battery.level":12}'
    done = run_with("--codec", "flespi", payload=body)
    assert (done.code, done.stdout.strip()) == (0, b"[]")
    assert done.stderr.decode().splitlines() == [
        "device: the body names truck-1",
        'report: {"battery_pct":12.0}',
    ]
    bad = run_with("--codec", "flespi", payload=b'{"ident":"truck-1","timestamp":"soon"}')
    assert (bad.code, bad.stdout) == (1, b"")
    assert [line.partition(":")[0] for line in bad.stderr.decode().splitlines()] == ["wrong_type", "device"]


def answers(payload: bytes, limits: Limits) -> Decoded:
    """A codec of a format whose devices answer commands."""
    results = [CommandResult("42", True, "Odometer: 12 km"), CommandResult(None, False)]
    results.append(CommandResult("43", True, receipt=True))
    return Decoded(pings=[], results=results)


def test_answers_to_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec(name="answers", slug="answers", topics=(), decode=answers)
    monkeypatch.setitem(BY_SLUG, "answers", codec)
    done = run_with("--codec", "answers", payload=b"x")
    assert (done.code, done.stdout.strip()) == (0, b"[]")
    assert done.stderr.decode().splitlines() == [
        "command result: command 42 succeeded: Odometer: 12 km",
        "command result: a command failed",
        "command result: command 43 was received",
    ]
    line = run_with("--codec", "answers", "--lines", payload=b"78\n")
    assert json.loads(line.stdout) == {
        "pings": [],
        "results": [
            {"command_id": "42", "ok": True, "text": "Odometer: 12 km", "receipt": False},
            {"command_id": None, "ok": False, "text": "", "receipt": False},
            {"command_id": "43", "ok": True, "text": "", "receipt": True},
        ],
    }


def test_lines_tell_what_else_a_message_says() -> None:
    will = run(b'{"_type":"lwt","tst":1768766222}'.hex().encode(), "--lines", topic="owntracks/truck-1/phone")
    assert json.loads(will.stdout) == {
        "pings": [],
        "presence": {"online": False, "composed": "2026-01-18T19:57:02Z"},
    }
    bodies = [
        b'{"ident":"truck-1","timestamp":1768766222,"battery.level":12}',
        b'{"ident":"truck-1","timestamp":"soon"}',
    ]
    done = run_with("--codec", "flespi", "--lines", payload="\n".join(body.hex() for body in bodies).encode())
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"pings": [], "uid": "truck-1", "report": {"battery_pct": 12.0}},
        {"rejected": "wrong_type", "uid": "truck-1"},
    ]


def test_a_codec_instead_of_a_topic() -> None:
    done = run_with("--codec", "native-json", payload=json.dumps(GOOD).encode())
    assert (done.code, json.loads(done.stdout), done.stderr) == (0, [NORMAL], b"")
    packed = run_with(
        "--codec", "native-msgpack", "--hex", payload=msgspec.msgpack.encode(GOOD).hex().encode()
    )
    assert (packed.code, json.loads(packed.stdout)) == (0, [NORMAL])
    for payload, code in ((b"", "payload_empty"), (b" " * 300_000, "payload_too_large"), (b"{", "malformed")):
        refused = run_with("--codec", "native-json", payload=payload)
        assert (refused.code, refused.stderr.decode().partition(":")[0]) == (1, code)


def test_an_unknown_codec_lists_those_that_there_are() -> None:
    done = run_with("--codec", "morse", payload=b"")
    assert (done.code, done.stdout) == (2, b"")
    words = set(re.findall(r"[a-z0-9-]+", done.stderr.decode()))
    assert {"morse", *BY_SLUG} <= words


@pytest.mark.parametrize("options", [(), ("--topic", NATIVE, "--codec", "native-json")])
def test_one_of_topic_and_codec_is_needed(options: tuple[str, ...]) -> None:
    done = run_with(*options, payload=json.dumps(GOOD).encode())
    assert (done.code, done.stdout) == (2, b"")
    assert b"--topic" in done.stderr
    assert b"--codec" in done.stderr


def test_the_list_of_codecs() -> None:
    done = run_with("--list")
    assert (done.code, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    for codec in CODECS:
        at = lines.index(f"{codec.slug}: {codec.name}")
        topics = [f"    {topic}" for topic in (*codec.topics, f"v1/devices/{{uid}}/formats/{codec.slug}")]
        assert lines[at + 1 : at + 1 + len(topics)] == topics


def test_lines_answer_each_and_never_stop() -> None:
    good = json.dumps(GOOD).encode()
    mixed = json.dumps([GOOD, GOOD | {"lat": 91}]).encode()
    bad = json.dumps([GOOD | {"lon": 181}, GOOD | {"lat": 91}]).encode()
    lines = [good.hex(), "zz", "", "\u00e9", mixed.hex() + "\r", bad.hex(), b"{".hex(), "  " + good.hex()]
    done = run("\n".join(lines).encode(), "--lines")
    assert (done.code, done.stderr) == (0, b"")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"pings": [NORMAL]},
        {"rejected": "malformed"},
        {"rejected": "payload_empty"},
        {"rejected": "malformed"},
        {"pings": [NORMAL]},
        {"rejected": "longitude_out_of_range"},
        {"rejected": "malformed"},
        {"pings": [NORMAL]},
    ]


def test_lines_are_answered_while_the_input_is_still_open() -> None:
    command = [sys.executable, "-m", "cli.decode", "--topic", NATIVE, "--now", NOW, "--lines"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(GOOD).encode().hex().encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"pings": [NORMAL]}
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(timeout=30) == 0


def test_no_lines_no_answers() -> None:
    done = run(b"", "--lines")
    assert (done.code, done.stdout) == (0, b"")


@pytest.mark.parametrize("now", ["yesterday", "2026-01-18T20:00:00"])
def test_a_clock_needs_a_zone(now: str) -> None:
    done = run(json.dumps(GOOD).encode(), now=now)
    assert done.code == 2
    assert b"--now" in done.stderr
