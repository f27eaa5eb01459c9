"""Pings as PostgreSQL binary COPY data, built column-wise with numpy.

Format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT. A NULL takes no
bytes in it, so rows are grouped by which of their columns are NULL; within a group every row has
the same layout and the whole group is one structured array.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from ingest.track import NONE, OPTIONAL, Extra, Ints, Pings

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
# PostgreSQL counts microseconds from 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000

_FIXED = (("device_id", ">i8"), ("time", ">i8"), ("received_at", ">i8"), ("lat", ">f8"), ("lon", ">f8"))
# A column of small integers that is a boolean in the table.
_NULLABLE = tuple((name, "?" if kind == "i1" else f">{kind}") for name, kind, _ in OPTIONAL)
COLUMNS = (*(name for name, _ in _FIXED + _NULLABLE), "extra")
_EXTRA_BIT = 1 << len(OPTIONAL)
_encode_json = msgspec.json.Encoder().encode


def encode(pings: Pings) -> bytes:
    """The COPY data of all rows, header and trailer included; columns as `COLUMNS`."""
    parts = [HEADER]
    if len(pings):
        known = _known(pings)
        # Devices of one kind leave out the same columns: nearly always one group.
        codes = np.unique(known)
        for code in codes.tolist():
            rows = None if len(codes) == 1 else np.flatnonzero(known == code)
            parts.append(_encode_group(pings, code, rows))
    parts.append(TRAILER)
    return b"".join(parts)


def _known(pings: Pings) -> npt.NDArray[np.int32]:
    """For each row the bits of its columns that are not NULL, and one for `extra`."""
    known = np.zeros(len(pings), np.int32)
    for bit, (name, kind, _) in enumerate(OPTIONAL):
        column = getattr(pings, name)
        known |= (~np.isnan(column) if kind[0] == "f" else column != NONE).astype(np.int32) << bit
    if pings.extra:
        known[np.fromiter(pings.extra, np.int64, len(pings.extra))] |= _EXTRA_BIT
    return known


def _encode_group(pings: Pings, code: int, rows: Ints | None) -> bytes:
    dtype, template, present = _layout(code)
    size = len(pings) if rows is None else len(rows)
    array: npt.NDArray[Any] = np.full(size, template, dtype=dtype)

    def put(name: str, column: npt.NDArray[Any]) -> None:
        array[name] = column if rows is None else column[rows]

    put("device_id", pings.device)
    put("time", pings.time_us - POSTGRES_EPOCH_US)
    put("received_at", pings.received_us - POSTGRES_EPOCH_US)
    for name in ("lat", "lon", *present):
        put(name, getattr(pings, name))
    if not code & _EXTRA_BIT:
        return array.tobytes()
    return _with_extra(array, range(size) if rows is None else rows.tolist(), pings.extra)


def _with_extra(array: npt.NDArray[Any], rows: Any, extra: Mapping[int, Extra]) -> bytes:
    """Replace the trailing NULL of each row by its jsonb."""
    data, size = array.tobytes(), array.dtype.itemsize
    parts: list[bytes] = []
    for number, row in enumerate(rows):
        body = extra_json(extra[row])
        parts.append(data[number * size : (number + 1) * size - 4])
        # jsonb's binary form: version byte 1, then the text
        parts.append((len(body) + 1).to_bytes(4, "big") + b"\x01" + body)
    return b"".join(parts)


def extra_json(extra: Extra) -> bytes:
    """The `extra` column: `{"alarms": [...], "attributes": {...}}`."""
    return _encode_json({"alarms": extra.alarms, "attributes": extra.attributes or {}})


@lru_cache(maxsize=256)
def _layout(code: int) -> tuple[np.dtype[Any], npt.NDArray[Any], list[str]]:
    """Row layout of a group: dtype, a template row with all lengths set, and its present columns."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    lengths: dict[str, int] = {}
    present: list[str] = []
    for name, kind in _FIXED:
        fields += [(f"{name}_length", ">i4"), (name, kind)]
        lengths[f"{name}_length"] = np.dtype(kind).itemsize
    for bit, (name, kind) in enumerate(_NULLABLE):
        fields.append((f"{name}_length", ">i4"))
        lengths[f"{name}_length"] = np.dtype(kind).itemsize if code >> bit & 1 else -1
        if code >> bit & 1:
            fields.append((name, kind))
            present.append(name)
    fields.append(("extra_length", ">i4"))
    lengths["extra_length"] = -1
    dtype = np.dtype(fields)
    template = np.zeros((), dtype=dtype)
    template["fields"] = len(COLUMNS)
    for name, length in lengths.items():
        template[name] = length
    return dtype, template, present
