"""The way a vehicle has gone, from fixes that scatter. Pure.

Summed from fix to fix, a receiver's noise adds up: with a fix every second a truck in a jam gains a tenth, a parked one
a hundred kilometres a day (`docs/decisions/0016-trips-and-stops.md` has the table). So a way counts from an anchor, and
only once it is longer than noise: `_LEAST_M`, or what the fix claims as its error. Then the fix is the next anchor.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ingest.geometry import DEGREE_M, way_m
from ingest.interval import Place
from ingest.track import Floats

_LEAST_M: Final = 20.0
# A poor fix is asked for no more than this, or a phone in town would never have moved.
_MOST_M: Final = 50.0
# A degree of longitude is nowhere longer than one of latitude.
_SURELY_NEAR_DEG: Final = _LEAST_M / DEGREE_M


def least_m(accuracy_m: Floats) -> list[float]:
    """How far from the anchor each fix has to be; NaN = accuracy unknown."""
    far: list[float] = np.clip(np.nan_to_num(accuracy_m, nan=0.0), _LEAST_M, _MOST_M).tolist()
    return far


def count(
    lon: Sequence[float],
    lat: Sequence[float],
    least: Sequence[float],
    so_far_mm: int,
    anchor: Place | None,
) -> tuple[list[int], list[Place]]:
    """At each fix the way counted up to its anchor, in whole millimetres, and the anchor."""
    if anchor is None:
        anchor = (lon[0], lat[0])
    from_lon, from_lat = anchor
    mm: list[int] = []
    anchors: list[Place] = []
    for x, y, far in zip(lon, lat, least, strict=True):
        if abs(x - from_lon) + abs(y - from_lat) > _SURELY_NEAR_DEG:
            way = way_m(from_lon, from_lat, x, y)
            if way >= far:
                so_far_mm += round(way * 1000)
                from_lon, from_lat = anchor = (x, y)
        mm.append(so_far_mm)
        anchors.append(anchor)
    return mm, anchors


def up_to(mm: int, anchor: Place, lon: float, lat: float) -> int:
    """The way up to a fix: what was counted and the rest from the anchor."""
    return mm + round(way_m(*anchor, lon, lat) * 1000)
