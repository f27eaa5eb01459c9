"""The API over real HTTP, asked by clients that never rest: what the benchmarks of endpoints share."""

import os
import random
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import httpx
import psycopg

from bench.report import Report
from cli.parts.process import ServerProcess, free_port
from config import clock
from config.settings import DEVELOPMENT_SECRET
from platform_api.accounts import tokens

ROOT = Path(__file__).resolve().parent.parent
P95_MS = 50.0
# What is read first fills the caches; these answers do not count.
WARM_UP = 60

# (name, milliseconds) of each answer to one client that asks `many` times
Ask = Callable[[random.Random, httpx.Client, int], list[tuple[str, float]]]


@contextmanager
def api(database_url: str, redis_url: str, workers: int) -> Iterator[str]:
    """The address of uvicorn with so many processes, as MESS_API_WORKERS sets it."""
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", "--factory", "platform_api.app:create_app",
        "--port", str(port), "--workers", str(workers), "--log-level", "warning",
    ]  # fmt: skip
    env = {
        **os.environ,
        "MESS_ENVIRONMENT": "test",
        "MESS_DATABASE_URL": database_url,
        "MESS_REDIS_URL": redis_url,
        "MESS_LOG_LEVEL": "WARNING",
        "MESS_JWT_SECRET": DEVELOPMENT_SECRET,
    }
    base = f"http://127.0.0.1:{port}"
    with TemporaryDirectory(prefix="mess-bench-") as home:
        process = ServerProcess("api", command, log=Path(home) / "api.log", env=env, cwd=ROOT)
        process.start(lambda: _answers(base))
        try:
            yield base
        finally:
            process.stop()


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/api/openapi.json", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def sign_in(connection: psycopg.Connection, user_id: UUID, role: str) -> dict[str, str]:
    """The headers of a signed-in user."""
    now, session_id = clock.now(), uuid4()
    connection.execute(
        "INSERT INTO sign_in_sessions (id, user_id, created_at, last_seen_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
        [session_id, user_id, now, now, now + timedelta(hours=1)],
    )
    token = tokens.encode_access(user_id, role, session_id, now=now, minutes=60, secret=DEVELOPMENT_SECRET)
    return {"Authorization": f"Bearer {token}"}


def drive(base: str, ask: Ask, *, clients: int, times: int) -> dict[str, list[float]]:
    """Milliseconds of each answer, by what was asked; `times` in all, the same in every run."""

    def run(seed: int, many: int) -> list[tuple[str, float]]:
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            return ask(random.Random(seed), client, many)

    run(0, WARM_UP)
    taken: dict[str, list[float]] = {}
    with ThreadPoolExecutor(clients) as pool:
        for answers in pool.map(lambda seed: run(seed, times // clients), range(1, clients + 1)):
            for name, ms in answers:
                taken.setdefault(name, []).append(ms)
    return taken


def tell_times(report: Report, taken: Mapping[str, Sequence[float]]) -> None:
    """Median and 95th percentile of each kind, and of all together beside the target."""
    everything = [ms for kind in taken.values() for ms in kind]
    for name, kind in (*sorted(taken.items()), ("all", everything)):
        p95 = statistics.quantiles(kind, n=20)[18]
        verdict = "" if name != "all" else f"{'met' if p95 <= P95_MS else 'NOT MET'}: p95 <= {P95_MS:g}"
        report.add(f"{name}, p50", statistics.median(kind), "ms")
        report.add(f"{name}, p95", p95, "ms", f"{len(kind)} answers {verdict}")
