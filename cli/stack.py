"""The whole platform on one machine: embedded parts first, then migration, then its processes."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from cli.parts import postgres as postgres_part
from cli.parts import valkey as valkey_part
from cli.parts.embedded_broker import EmbeddedBroker, embedded_broker
from cli.parts.process import PartFailed, ServerProcess, accepts_tcp, free_port
from cli.processes import ROOT, api_command, ingest_command, worker_command
from config.migrate import migrate
from config.settings import Settings

HERE = ("127.0.0.1", "localhost", "::1")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs. `settings` is what the processes see; `env` gives the same to further children."""

    settings: Settings
    env: Mapping[str, str]
    processes: tuple[ServerProcess, ...]

    def ended(self) -> ServerProcess | None:
        """A process that ended by itself, if any."""
        return next((process for process in self.processes if not process.running), None)


@contextmanager
def running_stack(
    home: Path, *, say: Say, overrides: Mapping[str, object] | None = None, ingest_workers: int = 1
) -> Iterator[Stack]:
    """Start everything that does not answer yet at the settings' addresses; stop it again at the end.

    home: keeps data (`postgres/`, `valkey/`) and logs (`logs/NAME.log`).
    overrides: settings by name (`{"api_port": 0}` style), stronger than the environment.
    Raises PartFailed, with the log's tail, when a part or process does not come up.
    """
    values = dict(overrides or {})
    with ExitStack() as stack:
        settings = Settings(**values)  # type: ignore[arg-type]
        _refuse_second_api(settings)
        _database(stack, settings, home, say)
        _redis(stack, settings, home, say)
        say("migrating the database")
        migrate(settings.database_url)
        values |= _broker(stack, settings, home, say, as_environment(values))
        settings = Settings(**values)  # type: ignore[arg-type]
        env = {**os.environ, **as_environment(values), "PYTHONPATH": str(ROOT)}
        processes = _start_processes(stack, settings, home, say, env, ingest_workers)
        try:
            yield Stack(settings=settings, env=env, processes=processes)
        finally:
            say("stopping")


def as_environment(values: Mapping[str, object]) -> dict[str, str]:
    """Settings by name as MESS_* variables."""
    return {f"MESS_{name.upper()}": str(value) for name, value in values.items()}


def _database(stack: ExitStack, settings: Settings, home: Path, say: Say) -> None:
    url = urlsplit(settings.database_url)
    if accepts_tcp(url.hostname or "", url.port or 5432):
        say(f"PostgreSQL: using the one on port {url.port or 5432}")
    else:
        _refuse_elsewhere("PostgreSQL", "MESS_DATABASE_URL", url.hostname)
        stack.enter_context(postgres_part.postgres(home / "postgres", url.port))
        say(f"PostgreSQL: started on port {url.port}")
        postgres_part.create_database(settings.database_url)


def _redis(stack: ExitStack, settings: Settings, home: Path, say: Say) -> None:
    url = urlsplit(settings.redis_url)
    if valkey_part.answers(settings.redis_url):
        say(f"Valkey: using the one on port {url.port or 6379}")
    else:
        _refuse_elsewhere("Valkey", "MESS_REDIS_URL", url.hostname)
        stack.enter_context(valkey_part.valkey(home / "valkey", url.port))
        say(f"Valkey: started on port {url.port}")


def _broker(
    stack: ExitStack, settings: Settings, home: Path, say: Say, env: Mapping[str, str]
) -> dict[str, object]:
    """Returns the settings that fit the broker that was started."""
    if accepts_tcp(settings.mqtt_host, settings.mqtt_port):
        say(f"MQTT broker: using the one on port {settings.mqtt_port}")
        return {}
    _refuse_elsewhere("the MQTT broker", "MESS_MQTT_HOST", settings.mqtt_host)
    log = home / "logs" / "broker.log"
    broker: EmbeddedBroker = stack.enter_context(embedded_broker(log=log, env=env, port=settings.mqtt_port))
    say(f"MQTT broker: started on port {broker.port}")
    return {
        "mqtt_host": broker.host,
        "mqtt_protocol": broker.protocol,
        "mqtt_shared_subscription": broker.shared_subscription,
    }


def _refuse_second_api(settings: Settings) -> None:
    """Before anything starts: the ingest workers of a second `mess up` would throw out those of the first."""
    if accepts_tcp(settings.api_host, settings.api_port):
        raise PartFailed(
            f"something answers on {settings.api_host}:{settings.api_port} already. If it is another `mess up`, "
            "stop that one, or give this one addresses of its own (MESS_API_PORT, MESS_DATABASE_URL, "
            "MESS_REDIS_URL, MESS_MQTT_PORT)"
        )


def _refuse_elsewhere(part: str, setting: str, host: str | None) -> None:
    if host not in HERE:
        raise PartFailed(f"{part} at {host} ({setting}) does not answer, and only a local one can be started")


def _start_processes(
    stack: ExitStack,
    settings: Settings,
    home: Path,
    say: Say,
    env: Mapping[str, str],
    ingest_workers: int,
) -> tuple[ServerProcess, ...]:
    processes = []

    def start(
        name: str, command: Sequence[str], ready: Callable[[ServerProcess], bool], **extra: object
    ) -> None:
        process = ServerProcess(
            name,
            command,
            log=home / "logs" / f"{name}.log",
            env={**env, **as_environment(extra)},
            cwd=ROOT,
        )
        stack.callback(process.stop)
        process.start(lambda: ready(process))
        processes.append(process)
        say(f"{name}: started")

    for number in range(1, ingest_workers + 1):
        port = settings.ingest_metrics_port
        start(
            f"ingest-{number}",
            ingest_command(),
            lambda process: "ingest worker ready" in process.output(),
            ingest_worker=f"svc-ingest-{number}",
            # With nobody to take over, the broker has to queue until the only worker is back.
            ingest_leave="keep" if ingest_workers == 1 else settings.ingest_leave,
            ingest_metrics_port=port + number - 1 if port else free_port(),
            # Its line "ready" is what we wait for.
            log_level=settings.log_level if settings.log_level == "DEBUG" else "INFO",
        )
    start("worker", worker_command(home, concurrency=1), lambda process: process.running)
    health = f"http://{settings.api_host}:{settings.api_port}/api/health/"
    start("api", api_command(settings), lambda process: _healthy(health))
    return tuple(processes)


def _healthy(url: str) -> bool:
    try:
        answer = httpx.get(url, timeout=2, trust_env=False)
        # Somebody else's server on this port may answer 200 to everything.
        return answer.status_code == 200 and "database" in answer.json()
    except (httpx.HTTPError, ValueError):
        return False
