"""`mess deadletters`: messages of which something was refused; what they say, and playing them again after a repair."""

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from typing import Annotated

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from cli.decode import judge_at, told
from config.settings import Settings, get_settings
from ingest.letter_query import (
    LetterFilter,
    StoredLetter,
    count_letters,
    counts_by_reason,
    letter_pages,
    load_letter,
    newest_letters,
    refusals_of,
)
from ingest.ping import REASONS, normal_form, rfc3339
from ingest.replay import Fate, Replayer, Tally
from ingest.times import from_us, to_us
from ingest.worker import pipeline_settings

LISTED = 50
MOST_LISTED = 10_000
# Fewer letters than this are played before a bar of progress could be read.
PROGRESS_FROM = 20

Reason = Annotated[str | None, typer.Option(help="Only those with a ping refused for this reason.")]
DeviceUid = Annotated[str | None, typer.Option("--device", help="Only those of this device uid.")]
Topic = Annotated[str | None, typer.Option(help="Only this topic; * stands for any characters.")]
Since = Annotated[str | None, typer.Option(help="Only those that arrived from then on (RFC 3339).")]
Until = Annotated[str | None, typer.Option(help="Only those that arrived before (RFC 3339).")]

app = typer.Typer(
    help="List, show and play again the messages of which something was refused.", no_args_is_help=True
)


def wanted(
    reason: str | None, device: str | None, topic: str | None, since: str | None, until: str | None
) -> LetterFilter:
    """Raises typer.BadParameter."""
    if reason is not None and reason not in REASONS:
        raise typer.BadParameter(
            f"there is no reason {reason!r}; see docs/telemetry.md, section 5", param_hint="--reason"
        )
    return LetterFilter(reason, device, topic, _time(since, "--since"), _time(until, "--until"))


def _time(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise typer.BadParameter("not an RFC 3339 time with a zone", param_hint=option)
    return time


def _connect(settings: Settings) -> psycopg.Connection:
    return psycopg.connect(
        settings.database_url,
        autocommit=True,
        application_name="mess deadletters",
        options="-c timezone=UTC -c statement_timeout=60000",
    )


@app.command("list")
def list_letters(
    *,
    reason: Reason = None,
    device: DeviceUid = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int, typer.Option(min=0, max=MOST_LISTED, help="Letters to list, the newest first.")
    ] = LISTED,
    played: Annotated[
        bool, typer.Option("--all", help="Also those that were played again and passed.")
    ] = False,
) -> None:
    """List the letters that wait, and count them by reason."""
    chosen = msgspec.structs.replace(wanted(reason, device, topic, since, until), waiting=not played)
    console = Console()
    with _connect(get_settings()) as connection:
        total, listed = count_letters(connection, chosen), newest_letters(connection, chosen, limit)
        counted = counts_by_reason(connection, chosen)
    reasons = _table("reason", "letters", "refused", "first", "last")
    for name, letters, refused, first, last in counted:
        reasons.add_row(name, f"{letters}", f"{refused}", _shown(first), _shown(last))
    table = _table("id", "arrived", "device", "topic", "bytes", "refused", "tries", "")
    for each in listed:
        why = ", ".join(f"{count} {name}" for name, count in each.reasons.items())
        note = "passed" if each.replayed_at else "" if each.whole else "cut"
        table.add_row(
            f"{each.id}", _shown(each.received_at), escape(each.device_uid or "-"), escape(each.topic),
            f"{each.payload_bytes}", why, f"{each.tries}", note,
        )  # fmt: skip
    if listed:
        console.print(table)
    if counted:
        console.print(reasons)
    console.print(f"{total} letter{'' if total == 1 else 's'}; {len(listed)} listed", highlight=False)


def _table(*headings: str) -> Table:
    table = Table(highlight=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _shown(time: datetime) -> str:
    return rfc3339(to_us(time))


@app.command()
def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", help="Of `mess deadletters list`.")],
    raw: Annotated[bool, typer.Option("--raw", help="The kept bytes alone, as they are.")] = False,
) -> None:
    """Show a letter's payload, why it was refused, and what the present codec makes of it.

    Exit code 1: there is no such letter.
    """
    settings = get_settings()
    with _connect(settings) as connection:
        letter = load_letter(connection, letter_id)
        if letter is None:
            typer.echo(f"letter_not_found: there is no letter {letter_id}", err=True)
            raise typer.Exit(1)
        refusals = refusals_of(connection, letter_id)
    if raw:
        typer.get_binary_stream("stdout").write(letter.message.payload)
        return
    for line in (*_told_letter(letter), *_told_refusals(refusals), *_judged(letter, settings)):
        typer.echo(line)


def _told_letter(letter: StoredLetter) -> Iterable[str]:
    message = letter.message
    yield f"topic: {message.topic}"
    yield f"arrived: {rfc3339(message.received_us)}"
    played = "passed" if letter.replayed else "waits"
    yield f"played again: {letter.tries} times; {played}"
    kept = "" if letter.whole else f", the first {len(message.payload)} are kept: it cannot be played again"
    yield f"payload: {letter.payload_bytes} bytes{kept}"
    yield _payload(message.payload)


def _payload(payload: bytes) -> str:
    """Text as it is; anything else in hexadecimal, which `mess decode --hex` reads."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return payload.hex()
    return (
        text if all(character.isprintable() or character in "\r\n\t" for character in text) else payload.hex()
    )


def _told_refusals(refusals: Iterable[tuple[str, str, int]]) -> Iterable[str]:
    yield "refused:"
    for reason, detail, count in refusals:
        times = f" ({count} times)" if count > 1 else ""
        yield f"  {reason}: {detail or REASONS.get(reason, '')}{times}"


def _judged(letter: StoredLetter, settings: Settings) -> Iterable[str]:
    message = letter.message
    # At its own arrival, as a replay would judge it.
    verdict = judge_at(from_us(message.received_us), message.topic, None, settings).judge(message.payload)
    yield "the present codec makes of it:"
    yield from (f"  {line}" for line in told(verdict))
    if verdict.kept:
        yield msgspec.json.format(
            msgspec.json.encode([normal_form(ping) for ping in verdict.kept]), indent=2
        ).decode()


@app.command()
def replay(
    *,
    letter_ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", help="These letters, instead of all that the options name."),
    ] = None,
    reason: Reason = None,
    device: DeviceUid = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many at most, the oldest first.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would come to.")] = False,
) -> None:
    """Play letters again through the pipeline, with the arrival that they had.

    Each is a transaction: stop at any time and go on later. What passes is stored; what is refused again stays
    a letter, with the newest reason.
    """
    chosen = wanted(reason, device, topic, since, until)
    if letter_ids and chosen != LetterFilter():
        raise typer.BadParameter("give letters or options that choose them, not both", param_hint="ID")
    settings = get_settings()
    with (
        _connect(settings) as connection,
        closing(Replayer(connection, pipeline_settings(settings))) as replayer,
    ):
        pages = [letter_ids] if letter_ids else letter_pages(connection, chosen, limit)
        total = len(letter_ids) if letter_ids else count_letters(connection, chosen)
        total = total if limit is None else min(total, limit)
        tally = Tally()
        with Progress(console=Console(stderr=True), disable=total < PROGRESS_FROM) as progress:
            bar = progress.add_task("judging" if dry_run else "playing", total=total)
            play = _judge_page if dry_run else _play_page
            for page in pages:
                play(connection, replayer, page, tally, lambda: progress.advance(bar))
    _report(tally, dry_run=dry_run)


def _play_page(
    connection: psycopg.Connection,
    replayer: Replayer,
    page: list[int],
    tally: Tally,
    done: Callable[[], None],
) -> None:
    for letter_id in page:
        tally.add(replayer.play(letter_id))
        done()


def _judge_page(
    connection: psycopg.Connection,
    replayer: Replayer,
    page: list[int],
    tally: Tally,
    done: Callable[[], None],
) -> None:
    letters = []
    for letter_id in page:
        letter = load_letter(connection, letter_id)
        if letter is None:
            tally.fates[Fate.DONE] += 1
        else:
            letters.append(letter)
        done()
    tally.add_all(replayer.judge(letters))


def _report(tally: Tally, *, dry_run: bool) -> None:
    totals, fates = tally.totals, tally.fates
    would = "would be " if dry_run else ""
    typer.echo(
        f"letters: {sum(fates.values())}; {would}passed {fates[Fate.PASSED]}, {would}refused again {fates[Fate.REFUSED]},"
        f" cut and not played {fates[Fate.CUT]}, no longer waiting {fates[Fate.DONE]}"
    )
    typer.echo(
        f"pings: {would}received {totals.received} = stored {totals.stored} + duplicate {totals.duplicate}"
        f" + rejected {totals.rejected}"
    )
    for name, count in sorted(tally.reasons.items(), key=lambda each: -each[1]):
        typer.echo(f"  {count} {name}: {REASONS.get(name, '')}")
