"""The books of ingest: worker totals, and which numbers a device may forget."""

from collections.abc import Sequence

import msgspec
import psycopg

# More ranges than this are not remembered; the highest go. Those pings stay stored, but a device
# that reads only the cumulative number sends them again.
MAX_RANGES = 256

_UP_TO = (
    # Numbers begin at 1 (0 is taken too). A first range that begins later has a hole before it.
    "RETURNING a.device_id, (SELECT CASE WHEN lower(r) <= 1 THEN upper(r) - 1 END FROM unnest(a.stored) AS r LIMIT 1),"
    " (SELECT count(*) FROM unnest(a.stored))"
)
# Rows are locked in device order first, so that two workers cannot wait for each other.
_MERGE_SEQS = f"""
UPDATE device_acks AS a SET stored = CASE WHEN a.stored && s.new THEN s.handled ELSE a.stored + s.handled END
FROM (
    SELECT l.device_id, u.handled::int8multirange, u.new::int8multirange
    FROM unnest(%(devices)s::bigint[], %(handled)s::text[], %(new)s::text[]) AS u (device_id, handled, new)
    JOIN (SELECT device_id FROM device_acks WHERE device_id = ANY (%(devices)s)
          ORDER BY device_id FOR UPDATE) AS l USING (device_id)
) AS s WHERE a.device_id = s.device_id {_UP_TO}
"""
_FIRST_SEQS = f"""
INSERT INTO device_acks AS a (device_id, stored)
SELECT d, h::int8multirange FROM unnest(%s::bigint[], %s::text[]) AS s (d, h) ORDER BY d
ON CONFLICT (device_id) DO UPDATE SET stored = a.stored + EXCLUDED.stored {_UP_TO}
"""
_FORGET_HIGHEST = (
    "UPDATE device_acks SET stored = (SELECT range_agg(r) FROM (SELECT r FROM unnest(stored) AS r LIMIT %s) AS low)"
    " WHERE device_id = %s"
)


class Totals(msgspec.Struct, frozen=True):
    """What one batch did, counted in pings; `received = stored + duplicate + rejected`."""

    messages: int = 0
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    late: int = 0  # of the stored ones


class Seqs(msgspec.Struct, frozen=True):
    """Sequence numbers of one device in a batch; `new` are those of pings that were stored just now."""

    device_id: int
    handled: frozenset[int]
    new: frozenset[int]


def add_totals(connection: psycopg.Connection, worker: str, totals: Totals) -> None:
    connection.execute(
        "INSERT INTO ingest_totals AS t (worker, messages, received, stored, duplicate, rejected, late)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (worker) DO UPDATE SET"
        " messages = t.messages + EXCLUDED.messages, received = t.received + EXCLUDED.received,"
        " stored = t.stored + EXCLUDED.stored, duplicate = t.duplicate + EXCLUDED.duplicate,"
        " rejected = t.rejected + EXCLUDED.rejected, late = t.late + EXCLUDED.late, updated_at = now()",
        [worker, *msgspec.structs.astuple(totals)],
    )


def merge_seqs(connection: psycopg.Connection, seqs: Sequence[Seqs]) -> dict[int, int | None]:
    """Add the handled numbers; for each device the n up to which every number from 1 is stored, or None.

    A hole is never closed by guessing: the device may still hold that ping. A number that is new
    although it was counted before means that the device began to count anew (reinstalled,
    replaced): what was known of the old count is dropped.
    """
    if not seqs:
        return {}
    parameters = {
        "devices": [s.device_id for s in seqs],
        "handled": [_multirange(s.handled) for s in seqs],
        "new": [_multirange(s.new) for s in seqs],
    }
    rows = connection.execute(_MERGE_SEQS, parameters).fetchall()
    if len(rows) < len(seqs):
        known = {row[0] for row in rows}
        fresh = [s for s in seqs if s.device_id not in known]
        rows += connection.execute(
            _FIRST_SEQS, [[s.device_id for s in fresh], [_multirange(s.handled) for s in fresh]]
        ).fetchall()
    for device_id, _, count in rows:
        if count > MAX_RANGES:
            connection.execute(_FORGET_HIGHEST, [MAX_RANGES, device_id])
    return {device_id: up_to for device_id, up_to, _ in rows}


def ranges(numbers: frozenset[int]) -> list[tuple[int, int]]:
    """The numbers as inclusive ranges, ascending."""
    result: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if result and number == result[-1][1] + 1:
            result[-1] = (result[-1][0], number)
        else:
            result.append((number, number))
    return result


def _multirange(numbers: frozenset[int]) -> str:
    return "{" + ",".join(f"[{low},{high}]" for low, high in ranges(numbers)) + "}"
