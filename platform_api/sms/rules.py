"""Decisions about text messages: what fits into one, when it is tried again, and when it is given up."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# A text that nobody took within a day helps nobody any more.
LIFE = timedelta(hours=24)
# Longer than the timeouts of a provider together: nobody is at it any more.
CLAIM_LIFE = timedelta(minutes=2)
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=15)
# After an answer that did not come it is sent once more and then given up: a text twice is a nuisance
# and money, a text not at all is a person who waits for his code.
MAX_DOUBTS = 1
# Four parts of 153 characters
MAX_CHARS = 612
KEPT = timedelta(days=30)

# 3GPP TS 23.038, 6.2.1: basic character set and extension table.
GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
_PLAIN = {
    "’": "'",
    "‘": "'",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "–": "-",
    "—": "-",
    "…": "...",
    "œ": "oe",
}


class State(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """What became of handing a text to the provider."""

    ACCEPTED = "accepted"
    # For good: no such number.
    REFUSED = "refused"
    # Certainly not taken: no connection, too busy, no credit.
    NOT_TAKEN = "not_taken"
    # No answer came: it may have been taken.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Next:
    """What the outbox does with a text: its state, and for a queued one when it is tried again."""

    state: State
    attempt_at: datetime | None = None


def to_gsm7(text: str) -> str:
    """The text so that it takes 160 characters a message and not 70, where dropping accents is enough.

    A text in a script of its own (Arabic, N'Ko) is returned as it is.
    """
    plain = "".join(_to_gsm7(character) for character in text)
    return plain if all(character in GSM7 for character in plain) else text


def _to_gsm7(character: str) -> str:
    if character in GSM7:
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    if character.isspace():
        return " "
    folded = unicodedata.normalize("NFKD", character)
    return "".join(part for part in folded if not unicodedata.combining(part)) or character


def shorten(text: str) -> str:
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 3] + "..."


def pause_after(attempts: int) -> timedelta:
    """Before the attempt after this many; doubles up to a quarter of an hour."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(max(0, attempts - 1), 10)))


def after(outcome: Outcome, *, attempts: int, doubts: int, expires_at: datetime, now: datetime) -> Next:
    """What follows an attempt. `attempts` and `doubts` count this one already."""
    if outcome is Outcome.ACCEPTED:
        return Next(State.SENT)
    if outcome is Outcome.REFUSED or doubts > MAX_DOUBTS:
        return Next(State.FAILED)
    attempt_at = now + pause_after(attempts)
    return Next(State.EXPIRED) if attempt_at >= expires_at else Next(State.QUEUED, attempt_at)
