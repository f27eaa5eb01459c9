"""What a fleet's owner and the administrators learn of what devices sent, and of what was refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from platform_api.accounting import repository, rules
from platform_api.accounting.models import DeadLetter
from platform_api.accounting.repository import AccountKey, Asked, Refused
from platform_api.actor import Actor
from platform_api.errors import BadRequest, NotFound
from platform_api.fleet import service as fleet
from platform_api.pagination import PageQuery, decode_cursor, encode_cursor


@dataclass(frozen=True, slots=True)
class AccountPage:
    rows: Sequence[Row[Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ShownLetter:
    letter: DeadLetter
    refused: Sequence[Refused]


@dataclass(frozen=True, slots=True)
class LetterPage:
    letters: Sequence[ShownLetter]
    next_cursor: str | None


def list_accounts(
    session: Session,
    actor: Actor,
    query: PageQuery,
    *,
    device_uid: str | None,
    first: date | None,
    last: date | None,
) -> AccountPage:
    """Raises NotFound `device_not_found`, BadRequest `invalid_range`, `invalid_cursor`."""
    rules.check_days(first, last)
    asked = Asked(
        device_id=None if device_uid is None else _device_id(session, actor, device_uid),
        first=first,
        last=last,
        after=None if query.cursor is None else _key(query.cursor),
    )
    rows = repository.accounts(session, actor, asked, query.limit + 1)
    if len(rows) <= query.limit:
        return AccountPage(rows, None)
    last_row = rows[query.limit - 1]
    return AccountPage(rows[: query.limit], encode_cursor([last_row.day.isoformat(), last_row.device_id]))


def _device_id(session: Session, actor: Actor, uid: str) -> int:
    if uid == rules.NO_DEVICE_NAME and actor.is_administrator:
        return rules.NO_DEVICE
    return fleet.get_device(session, actor, uid).id


def _key(cursor: str) -> AccountKey:
    day, device_id = decode_cursor(cursor, [str, int])
    try:
        return AccountKey(date.fromisoformat(day), device_id)
    except ValueError as error:
        raise BadRequest("invalid_cursor", "This cursor was not given out by this list.") from error


def list_letters(
    session: Session,
    actor: Actor,
    query: PageQuery,
    *,
    reason: str | None,
    device_uid: str | None,
    since: datetime | None,
    until: datetime | None,
    waiting: bool | None,
) -> LetterPage:
    """Raises BadRequest `invalid_range`, `invalid_cursor`."""
    rules.check_times(since, until)
    letters, next_cursor = repository.page_letters(
        session,
        actor,
        query,
        reason=reason,
        device_uid=device_uid,
        since=since,
        until=until,
        waiting=waiting,
    )
    refused = repository.refused_by_reason(session, [letter.id for letter in letters])
    return LetterPage([ShownLetter(letter, refused.get(letter.id, ())) for letter in letters], next_cursor)


def get_letter(session: Session, actor: Actor, letter_id: int) -> ShownLetter:
    """With its payload. Raises NotFound `letter_not_found`, also for a letter of another carrier's device."""
    letter = repository.find_letter(session, actor, letter_id)
    if letter is None:
        raise _no_letter()
    return ShownLetter(letter, repository.refused_in(session, letter_id))


def ask_replay(session: Session, actor: Actor, letter_id: int, *, now: datetime) -> ShownLetter:
    """Have ingest play a letter again; it looks for such wishes itself. Asking again is harmless.

    Raises NotFound `letter_not_found`, Conflict `letter_played`, `letter_cut`.
    """
    letter = repository.lock_letter(session, actor, letter_id)
    if letter is None:
        raise _no_letter()
    rules.check_playable(
        replayed_at=letter.replayed_at, payload_bytes=letter.payload_bytes, kept_bytes=letter.kept_bytes
    )
    letter.asked_at = letter.asked_at or now
    return ShownLetter(letter, repository.refused_by_reason(session, [letter_id]).get(letter_id, ()))


def _no_letter() -> NotFound:
    return NotFound("letter_not_found", "There is no such message, or it is not of your devices.")
