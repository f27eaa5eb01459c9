"""The `mess` command. A command's module is imported when that command is asked for, so `--help` is quick."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import typer

from cli.plain_errors import explain


class Target(NamedTuple):
    """Where a command lives (`module:name` of a function, or of a Typer with commands below it) and its line in the list."""

    path: str
    summary: str


COMMANDS = {
    "demo": Target("cli.demo:demo", "Play a whole delivery over real MQTT and show the evidence."),
    "up": Target("cli.up:up", "Start the embedded parts, ingest, API and worker; Ctrl-C stops all."),
    "down": Target("cli.up:down", "Stop what `mess up` started from this directory."),
    "migrate": Target("cli.migrate:migrate", "Bring the database to the newest schema."),
    "ingest": Target("cli.processes:ingest", "Run one ingest worker."),
    "api": Target("cli.processes:api", "Run the HTTP and WebSocket API."),
    "worker": Target("cli.processes:worker", "Run the task worker and its schedule."),
    "simulate": Target("cli.simulate:simulate", "Drive virtual trucks over MQTT."),
    "replay": Target("cli.simulate:replay", "Publish a recorded track over MQTT."),
    "decode": Target("cli.decode:decode", "Show what the platform makes of one payload."),
    "deadletters": Target("cli.deadletters:app", "List, show and play again the messages that were refused."),
    "doctor": Target("cli.doctor:doctor", "Say which parts are there, and what to do about the others."),
    "codes": Target("cli.codes:codes", "Print every error code of the API (docs/errors.md)."),
    "sms": Target("cli.sms:sms", "Show the text messages to a phone, where the console stands in for it."),
    "createsuperuser": Target("cli.accounts:createsuperuser", "Create an administrator."),
}


def load(target: Target) -> Callable[..., Any]:
    module, _, name = target.path.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def build_app(wanted: str | None) -> typer.Typer:
    """The application with the wanted command loaded; the others are only named in the help."""
    app = typer.Typer(
        name="mess",
        help="MESS Platform: freight on telemetry, from a truck's ping to the order's status.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, target in COMMANDS.items():
        command = load(target) if name == wanted else _not_loaded
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, short_help=target.summary)
        elif name == wanted:
            app.command(name, short_help=target.summary)(command)
        else:
            app.command(name, help=target.summary)(_not_loaded)
    return app


def main() -> None:
    # The first word that is not an option is the command; `mess` itself takes no option with a value.
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        build_app(wanted)(prog_name="mess")
    except Exception as error:
        explanation = explain(error)
        if explanation is None:
            raise
        typer.echo(explanation.text, err=True)
        sys.exit(explanation.exit_code)


def _not_loaded() -> None:
    raise AssertionError("only the wanted command is loaded, and only it can be called")
