"""Dead letters looked up, for the command line and for playing them again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from ingest.intake import Message
from ingest.times import to_us

_PAGE = 200
_MATCH = """
(%(waiting)s IS FALSE OR l.replayed_at IS NULL)
AND (%(device)s::text IS NULL OR l.device_uid = %(device)s)
AND (%(topic)s::text IS NULL OR l.topic LIKE %(topic)s)
AND (%(since)s::timestamptz IS NULL OR l.received_at >= %(since)s)
AND (%(until)s::timestamptz IS NULL OR l.received_at < %(until)s)
AND (%(reason)s::text IS NULL OR EXISTS (
    SELECT FROM rejected_pings AS r WHERE r.letter_id = l.id AND r.reason = %(reason)s))
"""
_LETTER = "SELECT l.id, l.topic, l.payload, l.received_at, l.payload_bytes, l.tries, l.replayed_at FROM dead_letters AS l"


class LetterFilter(msgspec.Struct, frozen=True):
    """None = any. `until` is exclusive; in `topic` a * stands for any characters."""

    reason: str | None = None
    device: str | None = None
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    waiting: bool = True  # only those of which something is still refused


class StoredLetter(msgspec.Struct, frozen=True):
    """A letter as it is played again."""

    id: int
    message: Message
    payload_bytes: int
    tries: int
    replayed: bool

    @property
    def whole(self) -> bool:
        return self.payload_bytes == len(self.message.payload)


class ListedLetter(msgspec.Struct, frozen=True, array_like=True):
    id: int
    received_at: datetime
    device_uid: str | None
    topic: str
    payload_bytes: int
    whole: bool
    tries: int
    replayed_at: datetime | None
    reasons: dict[str, int]


def load_letter(connection: psycopg.Connection, letter_id: int) -> StoredLetter | None:
    row = connection.execute(f"{_LETTER} WHERE l.id = %s", [letter_id]).fetchone()
    return None if row is None else _letter(row)


def _letter(row: tuple[Any, ...]) -> StoredLetter:
    letter_id, topic, payload, received_at, payload_bytes, tries, replayed_at = row
    message = Message(topic, bytes(payload), to_us(received_at))
    return StoredLetter(letter_id, message, payload_bytes, tries, replayed_at is not None)


def refusals_of(connection: psycopg.Connection, letter_id: int) -> list[tuple[str, str, int]]:
    """(reason, detail, how many pings), in the order of the message."""
    return connection.execute(
        "SELECT reason, detail, count(*) FROM rejected_pings WHERE letter_id = %s GROUP BY 1, 2 ORDER BY min(id)",
        [letter_id],
    ).fetchall()


def newest_letters(connection: psycopg.Connection, wanted: LetterFilter, limit: int) -> list[ListedLetter]:
    rows: list[tuple[Any, ...]] = connection.execute(
        "SELECT l.id, l.received_at, l.device_uid, l.topic, l.payload_bytes, l.payload_bytes = l.kept_bytes, l.tries,"
        " l.replayed_at, (SELECT coalesce(jsonb_object_agg(s.reason, s.n), '{}') FROM ("
        "  SELECT r.reason, count(*) AS n FROM rejected_pings AS r WHERE r.letter_id = l.id GROUP BY 1) AS s)"
        f" FROM dead_letters AS l WHERE {_MATCH} ORDER BY l.received_at DESC, l.id DESC LIMIT %(limit)s",
        {**_parameters(wanted), "limit": limit},
    ).fetchall()
    return [msgspec.convert(row, ListedLetter) for row in rows]


def counts_by_reason(
    connection: psycopg.Connection, wanted: LetterFilter
) -> list[tuple[str, int, int, datetime, datetime]]:
    """(reason, letters, refused pings, first, last arrival), the most letters first."""
    return connection.execute(
        "SELECT r.reason, count(DISTINCT l.id), count(*), min(l.received_at), max(l.received_at)"
        f" FROM dead_letters AS l JOIN rejected_pings AS r ON r.letter_id = l.id WHERE {_MATCH}"
        " AND (%(reason)s::text IS NULL OR r.reason = %(reason)s) GROUP BY 1 ORDER BY 2 DESC, 1",
        _parameters(wanted),
    ).fetchall()


def count_letters(connection: psycopg.Connection, wanted: LetterFilter) -> int:
    row = connection.execute(
        f"SELECT count(*) FROM dead_letters AS l WHERE {_MATCH}", _parameters(wanted)
    ).fetchone()
    return int(row[0]) if row else 0


def letter_pages(
    connection: psycopg.Connection, wanted: LetterFilter, limit: int | None
) -> Iterator[list[int]]:
    """The ids of those letters, the oldest first, some at a time; letters that come meanwhile are left out."""
    row = connection.execute("SELECT max(id) FROM dead_letters").fetchone()
    last, after, left = (row[0] if row else None), None, limit
    while last is not None and (left is None or left > 0):
        page = _PAGE if left is None else min(_PAGE, left)
        rows = connection.execute(
            f"SELECT l.received_at, l.id FROM dead_letters AS l WHERE {_MATCH} AND l.id <= %(last)s"
            " AND (%(after_time)s::timestamptz IS NULL OR (l.received_at, l.id) > (%(after_time)s, %(after_id)s))"
            " ORDER BY l.received_at, l.id LIMIT %(page)s",
            {
                **_parameters(wanted),
                "last": last,
                "after_time": after and after[0],
                "after_id": after and after[1],
                "page": page,
            },
        ).fetchall()
        if not rows:
            return
        after, left = rows[-1], None if left is None else left - len(rows)
        yield [letter_id for _, letter_id in rows]


def asked_letters(connection: psycopg.Connection, limit: int) -> list[int]:
    """Letters that somebody asked to have played again, in the order of asking."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT id FROM dead_letters WHERE asked_at IS NOT NULL ORDER BY asked_at, id LIMIT %s", [limit]
        )
    ]


def _parameters(wanted: LetterFilter) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(wanted),
        "topic": None if wanted.topic is None else _like(wanted.topic),
    }


def _like(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%")
