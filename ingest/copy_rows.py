"""Pings as PostgreSQL binary COPY data, built column-wise with numpy.

Format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT. A NULL takes no
bytes in it, so rows are grouped by which of their columns are NULL; within a group every row has
the same layout and the whole group is one structured array.
"""

from collections.abc import Sequence
from functools import lru_cache
from types import NoneType
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ingest.ping import Ping

Row = tuple[int, int, Ping]  # (device id, received_us, ping)

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
# PostgreSQL counts microseconds from 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000

_FIXED = (("device_id", ">i8"), ("time", ">i8"), ("received_at", ">i8"), ("lat", ">f8"), ("lon", ">f8"))
# In the order of Ping's fields after lat and lon, and of the table.
_NULLABLE = (
    ("speed_kmh", ">f4"),
    ("heading_deg", ">f4"),
    ("altitude_m", ">f4"),
    ("accuracy_m", ">f8"),
    ("satellites", ">i2"),
    ("hdop", ">f4"),
    ("ignition", "?"),
    ("battery_pct", ">f4"),
    ("fuel_pct", ">f4"),
    ("odometer_km", ">f8"),
    ("seq", ">i8"),
    ("mock", "?"),
)
COLUMNS = (*(name for name, _ in _FIXED + _NULLABLE), "extra")
_VALUES = slice(3, 3 + len(_NULLABLE))  # of msgspec.structs.astuple(ping)
_encode_json = msgspec.json.Encoder().encode


def encode(rows: Sequence[Row]) -> bytes:
    """The COPY data of all rows, header and trailer included; columns as `COLUMNS`."""
    if not rows:
        return HEADER + TRAILER
    devices, received, pings = zip(*rows, strict=True)
    values = [msgspec.structs.astuple(ping) for ping in pings]
    columns = list(zip(*values, strict=True))
    # By type and not by comparing with None, which costs twice as much.
    kinds = [set(map(type, column)) for column in columns[_VALUES]]
    if not any(NoneType in found and len(found) > 1 for found in kinds):
        # Devices of one kind leave out the same columns: nearly always one group.
        mask = tuple([NoneType in found for found in kinds])
        return HEADER + _encode_group(mask, devices, received, columns) + TRAILER
    groups: dict[tuple[bool, ...], list[int]] = {}
    for number, row in enumerate(values):
        groups.setdefault(tuple([value is None for value in row[_VALUES]]), []).append(number)
    parts = [HEADER]
    for absent, numbers in groups.items():
        picked = list(zip(*(values[n] for n in numbers), strict=True))
        parts.append(
            _encode_group(absent, [devices[n] for n in numbers], [received[n] for n in numbers], picked)
        )
    parts.append(TRAILER)
    return b"".join(parts)


def _encode_group(
    mask: tuple[bool, ...], devices: Sequence[int], received: Sequence[int], columns: Sequence[Sequence[Any]]
) -> bytes:
    dtype, template, present = _layout(mask)
    rows = len(devices)
    array: npt.NDArray[Any] = np.full(rows, template, dtype=dtype)
    array["device_id"] = np.fromiter(devices, np.int64, rows)
    array["time"] = np.fromiter(columns[0], np.int64, rows) - POSTGRES_EPOCH_US
    array["received_at"] = np.fromiter(received, np.int64, rows) - POSTGRES_EPOCH_US
    array["lat"] = np.fromiter(columns[1], np.float64, rows)
    array["lon"] = np.fromiter(columns[2], np.float64, rows)
    for name, number, kind in present:
        # Twice as fast as assigning the tuple, which numpy looks through for its type first.
        array[name] = np.fromiter(columns[3 + number], kind, rows)
    alarms, attributes = columns[-2], columns[-1]
    if not any(alarms) and not any(attributes):
        return array.tobytes()
    return _with_extra(array, alarms, attributes)


def _with_extra(array: npt.NDArray[Any], alarms: Sequence[Any], attributes: Sequence[Any]) -> bytes:
    """Replace the trailing NULL of each row that has alarms or attributes by its jsonb."""
    data, size = array.tobytes(), array.dtype.itemsize
    parts: list[bytes] = []
    for number, (alarm, attribute) in enumerate(zip(alarms, attributes, strict=True)):
        row = data[number * size : (number + 1) * size]
        if alarm or attribute:
            body = extra_json(alarm, attribute)
            # jsonb's binary form: version byte 1, then the text
            row = row[:-4] + (len(body) + 1).to_bytes(4, "big") + b"\x01" + body
        parts.append(row)
    return b"".join(parts)


def extra_json(alarms: Sequence[str], attributes: dict[str, Any] | None) -> bytes:
    """The `extra` column: `{"alarms": [...], "attributes": {...}}`."""
    return _encode_json({"alarms": alarms, "attributes": attributes or {}})


@lru_cache(maxsize=256)
def _layout(
    mask: tuple[bool, ...],
) -> tuple[np.dtype[Any], npt.NDArray[Any], list[tuple[str, int, np.dtype[Any]]]]:
    """Row layout of a group: dtype, a template row with all lengths set, and its present columns."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    lengths: dict[str, int] = {}
    for name, kind in _FIXED:
        fields += [(f"{name}_length", ">i4"), (name, kind)]
        lengths[f"{name}_length"] = np.dtype(kind).itemsize
    for (name, kind), absent in zip(_NULLABLE, mask, strict=True):
        fields.append((f"{name}_length", ">i4"))
        lengths[f"{name}_length"] = -1 if absent else np.dtype(kind).itemsize
        if not absent:
            fields.append((name, kind))
    fields.append(("extra_length", ">i4"))
    lengths["extra_length"] = -1
    dtype = np.dtype(fields)
    template = np.zeros((), dtype=dtype)
    template["fields"] = len(COLUMNS)
    for name, length in lengths.items():
        template[name] = length
    present = [
        (name, number, np.dtype(kind).newbyteorder("="))
        for number, ((name, kind), absent) in enumerate(zip(_NULLABLE, mask, strict=True))
        if not absent
    ]
    return dtype, template, present
