"""Folds the ledger into `device_days`, and counts the silences of days that got new pings.

Each call is one transaction of bounded size; a kill leaves it undone. One worker at a time does it: two would wait for
each other's rows of `device_days`.
"""

from datetime import date, timedelta

import msgspec
import psycopg

from ingest.alone import BOOKS, alone_until_commit

# A row has some thousand entries. The more rows at once, the fewer updates of the same device's day.
ROWS_AT_ONCE = 200
DAYS_AT_ONCE = 200

_FOLD = """
INSERT INTO device_days AS d (device_id, day, received, stored, duplicate, late, rejected, rejected_by, lateness_ms, lateness)
SELECT * FROM ledger_days(%s::bigint[]) AS l ORDER BY l.device_id, l.day
ON CONFLICT (device_id, day) DO UPDATE SET
    received = d.received + EXCLUDED.received, stored = d.stored + EXCLUDED.stored,
    duplicate = d.duplicate + EXCLUDED.duplicate, late = d.late + EXCLUDED.late,
    rejected = d.rejected + EXCLUDED.rejected, rejected_by = add_reasons(d.rejected_by, EXCLUDED.rejected_by),
    lateness_ms = d.lateness_ms + EXCLUDED.lateness_ms, lateness = add_counts(d.lateness, EXCLUDED.lateness)
"""
# Days of device time that got pings: the day of arrival, unless an entry says otherwise (ingest.ledger.EVENT_DAY).
_ASK_FOR_GAPS = """
INSERT INTO gap_days (device_id, day, due_at)
SELECT t.device_id, t.day, greatest(clock_timestamp(), d.gaps_counted_at + %(pause)s) FROM (
    SELECT device_id, CASE code WHEN 5 THEN date '1970-01-01' + amount::integer ELSE day END AS day
    FROM ledger_entries WHERE id = ANY (%(ids)s::bigint[]) AND code IN (1, 5) GROUP BY 1, 2
) AS t LEFT JOIN device_days AS d USING (device_id, day)
WHERE %(earliest)s::date IS NULL OR t.day >= %(earliest)s
ON CONFLICT (device_id, day) DO NOTHING
"""
_TAKE_GAPS = """
DELETE FROM gap_days WHERE (device_id, day) IN (
    SELECT device_id, day FROM gap_days WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT %s
) RETURNING device_id, day
"""
# The next ping after a day ends a silence that may have begun on it: that ping's day is counted again as well.
_COUNT_GAPS = """
INSERT INTO device_days AS d (device_id, day, gaps, gaps_counted_at)
SELECT c.device_id, c.day, count_gaps(c.device_id, c.day, %(longest)s), clock_timestamp() FROM (
    SELECT * FROM unnest(%(devices)s::bigint[], %(days)s::date[]) AS t (device_id, day)
    UNION
    SELECT t.device_id, next_ping_day(t.device_id, t.day)
    FROM unnest(%(devices)s::bigint[], %(days)s::date[]) AS t (device_id, day)
) AS c WHERE c.day IS NOT NULL ORDER BY c.device_id, c.day
ON CONFLICT (device_id, day) DO UPDATE SET gaps = EXCLUDED.gaps, gaps_counted_at = EXCLUDED.gaps_counted_at
"""


class CompactorSettings(msgspec.Struct, frozen=True):
    gap: timedelta  # the longest silence that is none
    gap_pause: timedelta  # the gaps of a device's day are counted at most so often
    ping_retention_days: int = 0  # 0 = pings are kept for ever


def compact(connection: psycopg.Connection, settings: CompactorSettings, today: date) -> int:
    """Fold some rows of the ledger; how many. Less than ROWS_AT_ONCE: nothing is left, or somebody else is at it."""
    with connection.transaction():
        if not alone_until_commit(connection, BOOKS):
            return 0
        ids = [
            row[0]
            for row in connection.execute("SELECT id FROM ingest_ledger ORDER BY id LIMIT %s", [ROWS_AT_ONCE])
        ]
        if not ids:
            return 0
        kept_days = settings.ping_retention_days
        asked = {
            "ids": ids,
            "pause": settings.gap_pause,
            # Of a day whose pings are gone already nothing can be counted again.
            "earliest": today - timedelta(days=kept_days - 1) if kept_days else None,
        }
        connection.execute(_FOLD, [ids])
        connection.execute(_ASK_FOR_GAPS, asked)
        connection.execute("DELETE FROM ingest_ledger WHERE id = ANY (%s)", [ids])
        return len(ids)


def count_gaps(connection: psycopg.Connection, settings: CompactorSettings) -> int:
    """Count the silences of some days that are due; how many days. Less than DAYS_AT_ONCE: as `compact`."""
    with connection.transaction():
        if not alone_until_commit(connection, BOOKS):
            return 0
        taken = connection.execute(_TAKE_GAPS, [DAYS_AT_ONCE]).fetchall()
        if taken:
            devices, days = zip(*taken, strict=True)
            connection.execute(
                _COUNT_GAPS, {"devices": list(devices), "days": list(days), "longest": settings.gap}
            )
        return len(taken)


def waiting_rows(connection: psycopg.Connection) -> int:
    """Rows of the ledger that are not folded yet."""
    row = connection.execute("SELECT count(*) FROM ingest_ledger").fetchone()
    return int(row[0]) if row else 0
