"""`mess doctor`: which parts are there, what they are, and what to do about the others."""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import redis
import typer
from alembic.script import ScriptDirectory
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.mqtt_probe import Protocol, Refused, probe
from cli.processes import STATE_DIR
from config.migrate import alembic_config
from config.settings import DEVELOPMENT_SECRET, Settings, get_settings
from config.storage_level import StorageLevel, detect_level, is_hypertable

LOW_DISK_GB = 5.0


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"


COLOURS = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.MISSING: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `needed`: without it the platform does not work."""

    part: str
    verdict: Verdict
    found: str
    hint: str = ""
    needed: bool = True


def doctor() -> None:
    """Look at every part at the settings' addresses; exit code 1 when one that is needed is missing."""
    settings = get_settings()
    table = Table("part", "verdict", highlight=False)
    for heading in ("found", "what to do"):
        table.add_column(heading, overflow="fold")  # an address must stay whole
    findings = examine(settings)
    for finding in findings:
        colour = COLOURS[finding.verdict]
        table.add_row(finding.part, f"[{colour}]{finding.verdict}[/]", escape(finding.found), finding.hint)
    Console().print(table)
    if any(each.needed and each.verdict is Verdict.MISSING for each in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> list[Finding]:
    checks: tuple[Callable[[Settings], list[Finding]], ...] = (
        check_database, check_redis, check_mqtt, check_api, check_disk, check_secrets,
    )  # fmt: skip
    return [finding for check in checks for finding in check(settings)]


def address(url: str) -> str:
    """Host and port of a URL: a password must not reach the screen."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}{parts.path}"


def check_database(settings: Settings) -> list[Finding]:
    try:
        connection = psycopg.connect(settings.database_url, connect_timeout=3)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        found = f"{address(settings.database_url)}: {reason}"
        return [Finding("database", Verdict.MISSING, found, _database_hint(reason))]
    with connection:
        version = connection.info.parameter_status("server_version") or "?"
        level = detect_level(connection)
        return [
            Finding("database", Verdict.OK, f"PostgreSQL {version} at {address(settings.database_url)}"),
            _schema(connection, settings),
            _storage(connection, level),
        ]


def _database_hint(reason: str) -> str:
    # psycopg has no code for a refused connection; FATAL is the server's own word.
    if "FATAL" in reason:
        return "it answers; MESS_DATABASE_URL needs a user, password and database that it knows"
    return "`mess up` starts one, or set MESS_DATABASE_URL"


def _schema(connection: psycopg.Connection, settings: Settings) -> Finding:
    head = ScriptDirectory.from_config(alembic_config(settings.database_url)).get_current_head()
    found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if found is None or found[0] is None:
        return Finding("schema", Verdict.MISSING, "no tables yet", "`mess migrate`")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or row[0] != head:
        at = row[0] if row else "nothing"
        return Finding("schema", Verdict.MISSING, f"at {at}, newest is {head}", "`mess migrate`")
    return Finding("schema", Verdict.OK, f"at {head}, the newest")


def _storage(connection: psycopg.Connection, level: StorageLevel) -> Finding:
    hypertable = is_hypertable(connection)
    kind = "a hypertable" if hypertable else "an ordinary table"
    found = f"{level}; pings is {kind}"
    if level is not StorageLevel.PLAIN and not hypertable:
        return Finding(
            "storage",
            Verdict.WARNING,
            found,
            "migrated before TimescaleDB was there: see docs/operations.md",
            needed=False,
        )
    return Finding("storage", Verdict.OK, found)


def check_redis(settings: Settings) -> list[Finding]:
    client = redis.Redis.from_url(settings.redis_url, socket_connect_timeout=3, socket_timeout=3)
    try:
        info = client.info("server")
    except redis.RedisError as error:
        refused = isinstance(error, redis.AuthenticationError)
        hint = (
            "it answers; MESS_REDIS_URL needs the password that it knows"
            if refused
            else "`mess up` starts one, or set MESS_REDIS_URL"
        )
        return [Finding("Redis", Verdict.MISSING, f"{address(settings.redis_url)}: {error}", hint)]
    finally:
        client.close()
    name, version = (
        ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info["redis_version"])
    )
    return [Finding("Redis", Verdict.OK, f"{name} {version} at {address(settings.redis_url)}")]


def check_mqtt(settings: Settings) -> list[Finding]:
    where = f"{settings.mqtt_host}:{settings.mqtt_port}"
    client_id = f"svc-doctor-{secrets.token_hex(4)}"
    try:
        answer = probe(settings, client_id, settings.mqtt_protocol)
    except (Refused, OSError) as error:
        return [_mqtt_failure(settings, where, client_id, error)]
    found = f"MQTT {settings.mqtt_protocol} at {where}"
    if answer.shared_subscription:
        return [Finding("MQTT", Verdict.OK, f"{found}, shared subscriptions granted")]
    if not settings.mqtt_shared_subscription:
        return [Finding("MQTT", Verdict.OK, f"{found}, no shared subscriptions: one ingest worker")]
    hint = "set MESS_MQTT_SHARED_SUBSCRIPTION=false and run one ingest worker"
    return [Finding("MQTT", Verdict.WARNING, f"{found}, shared subscriptions refused", hint)]


def _mqtt_failure(settings: Settings, where: str, client_id: str, error: Exception) -> Finding:
    """Tells a wrong password or a wrong protocol from a broker that is not there."""
    if isinstance(error, ConnectionError):
        hint = "`mess up` starts one, or set MESS_MQTT_HOST and MESS_MQTT_PORT"
        return Finding("MQTT", Verdict.MISSING, f"{where}: {error}", hint)
    other: Protocol = "3.1.1" if settings.mqtt_protocol == "5" else "5"
    try:
        probe(settings, client_id, other)
    except (Refused, OSError):
        hint = "MESS_MQTT_SERVICE_PASSWORD must be the one the broker knows"
        return Finding("MQTT", Verdict.MISSING, f"{where}: {error}", hint)
    hint = f"set MESS_MQTT_PROTOCOL={other} for processes started by hand"
    return Finding("MQTT", Verdict.WARNING, f"{where} speaks MQTT {other} only", hint)


def check_api(settings: Settings) -> list[Finding]:
    url = f"http://{settings.api_host}:{settings.api_port}/api/health/"
    try:
        answer = httpx.get(url, timeout=3, trust_env=False)
    except httpx.HTTPError as error:
        return [Finding("API", Verdict.WARNING, f"{url}: {error}", "`mess up` or `mess api`", needed=False)]
    if answer.status_code == 200:
        return [Finding("API", Verdict.OK, f"healthy at {url}", needed=False)]
    return [
        Finding("API", Verdict.WARNING, f"{url} answers {answer.status_code}", "see its log", needed=False)
    ]


def check_disk(settings: Settings) -> list[Finding]:
    """Free space where the embedded parts keep their data."""
    place = STATE_DIR if STATE_DIR.exists() else Path.cwd()
    free_gb = shutil.disk_usage(place).free / 1e9
    if free_gb < LOW_DISK_GB:
        hint = f"free some: below {LOW_DISK_GB:.0f} GB PostgreSQL is at risk"
        return [Finding("disk", Verdict.WARNING, f"{free_gb:.1f} GB free in {place}", hint, needed=False)]
    return [Finding("disk", Verdict.OK, f"{free_gb:.1f} GB free in {place}", needed=False)]


def check_secrets(settings: Settings) -> list[Finding]:
    default = [
        f"MESS_{name.upper()}"
        for name in ("jwt_secret", "mqtt_service_password")
        if getattr(settings, name).get_secret_value() == DEVELOPMENT_SECRET
    ]
    if not default:
        return [Finding("secrets", Verdict.OK, "your own", needed=False)]
    found = f"the public development value in {', '.join(default)} ({settings.environment})"
    return [Finding("secrets", Verdict.WARNING, found, "fine for development only", needed=False)]
