"""Which geofences each fix of a batch is near, inside, or has passed through since the fix before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from .cover import reach_boxes
from .projection import MAX_M_PER_DEG, Floats
from .raster import Raster
from .settings import FenceSettings
from .shapes import Rows, Shape, ShapeTable, segments

Pairs = tuple[Rows, Rows]  # fix number, fence position

# A vehicle or carrier with more boxes than this gets a tree of its own; below, comparing all is faster.
_LIST_LIMIT = 64
_NO_CARRIER = -1
# The plane may overstate a distance by its scale error (below 1 % where this shortcut is taken).
_STRIDE_PAD = 1.02
_STRIDE_LIMIT_M = 300_000.0


@dataclass(frozen=True, slots=True)
class Fence:
    """A geofence in force. `valid_*_us` bound the event times it judges, which is the caller's to apply."""

    id: int
    shape: Shape
    settings: FenceSettings
    vehicle_id: int | None = None  # None = any vehicle
    carrier: int | None = None  # a number >= 0 that the caller gives to each carrier; None = any, or none
    valid_from_us: int | None = None
    valid_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows sorted by fix, then fence; arrays of one length. No row = the fix is farther out than the fence's reach."""

    point: Rows  # fix number in the batch
    fence: Rows  # position in FenceIndex.fences
    distance_m: Floats  # of the fix to the border, negative inside
    # Where the way from the previous fix enters and leaves, as fractions of it, when both of its ends are outside
    # and it leads through; else NaN. A fence without settings.segment_crossing has none.
    pass_in: Floats
    pass_out: Floats

    def __len__(self) -> int:
        return len(self.point)


_NO_ROWS, _NO_METRES = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
NO_HITS = Hits(_NO_ROWS, _NO_ROWS, _NO_METRES, _NO_METRES, _NO_METRES)


class _Ways:
    """The straight ways from previous fix to fix, or the fix alone; their boxes and, for those a tree asks for, lines."""

    def __init__(self, lon: Floats, lat: Floats, prev_lon: Floats, prev_lat: Floats) -> None:
        with np.errstate(invalid="ignore"):
            # A way across the 180th meridian would sweep the whole world: not believed.
            known = np.isfinite(prev_lon) & np.isfinite(prev_lat) & (np.abs(lon - prev_lon) <= 180)
        self.lon, self.lat = lon, lat
        self.lon0, self.lat0 = np.where(known, prev_lon, lon), np.where(known, prev_lat, lat)
        self.boxes = np.stack(
            [
                np.minimum(lon, self.lon0),
                np.minimum(lat, self.lat0),
                np.maximum(lon, self.lon0),
                np.maximum(lat, self.lat0),
            ]
        )

    def lines(self, rows: Rows) -> NDArray[np.object_]:
        return segments(self.lon0[rows], self.lat0[rows], self.lon[rows], self.lat[rows])

    @cached_property
    def stride_m(self) -> Floats:
        """Upper bound of each way's length; 0 without a previous fix."""
        return np.hypot(self.lon - self.lon0, self.lat - self.lat0) * MAX_M_PER_DEG


class _Tree:
    """Boxes that concern every fix asked about."""

    def __init__(self, boxes: Floats, owner: Rows) -> None:
        self._owner = owner
        self._tree = shapely.STRtree(shapely.box(*boxes.T))
        self._raster = Raster(boxes)

    def pairs(self, ways: _Ways, only: Rows | None = None) -> Pairs:
        """Of all ways, or of those numbered `only`."""
        rows = np.arange(len(ways.lon)) if only is None else only
        ends = (column[rows] for column in (ways.lon0, ways.lat0, ways.lon, ways.lat))
        rows = rows[self._raster.may_matter(*ends)]
        point, box = self._tree.query(ways.lines(rows))
        return rows[point], self._owner[box]


class _Scoped:
    """Boxes that each concern one vehicle (or one carrier) only, found by its number: no cost to all others."""

    def __init__(self, key: Rows, boxes: Floats, owner: Rows) -> None:
        order = np.argsort(key, kind="stable")
        self._keys, self._start, self._count = np.unique(key[order], return_index=True, return_counts=True)
        self._boxes, self._owner = np.ascontiguousarray(boxes[order].T), owner[order]
        self._trees = {int(slot): self._grow(int(slot)) for slot in np.flatnonzero(self._count > _LIST_LIMIT)}

    def _grow(self, slot: int) -> _Tree:
        rows = slice(self._start[slot], self._start[slot] + self._count[slot])
        return _Tree(self._boxes[:, rows].T, self._owner[rows])

    def pairs(self, ways: _Ways, key: Rows) -> list[Pairs]:
        slot = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        mine = self._keys[slot] == key
        few = self._count[slot] <= _LIST_LIMIT
        found = [
            self._trees[int(number)].pairs(ways, np.flatnonzero(mine & (slot == number)))
            for number in np.unique(slot[mine & ~few])
        ]
        point = np.flatnonzero(mine & few)
        return [*found, self._listed(ways, point, slot[point])]

    def _listed(self, ways: _Ways, point: Rows, slot: Rows) -> Pairs:
        """Compare each fix with all boxes of its key at once."""
        count = self._count[slot]
        ends = np.cumsum(count)
        within = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - count, count)
        box, point = np.repeat(self._start[slot], count) + within, np.repeat(point, count)
        mine, theirs = ways.boxes[:, point], self._boxes[:, box]
        meets = (
            (mine[0] <= theirs[2]) & (mine[2] >= theirs[0]) & (mine[1] <= theirs[3]) & (mine[3] >= theirs[1])
        )
        return point[meets], self._owner[box[meets]]


class FenceIndex:
    """A set of fences, frozen. Fences of one vehicle or carrier cost nothing to the fixes of others.

    What is drawn at first need is kept inside, so use an index from one thread at a time.
    """

    def __init__(self, fences: Sequence[Fence]) -> None:
        self._fences = tuple(fences)
        self._position = {fence.id: position for position, fence in enumerate(self._fences)}
        if len(self._position) != len(self._fences):
            raise ValueError("two fences have the same id")
        if any(fence.carrier is not None and fence.carrier < 0 for fence in self._fences):
            raise ValueError("a fence's carrier must be a number from 0")
        self._table = ShapeTable([fence.shape for fence in self._fences])
        self._reach_m = np.array([fence.settings.reach_m for fence in self._fences], dtype=np.float64)
        self._passes = np.array([fence.settings.segment_crossing for fence in self._fences], dtype=bool)
        self._carrier = np.array(
            [_NO_CARRIER if fence.carrier is None else fence.carrier for fence in self._fences],
            dtype=np.int64,
        )
        self._sort_by_scope()

    def _sort_by_scope(self) -> None:
        covers = [reach_boxes(fence.shape, fence.settings.reach_m) for fence in self._fences]
        owner = np.repeat(np.arange(len(covers)), [len(cover) for cover in covers])
        boxes = np.concatenate([*covers, np.empty((0, 4))])
        one_vehicle = np.array([fence.vehicle_id is not None for fence in self._fences], dtype=bool)[owner]
        vehicle = np.array([fence.vehicle_id or 0 for fence in self._fences], dtype=np.int64)[owner]
        one_carrier = ~one_vehicle & (self._carrier[owner] != _NO_CARRIER)
        shared = ~one_vehicle & ~one_carrier
        self._shared = _Tree(boxes[shared], owner[shared]) if shared.any() else None
        self._by_vehicle = (
            _Scoped(vehicle[one_vehicle], boxes[one_vehicle], owner[one_vehicle])
            if one_vehicle.any()
            else None
        )
        self._by_carrier = (
            _Scoped(self._carrier[owner[one_carrier]], boxes[one_carrier], owner[one_carrier])
            if one_carrier.any()
            else None
        )

    @property
    def fences(self) -> Sequence[Fence]:
        return self._fences

    @cached_property
    def longest_segment_gap_s(self) -> int:
        """Beyond this gap no fence believes a pass: the caller may give NaN as previous fix and save the search."""
        gaps = [f.settings.segment_max_gap_s for f in self._fences if f.settings.segment_crossing]
        return max(gaps, default=0)

    def position_of(self, fence_id: int) -> int | None:
        """Place in `fences`; None if this index does not hold it."""
        return self._position.get(fence_id)

    def hits(
        self,
        lon: Floats,
        lat: Floats,
        prev_lon: Floats,
        prev_lat: Floats,
        vehicle_id: Rows,
        carrier: Rows,
    ) -> Hits:
        """Every (fix, fence) pair in scope where the fix is within the fence's reach or has passed through it.

        1-D arrays of one length, degrees; prev_* NaN without a previous fix, carrier -1 without a carrier.
        Raises ValueError for a fix that is not finite.
        """
        if not self._fences or not len(lon):
            return NO_HITS
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            raise ValueError("a fix without a finite position")
        ways = _Ways(lon, lat, prev_lon, prev_lat)
        point, fence = self._candidates(ways, vehicle_id, carrier)
        if not point.size:
            return NO_HITS
        distance_m = self._table.distance_m(fence, lon[point], lat[point])
        pass_in, pass_out = self._pass(ways, point, fence, distance_m)
        kept = (distance_m <= self._reach_m[fence]) | ~np.isnan(pass_in)
        return Hits(point[kept], fence[kept], distance_m[kept], pass_in[kept], pass_out[kept])

    def _candidates(self, ways: _Ways, vehicle_id: Rows, carrier: Rows) -> Pairs:
        """Pairs in scope whose boxes meet; sorted, each once."""
        found: list[Pairs] = []
        if self._shared:
            found.append(self._shared.pairs(ways))
        if self._by_vehicle:
            found.extend(self._by_vehicle.pairs(ways, vehicle_id))
        if self._by_carrier:
            found.extend(self._by_carrier.pairs(ways, carrier))
        point = np.concatenate([pair[0] for pair in found])
        fence = np.concatenate([pair[1] for pair in found])
        size = len(self._fences)
        point, fence = np.divmod(np.unique(point * size + fence), size)
        wanted = self._carrier[fence]
        in_scope = (wanted == _NO_CARRIER) | (wanted == carrier[point])
        return point[in_scope], fence[in_scope]

    def _pass(self, ways: _Ways, point: Rows, fence: Rows, distance_m: Floats) -> tuple[Floats, Floats]:
        pass_in, pass_out = np.full(len(point), np.nan), np.full(len(point), np.nan)
        stride_m = ways.stride_m[point] * _STRIDE_PAD + 1.0
        # A way through is at least as long as the distances of its ends to the border together. Cutting ways with
        # outlines costs most, so those are left out that cannot have crossed, first by one end, then by both.
        far = distance_m < _STRIDE_LIMIT_M
        at = np.flatnonzero(
            (distance_m > 0)
            & (ways.stride_m[point] > 0)
            & ~((distance_m > stride_m) & far)
            & self._passes[fence]
        )
        start_m = self._table.distance_m(fence[at], ways.lon0[point[at]], ways.lat0[point[at]])
        apart = (start_m + distance_m[at] > stride_m[at]) & far[at] & (start_m < _STRIDE_LIMIT_M)
        at = at[(start_m > 0) & ~apart]
        ends = (column[point[at]] for column in (ways.lon0, ways.lat0, ways.lon, ways.lat))
        f_in, f_out = self._table.intervals(fence[at], *ends)
        through = ~np.isnan(f_in)
        pass_in[at[through]], pass_out[at[through]] = f_in[through], f_out[through]
        return pass_in, pass_out
