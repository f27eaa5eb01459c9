"""Fixes per CPU second through FenceIndex.hits, against measuring every fence for every fix.

    python -m bench.geofence_index [--seconds 3]

Fences: 63 % circles (100 to 800 m), 35 % polygons (5 to 40 corners), 2 % corridors (10 to 20 km long, 100 m wide),
all spread over Senegal, and one corridor of 650 km; 5 % of the fixes lie by a fence on purpose, the others anywhere. "order fences" are circles around one
port, each for another vehicle, as are all fixes.
"""

import argparse
import math
import time

import numpy as np
import shapely

from geofence.index import Fence, FenceIndex
from geofence.projection import Floats
from geofence.settings import FenceSettings
from geofence.shapes import Circle, Corridor, Polygon, Shape, signed_distance_m

BATCH = 5_000
WEST, SOUTH, EAST, NORTH = -17.0, 12.5, -11.6, 16.4
PORT = (-17.425, 14.683)
NATIONAL_ROAD = (
    (-17.44, 14.69), (-16.92, 14.79), (-16.07, 14.14), (-14.80, 13.97), (-13.67, 13.77), (-12.68, 14.19), (-12.21, 14.46),
)  # fmt: skip
Batch = tuple[Floats, Floats, Floats, Floats]


def random_shape(rng: np.random.Generator) -> Shape:
    lon, lat = float(rng.uniform(WEST, EAST)), float(rng.uniform(SOUTH, NORTH))
    kind = rng.random()
    if kind < 0.63:
        return Circle(lon, lat, float(rng.uniform(100, 800)))
    if kind < 0.98:
        turn = np.sort(rng.uniform(0, 6.2, int(rng.integers(5, 41))))
        turn += np.linspace(0, 0.01, len(turn))
        radius = rng.uniform(0.001, 0.007)
        ring = np.column_stack([lon + radius * np.cos(turn), lat + radius * np.sin(turn)])
        return Polygon(shapely.Polygon(ring))
    steps = np.cumsum(rng.uniform(0.01, 0.03, (6, 2)) * rng.choice([-1, 1], 2), axis=0)
    return Corridor(tuple((lon + float(x), lat + float(y)) for x, y in steps), 100.0)


def spread_fences(count: int, rng: np.random.Generator) -> list[Fence]:
    shapes = [Corridor(NATIONAL_ROAD, 200.0), *(random_shape(rng) for _ in range(count - 1))]
    return [Fence(number, shape, FenceSettings()) for number, shape in enumerate(shapes)]


def order_fences(count: int, rng: np.random.Generator) -> list[Fence]:
    near = rng.normal(0, 0.01, (count, 2))
    return [
        Fence(
            number,
            Circle(PORT[0] + float(x), PORT[1] + float(y), 300.0),
            FenceSettings(),
            vehicle_id=number,
        )
        for number, (x, y) in enumerate(near)
    ]


def batch_of(rng: np.random.Generator, near: Floats) -> Batch:
    """Fixes 30 s apart at up to 25 m/s, `near` (n, 2) at the end."""
    lon, lat = rng.uniform(WEST, EAST, BATCH), rng.uniform(SOUTH, NORTH, BATCH)
    lon[BATCH - len(near) :], lat[BATCH - len(near) :] = near.T
    step = rng.normal(0, 0.004, (2, BATCH))
    return lon, lat, lon + step[0], lat + step[1]


def near_fences(rng: np.random.Generator, fences: list[Fence]) -> Floats:
    if not fences:
        return np.empty((0, 2))
    picked = rng.choice(len(fences), BATCH // 20)
    centres = np.array([fences[number].shape.centre for number in picked])
    return np.asarray(centres + rng.normal(0, 0.003, centres.shape), dtype=np.float64)


def rate(
    index: FenceIndex, batches: list[Batch], vehicles: np.ndarray, seconds: float
) -> tuple[float, float]:
    """Fixes per second, and rows per hundred fixes."""
    carrier = np.full(BATCH, -1, dtype=np.int64)
    for batch in batches:  # draws what is drawn at first need
        index.hits(*batch, vehicles, carrier)
    done = rows = 0
    start = time.process_time()
    while time.process_time() - start < seconds:
        rows += len(index.hits(*batches[done % len(batches)], vehicles, carrier))
        done += 1
    return done * BATCH / (time.process_time() - start), 100 * rows / (done * BATCH)


def naive_rate(fences: list[Fence], batch: Batch) -> float:
    """Every fence for every fix, vectorised by fence; of many fences a sample is run and its time scaled."""
    if not fences:
        return math.inf
    sample = fences[:: max(len(fences) // 200, 1)]
    fixes = 500
    start = time.process_time()
    for fence in sample:
        signed_distance_m(fence.shape, batch[0][:fixes], batch[1][:fixes])
    return fixes / ((time.process_time() - start) * len(fences) / len(sample))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to measure each case")
    seconds = parser.parse_args().seconds
    rng = np.random.default_rng(7)
    vehicles = np.arange(BATCH, dtype=np.int64)
    print(f"batches of {BATCH} fixes, each with a previous fix")
    print(
        f"{'fences':>22} {'build s':>8} {'fixes/s':>14} {'rows/100 fixes':>15} {'naive fixes/s':>14} {'ratio':>8}"
    )
    spread = [("spread", count, spread_fences(count, rng)) for count in (1_000, 10_000, 100_000)]
    cases = [("none", 0, []), *spread, ("order", 100_000, order_fences(100_000, rng))]
    for kind, count, fences in cases:
        start = time.process_time()
        index = FenceIndex(fences)
        build_s = time.process_time() - start
        batches = [batch_of(rng, near_fences(rng, fences)) for _ in range(4)]
        fast, rows = rate(index, batches, vehicles, seconds)
        naive = naive_rate(fences, batches[0])
        print(
            f"{count:>15,} {kind:<6} {build_s:8.2f} {fast:14,.0f} {rows:15.1f} {naive:14,.1f} {fast / naive:8,.0f}"
        )


if __name__ == "__main__":
    main()
