"""A database and a real API process for benchmarks over HTTP."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import httpx
import psycopg

from cli.parts.postgres import postgres
from cli.parts.process import LOOPBACK, ServerProcess, free_port
from config import clock
from config.migrate import migrate
from config.settings import DEVELOPMENT_SECRET
from platform_api.accounts import tokens

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def database() -> Iterator[str]:
    """The address of a migrated, empty database on the embedded PostgreSQL."""
    with postgres() as server:
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE bench")
        url = server.url("bench")
        migrate(url)
        yield url


@contextmanager
def api(database_url: str, redis_url: str) -> Iterator[str]:
    """The address of a uvicorn process with one worker."""
    port = free_port()
    base = f"http://{LOOPBACK}:{port}"
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "platform_api.app:create_app",
        "--port",
        str(port),
    ]
    env = {
        **os.environ,
        "MESS_ENVIRONMENT": "test",
        "MESS_DATABASE_URL": database_url,
        "MESS_REDIS_URL": redis_url,
        "MESS_LOG_LEVEL": "WARNING",
        "MESS_JWT_SECRET": DEVELOPMENT_SECRET,
    }
    with TemporaryDirectory(prefix="mess-bench-") as home:
        process = ServerProcess(
            "api", [*command, "--log-level", "warning"], log=Path(home) / "api.log", env=env, cwd=ROOT
        )
        process.start(lambda: _answers(base))
        try:
            yield base
        finally:
            process.stop()


def _answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/api/openapi.json", timeout=30, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def sign_in(user_id: UUID, role: str) -> dict[str, str]:
    """Headers of a user who need not know a password."""
    token = tokens.encode_access(user_id, role, now=clock.now(), minutes=60, secret=DEVELOPMENT_SECRET)
    return {"Authorization": f"Bearer {token}"}
