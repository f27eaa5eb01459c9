"""Ingest workers as real processes, and what they wrote."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from cli.parts.process import ServerProcess, free_port

ROOT = Path(__file__).resolve().parents[2]
READY = "ingest worker ready"


class WorkerProcess(ServerProcess):
    """`python -m ingest` against the given parts; `metrics_port` answers Prometheus."""

    def __init__(
        self,
        home: Path,
        broker: Any,
        database_url: str,
        redis_url: str,
        *,
        process_env: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.metrics_port = free_port()
        name = str(settings.get("ingest_worker", "svc-ingest-1"))
        values = {
            "environment": "test",
            "log_level": "INFO",
            "database_url": database_url,
            "redis_url": redis_url,
            "mqtt_host": broker.host,
            "mqtt_port": broker.port,
            "mqtt_protocol": broker.protocol,
            "mqtt_shared_subscription": broker.shared_subscription,
            "ingest_metrics_port": self.metrics_port,
            "ingest_reconcile_s": 0.2,
            "account_compact_s": 0.2,
            **settings,
        }
        own = {f"MESS_{key.upper()}": str(value) for key, value in values.items()}
        env = {**os.environ, **own, **(process_env or {})}
        super().__init__(name, [sys.executable, "-m", "ingest"], log=home / f"{name}.log", env=env, cwd=ROOT)

    def launch(self) -> None:
        self.start(lambda: READY in self.output())


@contextmanager
def worker(
    home: Path, broker: Any, database_url: str, redis_url: str, **settings: Any
) -> Iterator[WorkerProcess]:
    process = WorkerProcess(home, broker, database_url, redis_url, **settings)
    process.launch()
    try:
        yield process
    finally:
        process.stop()


def totals(connection: psycopg.Connection) -> dict[str, int]:
    """Over all workers; the equation holds by a constraint of the table."""
    row = connection.execute(
        "SELECT coalesce(sum(messages), 0), coalesce(sum(received), 0), coalesce(sum(stored), 0),"
        " coalesce(sum(duplicate), 0), coalesce(sum(rejected), 0) FROM ingest_totals"
    ).fetchone()
    assert row is not None
    return dict(zip(("messages", "received", "stored", "duplicate", "rejected"), map(int, row), strict=True))


def count(connection: psycopg.Connection, query: str, *parameters: Any) -> int:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return int(row[0])
