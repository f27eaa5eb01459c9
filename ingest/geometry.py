"""Ways between fixes that are near one another: flat-earth metres, good to 1 % below 200 km. Pure."""

import math

import numpy as np

from ingest.track import Floats, Ints

_DEGREE_M = 111_320.0


def way_m(lon: float, lat: float, to_lon: float, to_lat: float) -> float:
    """Metres from one position to another."""
    north = (to_lat - lat) * _DEGREE_M
    east = (to_lon - lon) * _DEGREE_M * math.cos(math.radians((lat + to_lat) / 2))
    return math.hypot(east, north)


def ways_mm(lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats) -> Ints:
    """Millimetres of many ways at once; 0 where the first position is unknown (NaN).

    Whole numbers, so that a sum of them does not depend on how they were grouped.
    """
    north = (to_lat - lat) * _DEGREE_M
    east = (to_lon - lon) * _DEGREE_M * np.cos(np.radians((lat + to_lat) / 2))
    return np.nan_to_num(np.hypot(east, north) * 1000.0).round().astype(np.int64)


def surely_within(lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats, limit_m: Floats) -> np.ndarray:
    """True only where the way is not longer than the limit; cheap, and false for some that are not either.

    A degree of longitude is nowhere longer than one of latitude.
    """
    bound = (np.abs(to_lat - lat) + np.abs(to_lon - lon)) * _DEGREE_M
    return bound <= limit_m
