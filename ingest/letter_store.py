"""Dead letters: keeping them, and keeping them bounded."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np
import psycopg

from ingest.alone import LETTERS, alone
from ingest.array_params import BigInts
from ingest.letter import Letter, Refusal

MAX_DETAIL_CHARS = 500
LETTERS_AT_ONCE = 1_000
# What a letter takes besides its payload, about: rows, index entries, topic, words of its refusals.
ROW_BYTES = 512

# One statement however many letters there are, and parameters in binary form (%b), which is half the time: a flood of
# bad messages must not hold up the good ones of its batch.
_SAVE = """
WITH given AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('dead_letters', 'id')) AS id, l.*,
        timestamptz 'epoch' + l.received_us * interval '1 microsecond' AS received_at
    FROM unnest(%b, %b, %b::text[], %b::text[], %b::bytea[], %b)
        WITH ORDINALITY AS l (received_us, device_id, topic, device_uid, payload, payload_bytes, number)
), kept AS (
    INSERT INTO dead_letters (id, received_at, topic, device_id, device_uid, payload, payload_bytes, worker)
    SELECT id, received_at, topic, device_id, device_uid, payload, payload_bytes, %s FROM given
)
INSERT INTO rejected_pings (letter_id, received_at, topic, device_uid, payload_bytes, worker, reason, detail)
SELECT g.id, g.received_at, g.topic, g.device_uid, g.payload_bytes, %s, r.reason, r.detail
FROM unnest(%b, %b::text[], %b::text[]) WITH ORDINALITY AS r (number, reason, detail, place)
JOIN given AS g USING (number) ORDER BY r.place
"""

# As few of the oldest as make up for the excess.
_DROP_OLDEST = """
DELETE FROM dead_letters WHERE id = ANY (ARRAY(SELECT id FROM (
    SELECT id, sum(kept_bytes + %(row)s) OVER (ORDER BY received_at, id) - kept_bytes - %(row)s AS before
    FROM (SELECT id, received_at, kept_bytes FROM dead_letters ORDER BY received_at, id LIMIT %(most)s) AS o
) AS oldest WHERE before < %(excess)s)) RETURNING kept_bytes
"""


def save(connection: psycopg.Connection, worker: str, letters: Sequence[Letter]) -> None:
    if not letters:
        return
    refusals = [(number, each) for number, letter in enumerate(letters, 1) for each in letter.refusals]
    connection.execute(
        _SAVE,
        [
            _ints(letter.received_us for letter in letters),
            _ints(letter.device_id for letter in letters),
            [_storable(letter.topic) for letter in letters],
            [None if letter.device_uid is None else _storable(letter.device_uid) for letter in letters],
            [letter.payload for letter in letters],
            _ints(letter.payload_bytes for letter in letters),
            worker,
            worker,
            _ints(number for number, _ in refusals),
            *_words([each for _, each in refusals]),
        ],
    )


def _ints(values: Iterable[int]) -> BigInts:
    return BigInts(np.fromiter(values, np.int64))


def replace_refusals(
    connection: psycopg.Connection, worker: str, letter_id: int, refusals: Sequence[Refusal]
) -> None:
    """What is refused of a letter now, instead of what was before."""
    connection.execute("DELETE FROM rejected_pings WHERE letter_id = %s", [letter_id])
    connection.execute(
        "INSERT INTO rejected_pings (letter_id, received_at, topic, device_uid, payload_bytes, worker, reason, detail)"
        " SELECT l.id, l.received_at, l.topic, l.device_uid, l.payload_bytes, %s, r.reason, r.detail"
        " FROM dead_letters AS l, unnest(%s::text[], %s::text[]) WITH ORDINALITY AS r (reason, detail, place)"
        " WHERE l.id = %s ORDER BY r.place",
        [worker, *_words(refusals), letter_id],
    )


def _words(refusals: Sequence[Refusal]) -> tuple[list[str], list[str]]:
    """Reasons and details."""
    details = [_storable(each.detail)[:MAX_DETAIL_CHARS] for each in refusals]
    return [each.reason for each in refusals], details


def _storable(text: str) -> str:
    """PostgreSQL text holds neither NUL nor lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def drop_older(connection: psycopg.Connection, age: timedelta) -> int:
    """Retention by age; drops LETTERS_AT_ONCE at most and returns how many."""
    return connection.execute(
        "DELETE FROM dead_letters WHERE id = ANY (ARRAY(SELECT id FROM dead_letters"
        " WHERE received_at < now() - %s ORDER BY received_at, id LIMIT %s))",
        [age, LETTERS_AT_ONCE],
    ).rowcount


def drop_beyond(connection: psycopg.Connection, most_bytes: int) -> int:
    """Retention by size, the oldest first, a piece at a time; how many were dropped.

    Nothing while another worker does it: each would go by its own count and drop too much.
    """
    with alone(connection, LETTERS) as mine:
        if not mine:
            return 0
        row = connection.execute(
            "SELECT coalesce(sum(kept_bytes), 0) + count(*) * %s FROM dead_letters", [ROW_BYTES]
        ).fetchone()
        excess, dropped = (int(row[0]) if row else 0) - most_bytes, 0
        while excess > 0:
            sizes = connection.execute(
                _DROP_OLDEST, {"row": ROW_BYTES, "most": LETTERS_AT_ONCE, "excess": excess}
            ).fetchall()
            if not sizes:
                break
            excess -= sum(size + ROW_BYTES for (size,) in sizes)
            dropped += len(sizes)
        return dropped


def waiting(connection: psycopg.Connection) -> int:
    """Letters of which something is still refused."""
    row = connection.execute("SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL").fetchone()
    return int(row[0]) if row else 0
