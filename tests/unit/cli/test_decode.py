"""`mess decode` as other programs use it: bytes in, JSON out, an exit code."""

import json
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
    result = CliRunner().invoke(app, ["--topic", topic, "--now", now, *options], input=payload)
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


def test_a_message_without_a_position() -> None:
    done = run(b'{"_type":"lwt","tst":1768766222}', topic="owntracks/truck-1/phone")
    assert (done.code, done.stdout.strip(), done.stderr) == (0, b"[]", b"")


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
