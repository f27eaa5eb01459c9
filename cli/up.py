"""`mess up` and `mess down`: the platform on this machine, in the foreground."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli.parts.process import PartFailed
from cli.processes import STATE_DIR

if TYPE_CHECKING:
    from cli.stack import Stack

POLL_S = 0.2
DOWN_DEADLINE_S = 60.0
COLOURS = ("cyan", "green", "magenta", "yellow", "blue")


class _Stop(BaseException):
    """SIGTERM or SIGINT came; unwinds through every context manager."""


def up(
    ingest_workers: Annotated[int, typer.Option(min=1, help="Ingest workers that share the load.")] = 1,
    home: Annotated[Path, typer.Option(help="Data and logs of the embedded parts.")] = STATE_DIR,
) -> None:
    """Start PostgreSQL, Valkey and an MQTT broker (unless they answer already), then ingest, API and worker.

    Logs come with the process's name before each line and are kept in HOME/logs. Ctrl-C or SIGTERM stops
    everything that was started, in order. Exit code 1 when a process ends by itself.
    """
    from cli.stack import running_stack

    console = Console(stderr=True, highlight=False)
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    try:
        with (
            _stoppable(),
            _pid_file(home / "up.pid"),
            running_stack(home, say=console.print, ingest_workers=ingest_workers) as stack,
        ):
            settings = stack.settings
            console.print(
                f"ready: API http://{settings.api_host}:{settings.api_port}/api/docs/, "
                f"MQTT {settings.mqtt_host}:{settings.mqtt_port}; Ctrl-C stops"
            )
            _supervise(stack, console)
    except _Stop:
        console.print("stopped")
    except PartFailed as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error


def down(
    home: Annotated[Path, typer.Option(help="The HOME that `mess up` was given.")] = STATE_DIR,
) -> None:
    """Stop the `mess up` of this directory and wait until it has ended; harmless when none runs."""
    pid = _running_pid(home.resolve() / "up.pid")
    if pid is None:
        typer.echo("nothing runs here")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_DEADLINE_S
    while _running_pid(home.resolve() / "up.pid") is not None:
        if time.monotonic() > deadline:
            typer.echo(f"process {pid} has not ended after {DOWN_DEADLINE_S:.0f} s", err=True)
            raise typer.Exit(1)
        time.sleep(POLL_S)
    typer.echo("stopped")


def _supervise(stack: "Stack", console: Console) -> None:
    followers = [
        _Follower(process.name, process.log, process.log_start, colour)
        for process, colour in zip(stack.processes, COLOURS * len(stack.processes), strict=False)
    ]
    while True:
        for follower in followers:
            follower.copy_to(console)
        ended = stack.ended()
        if ended is not None:
            raise PartFailed(f"{ended.name} ended by itself with code {ended.wait()}:\n{ended.log_tail()}")
        time.sleep(POLL_S)


class _Follower:
    """Prints the lines that a log gains, each with the process's name before it."""

    def __init__(self, name: str, path: Path, position: int, colour: str) -> None:
        self._prefix = Text(f"{name:<9} ", style=colour)
        self._path = path
        self._position = position
        self._partial = b""

    def copy_to(self, console: Console) -> None:
        with self._path.open("rb") as log:
            log.seek(self._position)
            fresh = log.read()
        self._position += len(fresh)
        *lines, self._partial = (self._partial + fresh).split(b"\n")
        for line in lines:
            console.print(self._prefix + Text.from_ansi(line.decode(errors="replace")), soft_wrap=True)


@contextmanager
def _stoppable() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        # A second Ctrl-C must not break off the orderly stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Stop

    before = [(number, signal.signal(number, stop)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def _pid_file(path: Path) -> Iterator[None]:
    running = _running_pid(path)
    if running is not None:
        raise PartFailed(f"`mess up` already runs here as process {running}; `mess down` stops it")
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _running_pid(path: Path) -> int | None:
    try:
        pid = int(path.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    if sys.platform == "linux":
        # The number may belong to somebody else after a crash and a restart of the machine.
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return None
        return pid if b"up" in arguments else None
    return pid
