"""Trips, stops and events in SQL; the same way for live folds and for refolds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from ingest.interval import Interval, family_of, latest
from ingest.interval_diff import Change, IntervalChange, StoredInterval
from ingest.times import from_us, to_us

_COLUMNS = (
    "kind, origin, device_id, started_at, ended_at, seen_at, start_lon, start_lat, end_lon, end_lat, details"
)
_ARRAYS = (
    "%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::timestamptz[],"
    " %s::timestamptz[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::jsonb[]"
)
_INSERT = (
    "INSERT INTO intervals AS i (vehicle_id, kind, family, origin, device_id, started_at, ended_at, seen_at,"
    f" start_lon, start_lat, end_lon, end_lat, details) SELECT * FROM unnest({_ARRAYS})"
)
# Told live, the first telling is right about when it became certain.
_TELL = (
    f"{_INSERT} ON CONFLICT (vehicle_id, family, origin, device_id, started_at) WHERE retracted_at IS NULL"
    " DO UPDATE SET kind = EXCLUDED.kind, ended_at = EXCLUDED.ended_at, end_lon = EXCLUDED.end_lon,"
    " end_lat = EXCLUDED.end_lat, details = EXCLUDED.details, updated_at = clock_timestamp(),"
    " revision = i.revision + (i.ended_at IS NOT NULL)::int"
    " WHERE (i.kind, i.ended_at, i.details) IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.ended_at, EXCLUDED.details)"
    " RETURNING i.id, i.vehicle_id, i.kind, i.started_at, i.ended_at, xmax = 0"
)
_CREATE = f"{_INSERT} RETURNING i.id, i.vehicle_id, i.kind, i.started_at, i.ended_at"
_REVISE = (
    "UPDATE intervals SET kind = %s, family = %s, started_at = %s, ended_at = %s, seen_at = %s, start_lon = %s,"
    " start_lat = %s, end_lon = %s, end_lat = %s, details = %s, device_id = %s,"
    " revision = revision + %s, updated_at = clock_timestamp() WHERE id = %s"
)


class ToldInterval(msgspec.Struct, frozen=True):
    """One announced row of `interval_changes`."""

    id: int
    interval_id: int
    vehicle_id: int
    kind: str
    change: Change
    started_us: int
    ended_us: int | None


def tell(
    connection: psycopg.Connection, told: Sequence[tuple[int, Sequence[Interval]]]
) -> list[ToldInterval]:
    """Write what the live fold told of several vehicles: (vehicle id, intervals in the order of telling)."""
    rows = [
        _row(vehicle_id, interval)
        for vehicle_id, intervals in told
        for interval in latest(intervals).values()
    ]
    if not rows:
        return []
    written = connection.execute(_TELL, [list(column) for column in zip(*rows, strict=True)]).fetchall()
    return _announce(
        connection,
        [
            (
                i,
                vehicle_id,
                kind,
                "created" if fresh else "revised" if ended is None else "ended",
                started,
                ended,
            )
            for i, vehicle_id, kind, started, ended, fresh in written
        ],
    )


def stored_intervals(
    connection: psycopg.Connection, vehicle_id: int, since_us: int | None, open_at_start: Sequence[Interval]
) -> list[StoredInterval]:
    """What `interval_diff.in_scope` may accept: certain after a time (None = all), or open then."""
    open_from_us = min((interval.started_us for interval in open_at_start), default=None)
    return [
        StoredInterval(row[0], _interval(*row[1:]))
        for row in connection.execute(
            f"SELECT id, {_COLUMNS} FROM intervals WHERE vehicle_id = %s AND retracted_at IS NULL"
            " AND (%s::timestamptz IS NULL OR seen_at > %s OR started_at >= %s) ORDER BY started_at, id",
            [vehicle_id, _time(since_us), _time(since_us), _time(open_from_us)],
        )
    ]


def apply_changes(
    connection: psycopg.Connection, vehicle_id: int, changes: Sequence[IntervalChange]
) -> list[ToldInterval]:
    """Make `intervals` say what the changes say, and append to `interval_changes` what is told of them."""
    gone = [c.stored for c in changes if c.change == "retracted" and c.stored]
    # Retractions first: a revised interval may take the key of one that goes.
    if gone:
        connection.execute(
            "UPDATE intervals SET retracted_at = clock_timestamp(), updated_at = clock_timestamp(),"
            " revision = revision + 1 WHERE id = ANY (%s)",
            [[each.id for each in gone]],
        )
    told: list[tuple[Any, ...]] = [
        (
            s.id,
            vehicle_id,
            s.interval.kind,
            "retracted",
            from_us(s.interval.started_us),
            _time(s.interval.ended_us),
        )
        for s in gone
    ]
    _revise(connection, [(c.stored, c.interval, c.change) for c in changes if c.stored and c.interval])
    told += [
        (
            c.stored.id,
            vehicle_id,
            c.interval.kind,
            c.change,
            from_us(c.interval.started_us),
            _time(c.interval.ended_us),
        )
        for c in changes
        if c.stored and c.interval and c.change != "reseen"
    ]
    fresh = [_row(vehicle_id, c.interval) for c in changes if c.change == "created" and c.interval]
    if fresh:
        made = connection.execute(_CREATE, [list(column) for column in zip(*fresh, strict=True)])
        told += [(i, vehicle, kind, "created", started, ended) for i, vehicle, kind, started, ended in made]
    return _announce(connection, told)


def _revise(connection: psycopg.Connection, pairs: Sequence[tuple[StoredInterval, Interval, Change]]) -> None:
    if not pairs:
        return
    # Keys move among rows of one vehicle, and each must be free when it is taken: out of the way first.
    connection.execute(
        "UPDATE intervals SET device_id = -id WHERE id = ANY (%s)", [[stored.id for stored, _, _ in pairs]]
    )
    connection.cursor().executemany(
        _REVISE,
        [
            (
                i.kind, family_of(i.kind), from_us(i.started_us), _time(i.ended_us), from_us(i.seen_us),
                *(i.start or (None, None)), *(i.end or (None, None)), Jsonb(i.values), i.device_id,
                int(change == "revised" and stored.interval.ended_us is not None), stored.id,
            )
            for stored, i, change in pairs
        ],
    )  # fmt: skip


def _announce(connection: psycopg.Connection, rows: Sequence[tuple[Any, ...]]) -> list[ToldInterval]:
    if not rows:
        return []
    return [
        ToldInterval(
            i, interval_id, vehicle_id, kind, change, to_us(started), None if ended is None else to_us(ended)
        )
        for i, interval_id, vehicle_id, kind, change, started, ended in connection.execute(
            "INSERT INTO interval_changes (interval_id, vehicle_id, kind, change, started_at, ended_at)"
            " SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[],"
            " %s::timestamptz[]) RETURNING id, interval_id, vehicle_id, kind, change, started_at, ended_at",
            [list(column) for column in zip(*rows, strict=True)],
        )
    ]


def _row(vehicle_id: int, i: Interval) -> tuple[Any, ...]:
    return (
        vehicle_id, i.kind, family_of(i.kind), i.origin, i.device_id, from_us(i.started_us), _time(i.ended_us),
        from_us(i.seen_us), *(i.start or (None, None)), *(i.end or (None, None)), Jsonb(i.values),
    )  # fmt: skip


def _interval(
    kind: str, origin: Any, device_id: int, started: datetime, ended: datetime | None, seen: datetime,
    start_lon: float | None, start_lat: float | None, end_lon: float | None, end_lat: float | None,
    details: dict[str, Any],
) -> Interval:  # fmt: skip
    return Interval(
        kind,
        to_us(started),
        None if ended is None else to_us(ended),
        to_us(seen),
        origin=origin,
        device_id=device_id,
        start=None if start_lon is None or start_lat is None else (start_lon, start_lat),
        end=None if end_lon is None or end_lat is None else (end_lon, end_lat),
        values=details,
    )


def _time(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_us(time_us)
