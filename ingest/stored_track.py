"""Stored pings read back as the fold takes them: binary COPY, whose rows numpy reads as they are."""

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Final, LiteralString

import msgspec
import numpy as np
import psycopg

from ingest.times import from_us
from ingest.track import OPTIONAL, Column, Extra, Ints, Pings

# PostgreSQL counts its binary timestamps from 2000-01-01; documentation, 8.5 and backend/utils/adt/timestamp.c.
_EPOCH_US: Final = 946_684_800_000_000
# Columns on the wire, none of them null: name, SQL, type. What the fold does not look at is left out.
_WIRE: Final[tuple[tuple[str, LiteralString, str], ...]] = (
    ("time", "p.time", ">i8"),
    ("lat", "p.lat", ">f8"),
    ("lon", "p.lon", ">f8"),
    ("speed_kmh", "coalesce(p.speed_kmh, 'NaN')", ">f4"),
    ("accuracy_m", "coalesce(p.accuracy_m, 'NaN')", ">f8"),
    ("ignition", "coalesce(p.ignition::int, -1)", ">i4"),
    ("fuel_pct", "coalesce(p.fuel_pct, 'NaN')", ">f4"),
    ("odometer_km", "coalesce(p.odometer_km, 'NaN')", ">f8"),
    ("mock", "coalesce(p.mock::int, -1)", ">i4"),
    ("vehicle", "w.vehicle_id", ">i8"),
    ("priority", "d.priority::int", ">i4"),
    ("device", "p.device_id", ">i8"),
)
# A row of binary COPY: the number of fields, then each field after its length; `extra` is the last field.
_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        *((f"{name}{part}", kind if part else ">i4") for name, _, kind in _WIRE for part in ("", "_")),
        ("extra", ">i4"),
    ]
)
_HEADER_BYTES: Final = 19  # signature, flags, length of the extension
_TRAILER_BYTES: Final = 2
_PINGS_AFTER: Final = f"""
COPY (
    SELECT {", ".join(expression for _, expression, _ in _WIRE)}, p.extra::text
    FROM unnest(%(vehicles)s::bigint[], %(after)s::timestamptz[]) AS w (vehicle_id, after)
    JOIN device_assignments a ON a.vehicle_id = w.vehicle_id
    JOIN devices d ON d.id = a.device_id
    CROSS JOIN LATERAL (
        SELECT * FROM pings p WHERE p.device_id = a.device_id AND p.time >= w.after
            AND (a.valid_from IS NULL OR p.time >= a.valid_from) AND (a.valid_to IS NULL OR p.time < a.valid_to)
    ) AS p
    ORDER BY w.vehicle_id, p.time, d.priority, p.device_id
) TO STDOUT (FORMAT binary)
"""
# Before every ping there can be; psycopg cannot read PostgreSQL's own '-infinity'.
_DAWN: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_ROWS_AT_ONCE: Final = 20_000
_decode = msgspec.json.decode


class Track(msgspec.Struct, frozen=True):
    """Pings as the fold takes them, in its order: by vehicle, then time, priority, device."""

    pings: Pings
    vehicle: Ints
    priority: Ints


def pings_after(connection: psycopg.Connection, after_us: dict[int, int | None]) -> Track:
    """Stored pings of several vehicles, each at or after a time of its own (None = all); without their arrival."""
    rows = [row for piece in _pieces(connection, after_us) for row in piece]
    return _track(rows)


def stream_pings(
    connection: psycopg.Connection, vehicle_id: int, after_us: int | None
) -> Generator[Track, None, None]:
    """As `pings_after` for one vehicle, a piece at a time: its whole history may not fit into memory.

    Read it to its end, or close it, before the connection is used for anything else.
    """
    for rows in _pieces(connection, {vehicle_id: after_us}):
        yield _track(rows)


def in_order(track: Track) -> Track:
    """The rows in the order of the fold."""
    pings = track.pings
    order = np.lexsort((pings.device, track.priority, pings.time_us, track.vehicle))
    return Track(pings.take(order), track.vehicle[order], track.priority[order])


def _pieces(
    connection: psycopg.Connection, after_us: dict[int, int | None]
) -> Generator[list[bytes], None, None]:
    """Rows as they come over the wire."""
    parameters = {
        "vehicles": list(after_us),
        "after": [_DAWN if after is None else from_us(after) for after in after_us.values()],
    }
    with connection.cursor() as cursor, cursor.copy(_PINGS_AFTER, parameters) as copy:
        rows: list[bytes] = []
        skipped = _HEADER_BYTES
        for data in copy:
            # The header comes with the first row; the trailer is a message of its own.
            row = bytes(data[skipped:])
            skipped = 0
            if len(row) > _TRAILER_BYTES:
                rows.append(row)
            if len(rows) == _ROWS_AT_ONCE:
                yield rows
                rows = []
        if rows:
            yield rows


def _track(rows: Sequence[bytes]) -> Track:
    width, extra = _ROW.itemsize, {}
    for number, row in enumerate(rows):
        if len(row) > width:
            found = _decode(row[width:])
            extra[number] = Extra(tuple(found.get("alarms") or ()), found.get("attributes") or None)
    if extra:
        rows = [row[:width] for row in rows]
    table = np.frombuffer(b"".join(rows), _ROW)
    size = len(table)
    wire: dict[str, Column] = {name: table[f"{name}_"] for name, _, _ in _WIRE}
    columns: dict[str, Column] = {
        name: wire[name].astype(kind) if name in wire else np.full(size, unknown, kind)
        for name, kind, unknown in OPTIONAL
    }
    pings = Pings(
        device=wire["device"].astype(np.int64),
        time_us=wire["time"].astype(np.int64) + _EPOCH_US,
        received_us=np.zeros(size, np.int64),
        lat=wire["lat"].astype(np.float64),
        lon=wire["lon"].astype(np.float64),
        extra=extra,
        **columns,
    )
    return Track(pings, wire["vehicle"].astype(np.int64), wire["priority"].astype(np.int64))
