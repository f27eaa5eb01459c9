"""`mess ingest|api|worker`: this process becomes the platform process."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings, get_settings

ROOT = Path(__file__).resolve().parents[1]
STATE_DIR = ROOT / ".mess"


def ingest_command() -> list[str]:
    return [sys.executable, "-m", "ingest"]


def api_command(settings: Settings) -> list[str]:
    return [
        sys.executable, "-m", "uvicorn", "--factory", "platform_api.app:create_app",
        "--host", settings.api_host, "--port", str(settings.api_port),
        "--workers", str(settings.api_workers), "--no-access-log", "--log-level", "warning",
        # Live viewers would keep a stopping server alive for ever.
        "--timeout-graceful-shutdown", "10",
    ]  # fmt: skip


def worker_command(state_dir: Path, concurrency: int, *, beat: bool = True) -> list[str]:
    """The schedule (`beat`) must run exactly once per platform."""
    schedule = ["--beat", "--schedule", str(state_dir / "celerybeat-schedule")] if beat else []
    return [
        sys.executable, "-m", "celery", "--app", "config.celery_app:celery_app", "worker",
        "--concurrency", str(concurrency), "--without-gossip", "--without-mingle", *schedule,
    ]  # fmt: skip


def ingest() -> None:
    """Run one ingest worker until SIGTERM; give each its own MESS_INGEST_WORKER."""
    get_settings()  # a bad one is told in plain words here
    _become(ingest_command())


def api() -> None:
    """Run the HTTP and WebSocket API on MESS_API_HOST and MESS_API_PORT."""
    _become(api_command(get_settings()))


def worker(
    concurrency: Annotated[int, typer.Option(min=1, help="Tasks at the same time.")] = 2,
    beat: Annotated[bool, typer.Option(help="Run the schedule too; in one worker only.")] = True,
) -> None:
    """Run the task worker, by default with the schedule."""
    get_settings()
    STATE_DIR.mkdir(exist_ok=True)
    _become(worker_command(STATE_DIR, concurrency, beat=beat))


def _become(command: list[str]) -> None:
    sys.stdout.flush()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    os.execv(command[0], command)
