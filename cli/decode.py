"""`mess decode`: what the platform makes of one payload, or of a file of them, without a broker or a database."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from config import clock
from config.settings import Settings, get_settings
from ingest.codecs.registry import Limits
from ingest.codecs.registry import decode as decode_payload
from ingest.ping import REASONS, Ping, Rejected, normal_form
from ingest.steps import StepContext, apply_steps

NOT_HEX = Rejected("malformed", "the input is not hexadecimal")


@dataclass(frozen=True, slots=True)
class Judge:
    """Ingest's limits at one moment: what it would say to a payload on this topic."""

    topic: str
    limits: Limits
    context: StepContext

    def judge(self, payload: bytes) -> tuple[list[Ping], list[Rejected]]:
        decoded = decode_payload(self.topic, payload, self.limits)
        kept, rejected = apply_steps(decoded.pings, self.context)
        return kept, [*decoded.rejected, *rejected]

    def judge_hex(self, text: bytes) -> tuple[list[Ping], list[Rejected]]:
        try:
            payload = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            return [], [NOT_HEX]
        return self.judge(payload)


def judge_at(now: datetime, topic: str, settings: Settings) -> Judge:
    """`now` is aware."""
    earliest = datetime(settings.earliest_year, 1, 1, tzinfo=UTC)
    return Judge(
        topic=topic,
        limits=Limits(max_payload_bytes=settings.max_payload_bytes, max_pings=settings.max_pings_per_message),
        context=StepContext(
            received_us=int(now.timestamp()) * 1_000_000,
            earliest_us=int(earliest.timestamp()) * 1_000_000,
            max_future_us=settings.max_future_s * 1_000_000,
        ),
    )


def decode(
    topic: Annotated[str, typer.Option(help="The MQTT topic the payload came on.")],
    hex_input: Annotated[bool, typer.Option("--hex", help="Standard input is hexadecimal.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="One hexadecimal payload a line, one JSON answer a line.")
    ] = False,
    now: Annotated[
        str | None, typer.Option(help="Judge clocks at this time (RFC 3339) instead of the present.")
    ] = None,
) -> None:
    """Print the pings of one payload on standard input as a JSON array.

    Exit code 0: the pings that would be stored are on standard output ([] for a message that carries no
    position), and every ping of the batch that would not is a line on standard error. Exit code 1: nothing
    would be stored; standard error says why, beginning with the reason's code.
    """
    judge = judge_at(_moment(now), topic, get_settings())
    source = typer.get_binary_stream("stdin")
    if lines:
        for line in source:
            typer.echo(msgspec.json.encode(_answer(*judge.judge_hex(line))))
        return
    payload = source.read()
    kept, rejected = judge.judge_hex(payload) if hex_input else judge.judge(payload)
    for text in _explain(rejected):
        typer.echo(text, err=True)
    if rejected and not kept:
        raise typer.Exit(1)
    typer.echo(msgspec.json.format(msgspec.json.encode([normal_form(ping) for ping in kept]), indent=2))


def _moment(text: str | None) -> datetime:
    if text is None:
        return clock.now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter("not an RFC 3339 time with a zone", param_hint="--now")
    return moment


def _answer(kept: list[Ping], rejected: list[Rejected]) -> dict[str, Any]:
    """A batch of which something is kept is answered with what is kept."""
    if rejected and not kept:
        return {"rejected": rejected[0].reason}
    return {"pings": [normal_form(ping) for ping in kept]}


def _explain(rejected: list[Rejected]) -> Iterator[str]:
    for each in rejected:
        seq = "" if each.seq is None else f" (seq {each.seq})"
        yield f"{each.reason}: {each.detail or REASONS[each.reason]}{seq}"


if __name__ == "__main__":
    typer.run(decode)
