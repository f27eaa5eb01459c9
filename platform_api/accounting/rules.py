"""Which letters may be played again, and how bytes are shown: pure decisions."""

from datetime import date, datetime

from platform_api.errors import BadRequest, Conflict

# How a list of accounts is asked for what was of no device; no uid begins so.
NO_DEVICE_NAME = "-"
NO_DEVICE = 0


def check_days(first: date | None, last: date | None) -> None:
    """Raises BadRequest `invalid_range`; one day is a range."""
    if first is not None and last is not None and last < first:
        raise BadRequest("invalid_range", "`to` must not be before `from`.")


def check_times(since: datetime | None, until: datetime | None) -> None:
    """Raises BadRequest `invalid_range`."""
    if since is not None and until is not None and until <= since:
        raise BadRequest("invalid_range", "`to` must be after `from`.")


def check_playable(*, replayed_at: datetime | None, payload_bytes: int, kept_bytes: int) -> None:
    """Raises Conflict `letter_played`, `letter_cut`."""
    if replayed_at is not None:
        raise Conflict("letter_played", "This message was played again and nothing of it was refused.")
    if kept_bytes < payload_bytes:
        raise Conflict("letter_cut", "Only the beginning of this message was kept: it was too large.")


def readable(payload: bytes) -> str | None:
    """The payload as text, if a person can read it."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character in "\r\n\t" for character in text) else None
