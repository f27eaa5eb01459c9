"""All SQL of presence, and the inbox of answers to commands, on a connection whose transaction the caller owns."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from ingest.ping import CommandResult
from ingest.presence import Change, Known, PresenceLimits, State, overdue
from ingest.times import from_us, to_us

_KNOWN = "state, since, last_seen_at, goodbye_at, connected_at, ended_at, tells"
# In device order, so that two workers cannot wait for each other.
_LOCK = f"""
SELECT device_id, report, {_KNOWN} FROM device_presence WHERE device_id = ANY (%s) ORDER BY device_id FOR UPDATE
"""
_SAVE = """
UPDATE device_presence AS p SET state = n.state, since = n.since, last_seen_at = n.last_seen_at,
    goodbye_at = n.goodbye_at, connected_at = n.connected_at, ended_at = n.ended_at, tells = n.tells,
    downlink = COALESCE(n.downlink, p.downlink),
    downlink_address = CASE WHEN n.downlink IS NULL THEN p.downlink_address ELSE n.address END,
    report = COALESCE(n.report, p.report), reported_at = COALESCE(n.reported_at, p.reported_at)
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
    %s::timestamptz[], %s::boolean[], %s::text[], %s::text[], %s::jsonb[], %s::timestamptz[])
    AS n (device_id, state, since, last_seen_at, goodbye_at, connected_at, ended_at, tells, downlink, address,
        report, reported_at)
WHERE p.device_id = n.device_id
"""
_TELL = """
INSERT INTO presence_changes (device_id, vehicle_id, state, at)
SELECT n.device_id, (
    SELECT a.vehicle_id FROM device_assignments a
    WHERE a.device_id = n.device_id AND (a.valid_from IS NULL OR a.valid_from <= n.at)
        AND (a.valid_to IS NULL OR n.at < a.valid_to)
    ORDER BY a.id LIMIT 1), n.state, n.at
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[]) AS n (device_id, state, at) ORDER BY n.device_id
RETURNING id, device_id, vehicle_id, state, at
"""
# Few are overdue and none is twice: without an index the rows stay updatable in place.
# A disabled device is not listened to any more: its goodbye goes unheard, so silence must do.
_OVERDUE = """
SELECT p.device_id, state, since, last_seen_at, goodbye_at, connected_at, ended_at, tells AND NOT d.disabled
FROM device_presence p JOIN devices d ON d.id = p.device_id
WHERE state <> 'offline' AND (
    goodbye_at <= %(goodbye)s AND (last_seen_at IS NULL OR last_seen_at <= goodbye_at)
    OR last_seen_at <= CASE WHEN tells AND NOT d.disabled THEN %(seen_of_tellers)s ELSE %(seen)s END)
ORDER BY p.device_id LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED
"""
_RESULTS = (
    "INSERT INTO command_results (device_id, command_id, receipt, ok, text, received_at)"
    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::boolean[], %s::boolean[], %s::text[], %s::timestamptz[])"
)
_PIECE = 5_000
SWEPT_AT_ONCE = 1_000


class PresenceChange(msgspec.Struct, frozen=True):
    """A row of `presence_changes`."""

    id: int
    device_id: int
    vehicle_id: int | None
    state: State
    at_us: int


class Stored(msgspec.Struct, frozen=True):
    known: Known
    report: dict[str, Any]


class Saved(msgspec.Struct, frozen=True):
    """What to write of one device; None of the last four = as it was."""

    device_id: int
    known: Known
    downlink: str | None = None
    address: str = ""
    report: dict[str, Any] | None = None
    reported_us: int | None = None


def lock(connection: psycopg.Connection, device_ids: Iterable[int]) -> dict[int, Stored]:
    """What is known of these devices, which nobody else changes until the end of the transaction."""
    return {
        device_id: Stored(_known(row), report)
        for device_id, report, *row in connection.execute(_LOCK, [list(device_ids)])
    }


def save(connection: psycopg.Connection, rows: Sequence[Saved]) -> None:
    """Of devices that are locked."""
    if not rows:
        return
    values = [
        (
            row.device_id,
            *_values(row.known),
            row.downlink,
            row.address,
            None if row.report is None else Jsonb(row.report),
            _moment(row.reported_us),
        )
        for row in rows
    ]
    connection.execute(_SAVE, [list(column) for column in zip(*values, strict=True)])


def tell(connection: psycopg.Connection, changes: dict[int, Change]) -> list[PresenceChange]:
    if not changes:
        return []
    told = changes.values()
    rows = connection.execute(
        _TELL, [list(changes), [each.state for each in told], [from_us(each.at_us) for each in told]]
    )
    return [PresenceChange(id, device, vehicle, state, to_us(at)) for id, device, vehicle, state, at in rows]


def sweep(connection: psycopg.Connection, now_us: int, limits: PresenceLimits) -> list[PresenceChange]:
    """Say of devices that they are gone whose time has come, at most `SWEPT_AT_ONCE`.

    Those that another worker has in hand are heard of just now, or judged by it.
    """
    rows = connection.execute(
        _OVERDUE,
        {
            "goodbye": from_us(now_us - limits.grace_us),
            "seen": from_us(now_us - limits.patience_us(tells=False)),
            "seen_of_tellers": from_us(now_us - limits.patience_us(tells=True)),
            "limit": SWEPT_AT_ONCE,
        },
    ).fetchall()
    judged = {device_id: overdue(_known(row), now_us, limits) for device_id, *row in rows}
    gone = {device_id: change for device_id, (_, change) in judged.items() if change is not None}
    save(connection, [Saved(device_id, judged[device_id][0]) for device_id in gone])
    return tell(connection, gone)


def drop_old(connection: psycopg.Connection, keep: timedelta, now_us: int) -> bool:
    """Forget a piece of what was told long ago, and of answers that were read; whether there is more."""
    before = from_us(now_us) - keep
    dropped = [
        connection.execute(
            f"DELETE FROM {table} WHERE id = ANY (ARRAY(SELECT id FROM {table} WHERE {column} < %s{more}"
            f" ORDER BY {column} LIMIT {_PIECE}))",
            [before],
        ).rowcount
        for table, column, more in (
            ("presence_changes", "recorded_at", ""),
            ("command_results", "received_at", " AND handled_at IS NOT NULL"),
        )
    ]
    return max(dropped) == _PIECE


def save_results(
    connection: psycopg.Connection, results: Sequence[tuple[int, int, CommandResult]]
) -> list[int]:
    """Put (device, arrival, answer) into the inbox of commands; the devices, each once."""
    if not results:
        return []
    rows = [
        (device_id, result.command_id, result.receipt, result.ok, result.text, from_us(received_us))
        for device_id, received_us, result in results
    ]
    connection.execute(_RESULTS, [list(column) for column in zip(*rows, strict=True)])
    return sorted({device_id for device_id, _, _ in results})


def _known(row: Sequence[Any]) -> Known:
    state, since, seen, goodbye, connected, ended, tells = row
    return Known(
        state=state,
        since_us=to_us(since),
        seen_us=_us(seen),
        goodbye_us=_us(goodbye),
        connected_us=_us(connected),
        ended_us=_us(ended),
        tells=tells,
    )


def _values(known: Known) -> tuple[Any, ...]:
    return (
        known.state,
        from_us(known.since_us),
        _moment(known.seen_us),
        _moment(known.goodbye_us),
        _moment(known.connected_us),
        _moment(known.ended_us),
        known.tells,
    )


def _us(moment: datetime | None) -> int | None:
    return None if moment is None else to_us(moment)


def _moment(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_us(time_us)
