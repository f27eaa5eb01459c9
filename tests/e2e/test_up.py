"""`mess up` on free ports: everything starts, `mess doctor` is content, `mess down` leaves nothing behind."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.parts.process import accepts_tcp, free_port
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_S = 120.0
ADMINISTRATOR = ("--phone", "+221771234567", "--name", "Root", "--password", "correct horse battery")


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mess-home-") as directory:
        # pytest's own directories are closed to the account that PostgreSQL runs under.
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("database", "redis", "mqtt", "api")}


@pytest.fixture
def env(ports: dict[str, int]) -> dict[str, str]:
    return {
        **os.environ,
        "MESS_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{ports['database']}/mess",
        "MESS_REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
        "MESS_MQTT_PORT": str(ports["mqtt"]),
        "MESS_API_PORT": str(ports["api"]),
        "COLUMNS": "200",
    }


def mess(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_up_doctor_down(home: Path, ports: dict[str, int], env: dict[str, str]) -> None:
    log = home / "up.log"
    with log.open("w") as output:
        up = subprocess.Popen(
            [sys.executable, "-m", "cli", "up", "--home", str(home)],
            env=env, cwd=ROOT, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_until(
            lambda: up.poll() is not None or "ready: API" in log.read_text(), START_S, "`mess up` to be ready"
        )
        assert up.poll() is None, log.read_text()

        report = mess(env, "doctor")
        assert report.returncode == 0, report.stdout
        assert "plain PostgreSQL; pings is an ordinary table" in report.stdout
        assert "speaks MQTT 3.1.1 only" in report.stdout

        second = mess(env, "up", "--home", str(home))
        assert second.returncode == 1
        assert "already runs here" in second.stderr

        elsewhere = mess(env, "up", "--home", str(home / "other"))
        assert elsewhere.returncode == 1
        assert "If it is another `mess up`" in elsewhere.stderr
        assert "started" not in elsewhere.stderr

        first, again = (mess(env, "createsuperuser", *ADMINISTRATOR) for _ in range(2))
        assert first.returncode == 0, first.stderr
        assert (again.returncode, again.stderr.partition(":")[0]) == (1, "phone_taken")

        stranger = f"postgresql://nobody@127.0.0.1:{ports['database']}/mess"
        report = mess({**env, "MESS_DATABASE_URL": stranger}, "doctor")
        assert report.returncode == 1
        assert "needs a user, password and database that it knows" in report.stdout

        stopped = mess(env, "down", "--home", str(home))
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        assert up.wait(60) == 0
    finally:
        if up.poll() is None:
            up.kill()
            up.wait()
    assert not any(accepts_tcp("127.0.0.1", port) for port in ports.values())


def test_doctor_says_what_is_missing(env: dict[str, str]) -> None:
    report = mess(env, "doctor")
    assert report.returncode == 1
    assert report.stdout.count("`mess up` starts one") == 3
