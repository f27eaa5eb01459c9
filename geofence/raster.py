"""Where on the map any fence may matter at all: a coarse picture that spares most fixes the search in the tree.

Making a line of every way and asking the tree costs about a microsecond a fix; looking into the picture a twentieth
(`python -m bench.geofence_index`). On most of its way a truck is near no fence.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .projection import Floats

# About a kilometre: a truck moves less between two fixes, and a fence with its margin fills a few cells.
CELL_DEG: Final = 0.01
MAX_CELLS: Final = 4_000_000  # bytes of memory; fences all over the world get larger cells
_MARGIN: Final = 2  # cells around the outermost boxes, so that a fix beyond them is in an empty one


class Raster:
    """Cells that hold a part of any box, or lie beside one that does."""

    def __init__(self, boxes: Floats) -> None:
        """`boxes`: shape (n, 4), n >= 1: west, south, east, north in degrees."""
        west, south = boxes[:, 0].min(), boxes[:, 1].min()
        width, height = boxes[:, 2].max() - west, boxes[:, 3].max() - south
        self._cell = max(CELL_DEG, math.sqrt(width * height / MAX_CELLS), (width + height) / MAX_CELLS)
        self._west, self._south = west - _MARGIN * self._cell, south - _MARGIN * self._cell
        columns, rows = (int(extent / self._cell) + 2 * _MARGIN + 1 for extent in (width, height))
        self._taken = _spread(self._drawn(boxes, columns, rows))

    def may_matter(self, lon0: Floats, lat0: Floats, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        """False only for ways (straight in degrees) that meet no box."""
        column, row = self._cells(lon, lat)
        column0, row0 = self._cells(lon0, lat0)
        # A way within two neighbouring cells is seen from its end, as the picture was spread by one; a longer one
        # is not followed cell by cell.
        far: NDArray[np.bool_] = (np.abs(column - column0) > 1) | (np.abs(row - row0) > 1)
        return far | self._taken[row, column]

    def _cells(self, lon: Floats, lat: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rows, columns = self._taken.shape
        column = np.floor((lon - self._west) / self._cell)
        row = np.floor((lat - self._south) / self._cell)
        return (
            np.clip(column, 0, columns - 1).astype(np.int64),
            np.clip(row, 0, rows - 1).astype(np.int64),
        )

    def _drawn(self, boxes: Floats, columns: int, rows: int) -> NDArray[np.bool_]:
        """The picture of the boxes: each adds one between its corners, summed up along both axes."""
        self._taken = np.zeros((rows, columns), bool)
        west, south = self._cells(boxes[:, 0], boxes[:, 1])
        east, north = self._cells(boxes[:, 2], boxes[:, 3])
        edges = np.zeros((rows + 1, columns + 1), np.int32)
        np.add.at(edges, (south, west), 1)
        np.add.at(edges, (north + 1, east + 1), 1)
        np.add.at(edges, (south, east + 1), -1)
        np.add.at(edges, (north + 1, west), -1)
        covered: NDArray[np.bool_] = edges.cumsum(axis=0).cumsum(axis=1)[:rows, :columns] > 0
        return covered


def _spread(taken: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every cell that is taken, and its eight neighbours."""
    wide = taken.copy()
    wide[:, 1:] |= taken[:, :-1]
    wide[:, :-1] |= taken[:, 1:]
    tall = wide.copy()
    tall[1:] |= wide[:-1]
    tall[:-1] |= wide[1:]
    return tall
