"""`mess demo`: the whole platform on this machine, and one delivery played through it over real MQTT."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console
from rich.markup import escape

from cli import demo_report
from cli.demo_story import Story
from cli.parts import unprivileged
from cli.parts.process import PartFailed, free_port
from cli.stack import Stack, running_stack

HOME = Path(".mess") / "demo"
# Times of the delivery lie in the past, so that its end is about now.
HEAD_START_S = 3 * 3600.0


def demo(
    speed: Annotated[float, typer.Option(min=1, max=1000, help="Simulated seconds per second.")] = 240.0,
    workers: Annotated[int, typer.Option(min=1, max=4, help="Ingest workers that share the load.")] = 1,
    home: Annotated[Path, typer.Option(help="Data and logs; emptied at the start.")] = HOME,
) -> None:
    """Start everything, play one delivery over real MQTT faster than real time, and show the evidence."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    say = _teller(console)
    _empty(home)
    overrides = _settings(speed)
    try:
        with running_stack(home, say=say, overrides=overrides, ingest_workers=workers) as stack:
            story = Story(stack.settings, say)
            told = story.play(speed)
            demo_report.show(console, told, _books(stack))
    except PartFailed as error:
        console.print(f"[red]demo failed:[/red] {escape(str(error))}")
        raise typer.Exit(1) from error
    except (AssertionError, TimeoutError) as error:
        console.print(f"[red]demo failed:[/red] {escape(str(error))}\nLogs of every process: {home / 'logs'}")
        raise typer.Exit(1) from error
    say(f"done; logs of every process are in {home / 'logs'}")


def _teller(console: Console) -> Callable[[str], None]:
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/dim]  {text}")
        sys.stdout.flush()

    return say


def _empty(home: Path) -> None:
    """Remove what an earlier demo left."""
    unprivileged.remove(home / "postgres")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)


def _settings(speed: float) -> dict[str, object]:
    now = time.time()
    return {
        "environment": "development",
        "log_level": os.environ.get("MESS_LOG_LEVEL", "WARNING"),
        "database_url": f"postgresql://postgres@127.0.0.1:{free_port()}/mess",
        "redis_url": f"redis://127.0.0.1:{free_port()}/0",
        "mqtt_host": "127.0.0.1",
        "mqtt_port": free_port(),
        "api_host": "127.0.0.1",
        "api_port": free_port(),
        "ingest_metrics_port": free_port(),
        "ingest_reconcile_s": 0.2,
        "simulation_anchor": now,
        "simulation_start": now - HEAD_START_S,
        "simulation_speed": speed,
        # At this speed a token of 15 minutes lasts a few seconds.
        "access_token_minutes": 24 * 60,
    }


def _books(stack: Stack) -> demo_report.Books:
    with psycopg.connect(stack.settings.database_url, autocommit=True) as connection:
        return demo_report.read_books(connection)
