"""PostgreSQL 17 with TimescaleDB (Apache licence) out of a Debian trixie directory tree; needs root.

Made by `debootstrap --variant=minbase --include=postgresql-17-timescaledb trixie DIR`. The server runs
inside the tree by chroot, as the tree's own `postgres` account, on a loopback port.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.parts.postgres import INITDB, SETTINGS, THROW_AWAY, Postgres, answers, server_url, setting_arguments
from cli.parts.process import Identity, PartFailed, ServerProcess, free_port

DEFAULT_ROOT = Path("/var/lib/mess-timescale")
BINARIES = Path("/usr/lib/postgresql/17/bin")
TIMESCALE_SETTINGS = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    # The tree has no /dev/shm of its own.
    "dynamic_shared_memory_type": "mmap",
}


def chroot_root() -> Path:
    return Path(os.environ.get("MESS_TIMESCALE_CHROOT", DEFAULT_ROOT))


def why_missing() -> str | None:
    """Why TimescaleDB cannot be started here; None when it can."""
    root = chroot_root()
    if not (root / BINARIES.relative_to("/") / "postgres").exists():
        return f"TimescaleDB is not in {root} (make one with `make timescale`, or set MESS_TIMESCALE_CHROOT)"
    if not list((root / "usr/share/postgresql/17/extension").glob("timescaledb.control")):
        return f"the tree {root} has PostgreSQL 17 without the timescaledb extension"
    if os.geteuid() != 0:
        return f"TimescaleDB in {root} needs root to enter the tree"
    return None


@contextmanager
def timescale(
    *, port: int | None = None, settings: dict[str, str] | None = None, durable: bool = False
) -> Iterator[Postgres]:
    """Run a server with an empty data directory that is deleted at the end.

    `durable`: sync to disk as in production (for benchmarks); otherwise as a throw-away.
    """
    reason = why_missing()
    if reason is not None:
        raise PartFailed(reason)
    root = chroot_root()
    uid, gid = _postgres_account(root)
    who = Identity(uid=uid, gid=gid, root=root)
    parent = root / "var/lib/postgresql"
    home = Path(tempfile.mkdtemp(prefix="mess-", dir=parent))
    os.chown(home, uid, gid)
    try:
        inside = Path("/") / home.relative_to(root) / "data"
        _initialise(inside, who, home)
        chosen = port or free_port()
        chosen_settings = SETTINGS | TIMESCALE_SETTINGS | {"port": str(chosen)}
        if not durable:
            chosen_settings |= THROW_AWAY
        process = ServerProcess(
            "TimescaleDB",
            [
                str(BINARIES / "postgres"), "-D", str(inside),
                *setting_arguments(chosen_settings | (settings or {})),
            ],
            log=home / "postgres.log",
            identity=who,
            env=_environment(),
            stop_signal=signal.SIGINT,
            port=chosen,
        )  # fmt: skip
        process.start(lambda: answers(server_url(chosen)))
        try:
            yield Postgres(port=chosen, data_dir=home / "data", process=process)
        finally:
            process.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _environment() -> dict[str, str]:
    # The host's library paths and locale mean nothing inside the tree.
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}


def _postgres_account(root: Path) -> tuple[int, int]:
    for line in (root / "etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == "postgres":
            return int(fields[2]), int(fields[3])
    raise PartFailed(f"the tree {root} has no postgres account")


def _initialise(inside: Path, who: Identity, home: Path) -> None:
    process = ServerProcess(
        "initdb",
        [str(BINARIES / "initdb"), "-D", str(inside), *INITDB, "--locale=C.UTF-8", "--no-sync"],
        log=home / "initdb.log",
        identity=who,
        env=_environment(),
    )
    process.start(lambda: True)
    try:
        code = process.wait(120)
    except subprocess.TimeoutExpired:
        code = -1
    if code != 0:
        raise PartFailed(f"initdb in {who.root} failed with code {code}:\n{process.log_tail()}")
    process.stop()
