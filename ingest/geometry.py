"""Ways between fixes that are near one another: flat-earth metres, good to 1 % below 200 km. Pure."""

import math

import numpy as np

from ingest.track import Floats

DEGREE_M = 111_320.0


def way_m(lon: float, lat: float, to_lon: float, to_lat: float) -> float:
    """Metres from one position to another."""
    north = (to_lat - lat) * DEGREE_M
    east = (to_lon - lon) * DEGREE_M * math.cos(math.radians((lat + to_lat) / 2))
    return math.hypot(east, north)


def surely_within(lon: Floats, lat: Floats, to_lon: Floats, to_lat: Floats, limit_m: Floats) -> np.ndarray:
    """True only where the way is not longer than the limit; cheap, and false for some that are not either.

    A degree of longitude is nowhere longer than one of latitude.
    """
    bound = (np.abs(to_lat - lat) + np.abs(to_lon - lon)) * DEGREE_M
    return bound <= limit_m
