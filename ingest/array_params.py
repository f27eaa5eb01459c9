"""Columns of integers as parameters of a statement, in PostgreSQL's binary form, made by numpy instead of value by value.

Format: `array_recv` of PostgreSQL: dimensions, whether there are NULLs, element type, length, lower bound; then each
element with its length before it.
"""

import struct
from typing import ClassVar

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct("!iiIii")


class BigInts:
    """A `bigint[]`."""

    element_oid: ClassVar[int] = 20
    array_oid: ClassVar[int] = 1016
    kind: ClassVar[str] = ">i8"

    def __init__(self, values: NDArray[np.integer]) -> None:
        self._values = values

    def encoded(self) -> bytes:
        size = len(self._values)
        if not size:
            return _HEADER.pack(0, 0, self.element_oid, 0, 0)[:12]
        layout = np.dtype([("length", ">i4"), ("value", self.kind)])
        elements = np.empty(size, layout)
        elements["length"] = np.dtype(self.kind).itemsize
        elements["value"] = self._values
        return _HEADER.pack(1, 0, self.element_oid, size, 1) + elements.tobytes()


class SmallInts(BigInts):
    """A `smallint[]`."""

    element_oid = 21
    array_oid = 1005
    kind = ">i2"


class _BigIntsDumper(Dumper):
    format = Format.BINARY
    oid = BigInts.array_oid

    def dump(self, obj: BigInts) -> bytes:
        return obj.encoded()


class _SmallIntsDumper(_BigIntsDumper):
    oid = SmallInts.array_oid


psycopg.adapters.register_dumper(BigInts, _BigIntsDumper)
psycopg.adapters.register_dumper(SmallInts, _SmallIntsDumper)
