"""Playing devices from the command line: progress while it runs, a table and an exit code at its end."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, cast

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from config.settings import get_settings
from simulator.device import Broker
from simulator.fleet import Crew, Progress, Summary, run_fleet
from simulator.tracks import Recording, TrackError

QUIET_PROGRESS_S = 5.0  # between lines when the output is not a terminal
BAD_ROWS_SHOWN = 10
REFUSALS_SHOWN = 5
EXIT_INCOMPLETE, EXIT_USAGE = 1, 2


def broker_of(host: str | None, port: int | None, protocol: str | None) -> Broker:
    """From the options, and from the settings where they are silent."""
    settings = get_settings()
    version = protocol or settings.mqtt_protocol
    if version not in ("3.1.1", "5"):
        raise ValueError(f"--protocol takes 3.1.1 or 5, not {version!r}")
    return Broker(
        host or settings.mqtt_host, port or settings.mqtt_port, cast(Literal["3.1.1", "5"], version)
    )


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors of the user's input in plain words on standard error, exit code 2."""
    try:
        yield
    except (ValueError, TrackError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(EXIT_USAGE) from None


def report_bad_rows(recording: Recording) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for bad in recording.bad_rows[:BAD_ROWS_SHOWN]:
        console.print(f"line {bad.line}: {bad.reason}; left out" if bad.line else bad.reason)
    if len(recording.bad_rows) > BAD_ROWS_SHOWN:
        console.print(f"... and {len(recording.bad_rows) - BAD_ROWS_SHOWN} more rows left out")


def play(
    crews: Sequence[Crew], broker: Broker, *, start_us: int, speed_up: float | None, patience_s: float
) -> Summary:
    """Run the devices until every ping is acknowledged, with progress on standard error."""
    console = Console(stderr=True, highlight=False)
    pace = f"{speed_up:g} times real speed" if speed_up else "as fast as the broker takes it"
    console.print(f"{len(crews)} devices to {broker.host}:{broker.port} (MQTT {broker.protocol}), {pace}")
    if any(not crew.payload.acknowledged for crew in crews):
        console.print(
            "OwnTracks knows no application ack: a ping counts as acknowledged once the broker took it"
        )
    with _progress(console) as progress:
        return asyncio.run(
            run_fleet(
                broker, crews, start_us=start_us, speed_up=speed_up, patience_s=patience_s, progress=progress
            )
        )


def finish(summary: Summary, *, bad_rows: int = 0) -> None:
    """Print the table; exits with 1 when pings stayed unacknowledged or a device was refused."""
    table = Table(title="Published", show_header=False)
    for label, value in (
        ("devices", summary.devices),
        ("pings", summary.pings),
        ("messages taken by the broker", summary.messages),
        ("pings acknowledged", summary.acked),
        ("pings sent again", summary.resent),
        ("reconnects", summary.reconnects),
        ("pings without acknowledgement", summary.unacked),
        ("rows left out", bad_rows),
        ("seconds", f"{summary.seconds:.1f}"),
    ):
        table.add_row(label, str(value))
    Console().print(table)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for refusal in summary.refused[:REFUSALS_SHOWN]:
        console.print(f"[red]error:[/red] {escape(refusal)}. {_hint(refusal)}")
    if len(summary.refused) > REFUSALS_SHOWN:
        console.print(f"... and {len(summary.refused) - REFUSALS_SHOWN} more devices refused")
    if summary.unreachable:
        console.print(
            f"[red]error:[/red] {summary.unreachable} devices never reached the broker. Is it running?"
        )
    elif summary.unacked:
        console.print(f"[red]error:[/red] {summary.unacked} pings were not acknowledged. Is ingest running?")
    if not summary.complete:
        raise typer.Exit(EXIT_INCOMPLETE)


def _hint(refusal: str) -> str:
    if "protocol version" in refusal:
        return "The embedded broker speaks 3.1.1 only: --protocol 3.1.1, or MESS_MQTT_PROTOCOL=3.1.1"
    return "Is it registered, and is its secret right? (--credentials)"


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """A live line on a terminal; elsewhere a line every few seconds."""
    if console.is_terminal:
        with console.status("connecting") as status:
            yield lambda s: status.update(_line(s))
        return
    last = time.monotonic()

    def show(summary: Summary) -> None:
        nonlocal last
        if time.monotonic() - last >= QUIET_PROGRESS_S:
            last = time.monotonic()
            console.print(_line(summary), soft_wrap=True)

    yield show


def _line(summary: Summary) -> str:
    return (
        f"{summary.seconds:.0f} s: {summary.pings} pings, {summary.acked} acknowledged, "
        f"{summary.unacked} waiting, {summary.resent} sent again"
    )
