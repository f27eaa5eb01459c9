"""Debian's mosquitto, for tests and benchmarks: MQTT 5, shared subscriptions, persistence, no accounts."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.parts.process import LOOPBACK, PartFailed, ServerProcess, accepts_tcp, free_port

# Debian keeps it where an ordinary user's PATH does not look.
SEARCH = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")


def find_mosquitto() -> Path | None:
    found = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *SEARCH)))
    return Path(found) if found else None


def config_text(
    *, port: int, persistence_dir: Path | None, autosave_s: int, max_inflight: int, user: str
) -> str:
    """mosquitto.conf. Limits are lifted: the worker's Receive Maximum and its database are the bound."""
    lines = [
        f"listener {port} {LOOPBACK}",
        "allow_anonymous true",
        # Started as root it would become `mosquitto`, who cannot write where we store.
        f"user {user}",
        # Else 40 ms of Nagle sits in every small PUBACK.
        "set_tcp_nodelay true",
        f"max_inflight_messages {max_inflight}",
        "max_queued_messages 0",
        "max_queued_bytes 0",
        "max_inflight_bytes 0",
        "persistent_client_expiration 1d",
        "log_dest stdout",
        "log_type error",
        "log_type warning",
        "log_type notice",
    ]
    if persistence_dir is not None:
        lines += [
            "persistence true",
            f"persistence_location {persistence_dir}/",
            f"autosave_interval {autosave_s}",
        ]
    return "\n".join(lines) + "\n"


class Mosquitto:
    """One broker on its own port. `kill()` is a crash; `restart()` brings it back on the same port."""

    protocol = "5"
    shared_subscription = True

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        *,
        persistence: bool = True,
        autosave_s: int = 60,
        max_inflight: int = 20_000,
    ) -> None:
        binary = find_mosquitto()
        if binary is None:
            raise PartFailed("mosquitto is not installed (Debian: apt-get install mosquitto)")
        home.mkdir(parents=True, exist_ok=True)
        self.host = LOOPBACK
        self.port = port or free_port()
        config = home / "mosquitto.conf"
        config.write_text(
            config_text(
                port=self.port,
                persistence_dir=home if persistence else None,
                autosave_s=autosave_s,
                max_inflight=max_inflight,
                user=pwd.getpwuid(os.geteuid()).pw_name,
            )
        )
        self.process = ServerProcess(
            "mosquitto", [str(binary), "-c", str(config)], log=home / "mosquitto.log"
        )

    def start(self) -> None:
        self.process.start(lambda: accepts_tcp(self.host, self.port))

    def stop(self) -> None:
        """Clean stop: sessions and queues are written when persistence is on."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL: whatever was queued since the last autosave is lost, as in a crash."""
        self.process.kill()

    def restart(self) -> None:
        """Start again after `kill()`, or stop cleanly and start again."""
        self.process.stop()
        self.start()


@contextmanager
def mosquitto(
    home: Path | None = None, port: int | None = None, *, persistence: bool = True, autosave_s: int = 60
) -> Iterator[Mosquitto]:
    """Run a broker; without `home` in a temporary directory that is deleted at the end."""
    temporary = Path(tempfile.mkdtemp(prefix="mess-mosquitto-")) if home is None else None
    directory = temporary or home
    assert directory is not None
    broker = Mosquitto(directory, port, persistence=persistence, autosave_s=autosave_s)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
