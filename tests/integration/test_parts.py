"""The embedded parts start, answer, stop, and say what is wrong when they cannot start."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from alembic.script import ScriptDirectory

from cli.parts import unprivileged
from cli.parts.mosquitto import Mosquitto
from cli.parts.postgres import postgres
from cli.parts.process import PartFailed, ServerProcess, accepts_tcp, free_port
from config.migrate import alembic_config
from config.settings import Settings
from tests.support.waiting import wait_until


def test_database_is_migrated_and_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT version_num, current_setting('timezone'), current_setting('synchronous_commit')"
            " FROM alembic_version"
        ).fetchone()
    head = ScriptDirectory.from_config(alembic_config(database_url)).get_current_head()
    assert row == (head, "UTC", "on")


def test_timescale_database_has_a_hypertable(timescale_url: str) -> None:
    with psycopg.connect(timescale_url) as connection:
        rows = connection.execute(
            "SELECT hypertable_name FROM timescaledb_information.hypertables"
        ).fetchall()
    assert rows == [("pings",)]


def test_valkey_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.dbsize() == 0


@pytest.fixture
def shared_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where data goes that the server's account cannot reach (pytest's own directories are closed)."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o711)
        monkeypatch.setattr(unprivileged, "SHARED", place / "shared")
        yield place


def test_postgres_keeps_its_data_over_a_restart(shared_place: Path) -> None:
    home = shared_place / "kept"
    with postgres(home) as first, psycopg.connect(first.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert not accepts_tcp("127.0.0.1", first.port)
    with postgres(home) as second, psycopg.connect(second.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_postgres_below_a_closed_directory(shared_place: Path) -> None:
    """A checkout below /root: the server's account cannot get there, yet it must work."""
    closed = shared_place / "closed"
    closed.mkdir(mode=0o700)
    with postgres(closed / "data") as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_mosquitto_survives_a_kill_on_the_same_port(mosquitto: Mosquitto) -> None:
    assert accepts_tcp(mosquitto.host, mosquitto.port)
    mosquitto.kill()
    assert not accepts_tcp(mosquitto.host, mosquitto.port)
    mosquitto.restart()
    assert accepts_tcp(mosquitto.host, mosquitto.port)


def test_a_part_that_dies_shows_its_log(tmp_path: Path) -> None:
    process = ServerProcess("Broken", ["/bin/sh", "-c", "echo no such luck; exit 3"], log=tmp_path / "log")
    with pytest.raises(PartFailed, match=r"(?s)Broken ended with code 3 .*no such luck"):
        process.start(lambda: False)
    assert not process.running


def test_a_part_that_hangs_is_killed_at_the_deadline(tmp_path: Path) -> None:
    process = ServerProcess("Slow", ["/bin/sleep", "60"], log=tmp_path / "log")
    with pytest.raises(PartFailed, match="not ready after"):
        process.start(lambda: False, deadline_s=0.2)
    assert not process.running


def test_a_taken_port_is_a_clear_error(shared_place: Path, database_url: str) -> None:
    taken = psycopg.conninfo.conninfo_to_dict(database_url)["port"]
    with (
        pytest.raises(PartFailed, match="PostgreSQL cannot start: port"),
        postgres(shared_place / "second", port=int(taken)),
    ):
        pass


def test_settings_are_seen_and_forgotten(settings_for: Callable[..., Settings]) -> None:
    port = free_port()
    assert settings_for(mqtt_port=port).mqtt_port == port
    with pytest.raises(ValueError, match="no setting"):
        settings_for(mqtt_prot=1)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's parent-death signal")
def test_a_killed_starter_leaves_no_server_behind(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [
            sys.executable, "-c",
            "import sys, time; from pathlib import Path; from cli.parts.process import ServerProcess;"
            "server = ServerProcess('Sleeper', ['/bin/sleep', '600'], log=Path(sys.argv[1]));"
            "server.start(lambda: True); print(server.pid, flush=True); time.sleep(600)",
            str(tmp_path / "log"),
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert "sleep" in Path(f"/proc/{pid}/cmdline").read_text()
        starter.kill()
    wait_until(
        lambda: (
            not Path(f"/proc/{pid}/cmdline").exists()
            or "sleep" not in Path(f"/proc/{pid}/cmdline").read_text()
        ),
        10,
        "the server to end with its starter",
    )
