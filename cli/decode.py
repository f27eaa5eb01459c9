"""`mess decode`: what the platform makes of one payload, or of a file of them, without a broker or a database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer

from config import clock
from config.settings import Settings, get_settings
from ingest.codecs.registry import BY_SLUG, CODECS, Limits, decode_by
from ingest.codecs.registry import decode as decode_on_topic
from ingest.ping import REASONS, CommandResult, Decoded, Ping, Presence, Rejected, normal_form, rfc3339
from ingest.steps import StepContext, apply_steps

NOT_HEX = Decoded(pings=[], rejected=[Rejected("malformed", "the input is not hexadecimal")])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would be stored of a message, what not, and all else that it says."""

    kept: list[Ping]
    rejected: list[Rejected]
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class Judge:
    """Ingest's limits at one moment: what it would say to a payload of this format."""

    read: Callable[[bytes], Decoded]
    context: StepContext

    def judge(self, payload: bytes) -> Verdict:
        return self._steps(self.read(payload))

    def judge_hex(self, text: bytes) -> Verdict:
        try:
            payload = bytes.fromhex(text.decode("ascii"))
        except ValueError:
            return self._steps(NOT_HEX)
        return self.judge(payload)

    def _steps(self, decoded: Decoded) -> Verdict:
        kept, rejected = apply_steps(decoded.pings, self.context)
        return Verdict(kept, [*decoded.rejected, *rejected], decoded)


def judge_at(now: datetime, topic: str | None, slug: str | None, settings: Settings) -> Judge:
    """`now` is aware; of `topic` and `slug` there is one."""
    earliest = datetime(settings.earliest_year, 1, 1, tzinfo=UTC)
    limits = Limits(max_payload_bytes=settings.max_payload_bytes, max_pings=settings.max_pings_per_message)
    return Judge(
        read=_reader(topic, slug, limits),
        context=StepContext(
            received_us=int(now.timestamp()) * 1_000_000,
            earliest_us=int(earliest.timestamp()) * 1_000_000,
            max_future_us=settings.max_future_s * 1_000_000,
        ),
    )


def _reader(topic: str | None, slug: str | None, limits: Limits) -> Callable[[bytes], Decoded]:
    if (topic is None) == (slug is None):
        raise typer.BadParameter("give one of the two", param_hint="--topic or --codec")
    if topic is not None:
        return lambda payload: decode_on_topic(topic, payload, limits)
    codec = BY_SLUG.get(slug or "")
    if codec is None:
        known = ", ".join(sorted(BY_SLUG))
        raise typer.BadParameter(f"no codec is called {slug!r}; there are: {known}", param_hint="--codec")
    return lambda payload: decode_by(codec, payload, limits)


def decode(
    topic: Annotated[str | None, typer.Option(help="The MQTT topic the payload came on.")] = None,
    codec: Annotated[
        str | None, typer.Option(help="The format of the payload, instead of a topic: see --list.")
    ] = None,
    hex_input: Annotated[bool, typer.Option("--hex", help="Standard input is hexadecimal.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="One hexadecimal payload a line, one JSON answer a line.")
    ] = False,
    now: Annotated[
        str | None, typer.Option(help="Judge clocks at this time (RFC 3339) instead of the present.")
    ] = None,
    list_codecs: Annotated[bool, typer.Option("--list", help="List the formats with their topics.")] = False,
) -> None:
    """Print the pings of one payload on standard input as a JSON array.

    Exit code 0: the pings that would be stored are on standard output ([] for a message that carries no
    position), and every ping of the batch that would not is a line on standard error. Exit code 1: nothing
    would be stored; standard error says why, beginning with the reason's code. What a message says besides
    positions is told on standard error after that.
    """
    if list_codecs:
        _list_codecs()
        return
    judge = judge_at(_moment(now), topic, codec, get_settings())
    source = typer.get_binary_stream("stdin")
    if lines:
        for line in source:
            typer.echo(msgspec.json.encode(_answer(judge.judge_hex(line))))
        return
    payload = source.read()
    verdict = judge.judge_hex(payload) if hex_input else judge.judge(payload)
    for text in told(verdict):
        typer.echo(text, err=True)
    if verdict.rejected and not verdict.kept:
        raise typer.Exit(1)
    pings = [normal_form(ping) for ping in verdict.kept]
    typer.echo(msgspec.json.format(msgspec.json.encode(pings), indent=2))


def _list_codecs() -> None:
    for codec in CODECS:
        typer.echo(f"{codec.slug}: {codec.name}")
        for topic in (*codec.topics, f"v1/devices/{{uid}}/formats/{codec.slug}"):
            typer.echo(f"    {topic}")


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


def _answer(verdict: Verdict) -> dict[str, Any]:
    """A batch of which something is kept is answered with what is kept; the other keys are there when told."""
    decoded = verdict.decoded
    answer: dict[str, Any] = {"pings": [normal_form(ping) for ping in verdict.kept]}
    if verdict.rejected and not verdict.kept:
        answer = {"rejected": verdict.rejected[0].reason}
    if decoded.uid is not None:
        answer["uid"] = decoded.uid
    if decoded.presence is not None:
        answer["presence"] = _presence(decoded.presence)
    if decoded.results:
        answer["results"] = decoded.results
    if decoded.report is not None:
        answer["report"] = decoded.report
    return answer


def _presence(presence: Presence) -> dict[str, Any]:
    composed = {} if presence.composed_us is None else {"composed": rfc3339(presence.composed_us)}
    return {"online": presence.online, **composed}


def told(verdict: Verdict) -> Iterator[str]:
    """Why pings are refused, and all else that the message says, a line each."""
    yield from _explain(verdict.rejected)
    yield from _tell(verdict)


def _explain(rejected: list[Rejected]) -> Iterator[str]:
    for each in rejected:
        seq = "" if each.seq is None else f" (seq {each.seq})"
        yield f"{each.reason}: {each.detail or REASONS[each.reason]}{seq}"


def _tell(verdict: Verdict) -> Iterator[str]:
    """All that the message says besides positions, in plain words."""
    decoded = verdict.decoded
    if decoded.uid is not None:
        yield f"device: the body names {decoded.uid}"
    if decoded.presence is not None:
        yield _told_presence(decoded.presence)
    for result in decoded.results:
        yield _told_result(result)
    if decoded.report is not None:
        yield f"report: {msgspec.json.encode(decoded.report).decode()}"
    if decoded == Decoded(pings=[], uid=decoded.uid):
        yield "nothing: a message of this kind carries no position"


def _told_presence(presence: Presence) -> str:
    when = "" if presence.composed_us is None else f", composed at {rfc3339(presence.composed_us)}"
    return f"presence: {'online' if presence.online else 'offline'}{when}"


def _told_result(result: CommandResult) -> str:
    which = "a command" if result.command_id is None else f"command {result.command_id}"
    text = f": {result.text}" if result.text else ""
    outcome = "was received" if result.receipt else "succeeded" if result.ok else "failed"
    return f"command result: {which} {outcome}{text}"


if __name__ == "__main__":
    typer.run(decode)
