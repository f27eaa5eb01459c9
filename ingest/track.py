"""Pings as columns: what a batch stores, and what the fold goes through. Pure.

A batch holds tens of thousands of pings. As objects each costs several microseconds to make and to go through; as
columns a tenth of that (`bench/README.md`). NaN, or NONE in a column of integers, is "unknown".
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import repeat
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.ping import Ping

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Column = NDArray[Any]

NONE = -1
TRUE = 1


class Extra(msgspec.Struct, frozen=True):
    """What few pings have, and no column holds."""

    alarms: tuple[str, ...] = ()
    attributes: dict[str, Any] | None = None


# Every column of a ping after its time, in the order of `Ping`'s fields and of the table: name, type, unknown.
_POSITION = (("lat", "f8"), ("lon", "f8"))
OPTIONAL: tuple[tuple[str, str, float], ...] = (
    ("speed_kmh", "f4", np.nan),
    ("heading_deg", "f4", np.nan),
    ("altitude_m", "f4", np.nan),
    # double: what is folded live and what is folded again from the table must be the very same number
    ("accuracy_m", "f8", np.nan),
    ("satellites", "i2", NONE),
    ("hdop", "f4", np.nan),
    ("ignition", "i1", NONE),
    ("battery_pct", "f4", np.nan),
    ("fuel_pct", "f4", np.nan),
    ("odometer_km", "f8", np.nan),
    ("seq", "i8", NONE),
    ("mock", "i1", NONE),
)


@dataclass(frozen=True, slots=True, eq=False)
class Pings:
    """Rows of pings, all columns of one length. `extra` has the rows that have alarms or attributes."""

    device: Ints
    time_us: Ints
    received_us: Ints
    lat: Floats
    lon: Floats
    speed_kmh: Column
    heading_deg: Column
    altitude_m: Column
    accuracy_m: Floats
    satellites: Column
    hdop: Column
    ignition: Column
    battery_pct: Column
    fuel_pct: Column
    odometer_km: Floats
    seq: Ints
    mock: Column
    extra: Mapping[int, Extra]

    def __len__(self) -> int:
        return len(self.time_us)

    def take(self, rows: Ints) -> Self:
        """The rows of these numbers, in this order."""
        extra = self.extra
        if extra:
            extra = {new: extra[old] for new, old in enumerate(rows.tolist()) if old in extra}
        return replace(self, extra=extra, **{name: getattr(self, name)[rows] for name in COLUMNS})

    def ping(self, row: int) -> Ping:
        """One row as the object that codecs make and people see."""
        return self.objects(np.array([row]))[0]

    def objects(self, rows: Ints) -> list[Ping]:
        """Rows as the objects that codecs make and people see."""
        times, lats, lons = (column[rows].tolist() for column in (self.time_us, self.lat, self.lon))
        columns = [_values(getattr(self, name)[rows], kind, unknown) for name, kind, unknown in OPTIONAL]
        values = zip(rows.tolist(), times, lats, lons, *columns, strict=True)
        extras = self.extra
        made = []
        for row, time_us, lat, lon, *rest in values:
            extra = extras.get(row, _NO_EXTRA) if extras else _NO_EXTRA
            named = dict(zip(_OPTIONAL_NAMES, rest, strict=True))
            made.append(
                Ping(
                    time_us=time_us,
                    lat=lat,
                    lon=lon,
                    alarms=extra.alarms,
                    attributes=extra.attributes,
                    **named,
                )
            )
        return made


_NO_EXTRA = Extra()
# Single precision shows its noise when read as double.
_SINGLE_DIGITS = 4
_OPTIONAL_NAMES = tuple(name for name, _, _ in OPTIONAL)
COLUMNS = tuple(field.name for field in fields(Pings) if field.name != "extra")


def _values(column: Column, kind: str, unknown: float) -> list[Any]:
    """The column as Python's own values; None where unknown."""
    if kind == "f4":
        column = column.astype(np.float64).round(_SINGLE_DIGITS)
    absent = np.isnan(column) if kind[0] == "f" else column == unknown
    values: list[Any] = (column == TRUE if kind == "i1" else column).tolist()
    if absent.any():
        for place in np.flatnonzero(absent).tolist():
            values[place] = None
    return values


def known(value: float) -> float | None:
    """None for NaN."""
    return None if math.isnan(value) else value


def from_values(
    rows: Sequence[tuple[Any, ...]],
    device: Ints,
    time_us: Ints,
    received_us: Ints,
    extra: Mapping[int, Extra],
) -> Pings:
    """Columns from tuples with the fields of `Ping` in their order; the first, its time, is given apart."""
    columns: Iterable[Sequence[Any]] = (
        zip(*rows, strict=True) if rows else repeat((), 1 + len(_POSITION) + len(OPTIONAL))
    )
    values = iter(columns)
    next(values)
    size = len(rows)
    made: dict[str, Column] = {name: np.fromiter(next(values), kind, size) for name, kind in _POSITION}
    for name, kind, unknown in OPTIONAL:
        made[name] = _optional(next(values), kind, unknown)
    return Pings(device=device, time_us=time_us, received_us=received_us, extra=extra, **made)


def _optional(column: Sequence[Any], kind: str, unknown: float) -> Column:
    size = len(column)
    absent = column.count(None)
    if absent == size:
        return np.full(size, unknown, kind)
    if absent:
        column = [unknown if value is None else value for value in column]
    return np.fromiter(column, kind, size)


def from_pings(pings: Sequence[Ping], device: Ints, received_us: Ints) -> Pings:
    """Columns of ping objects; each with its device and arrival."""
    return from_values(
        [msgspec.structs.astuple(ping) for ping in pings],
        device,
        np.array([ping.time_us for ping in pings], np.int64),
        received_us,
        {
            row: Extra(ping.alarms, ping.attributes)
            for row, ping in enumerate(pings)
            if ping.alarms or ping.attributes
        },
    )


def together(parts: Sequence[Pings]) -> Pings:
    """The rows of all parts, one after the other."""
    extra: dict[int, Extra] = {}
    offset = 0
    for part in parts:
        extra.update((row + offset, each) for row, each in part.extra.items())
        offset += len(part)
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    return Pings(extra=extra, **columns)


def groups(sorted_keys: Ints) -> tuple[Ints, Ints]:
    """First row of each run of equal keys, and one past its last."""
    if not len(sorted_keys):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], sorted_keys[1:] != sorted_keys[:-1]]))
    return starts, np.append(starts[1:], len(sorted_keys))


def numbers_by_device(device: Ints, seq: Ints, limit: int) -> dict[int, set[int]]:
    """The sequence numbers from 0 up to `limit` of each device."""
    numbered = np.flatnonzero((seq >= 0) & (seq < limit))
    if not len(numbered):
        return {}
    order = numbered[np.argsort(device[numbered], kind="stable")]
    devices, numbers = device[order], seq[order].tolist()
    bounds = zip(*(bound.tolist() for bound in groups(devices)), strict=True)
    return {int(devices[first]): set(numbers[first:past]) for first, past in bounds}
