"""What folding costs: CPU microseconds a ping and a vehicle, in the shapes that batches have.

    python -m bench.fold

Beside the fold of a whole batch stands the same fold called row by row, as a system would that handles each position
by itself. Both give the same states; that is checked. Time is this process's own (`time.process_time`).
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from geofence.index import FenceIndex
from ingest.arbitration import VehicleInput
from ingest.fold import VehicleOutput, fold
from ingest.ping import Ping
from ingest.state import VehicleState
from ingest.track import Ints, Pings, from_pings
from telemetry.rules import DEFAULTS

US = 1_000_000
START_US = 1_767_600_000_000_000
METRE = 1 / 111_320
NO_FENCES = FenceIndex([])
WARM_UP_S = 600


class Shape(NamedTuple):
    name: str
    vehicles: int
    rows: int  # of each vehicle
    every_s: int
    fuel: bool = False


SHAPES = (
    Shape("700 vehicles x 50 rows at 1 s", 700, 50, 1),
    Shape("600 vehicles x 1 row at 30 s", 600, 1, 30),
    Shape("600 vehicles x 1 row at 30 s, with fuel", 600, 1, 30, fuel=True),
    Shape("1 vehicle x 50,000 rows at 10 s", 1, 50_000, 10),
)


CYCLE_S, RAMP_S, DRIVE_S, TOP_MPS = 900, 20, 600, 20.0


def driven(second: int) -> tuple[float, float]:
    """Metres and speed of a truck that drives ten minutes and stands five, again and again."""
    cycles, rest = divmod(second, CYCLE_S)
    cycle_m = TOP_MPS * (DRIVE_S - RAMP_S)
    up, down = min(rest, RAMP_S), max(0, min(rest, DRIVE_S) - (DRIVE_S - RAMP_S))
    cruised = max(0, min(rest, DRIVE_S - RAMP_S) - RAMP_S)
    mps = 0.0 if rest >= DRIVE_S else TOP_MPS * (up - down) / RAMP_S
    metres = TOP_MPS * (up * up / 2 / RAMP_S + cruised + down - down * down / 2 / RAMP_S)
    return cycles * cycle_m + metres, mps


def track_of(shape: Shape, vehicle: int, begin_s: int, rows: int) -> list[Ping]:
    """Seven of ten drive, each at another moment of its round; the others are parked."""
    dice = random.Random(f"{vehicle}/{begin_s}")
    pings, parked = [], vehicle % 10 >= 7
    for row in range(rows):
        second = begin_s + row * shape.every_s
        metres, mps = (0.0, 0.0) if parked else driven(second + vehicle * 37)
        pings.append(
            Ping(
                time_us=START_US + second * US,
                lon=-17.4 + (metres + dice.gauss(0, 2)) * METRE,
                lat=14.7 + vehicle * 0.001 + dice.gauss(0, 2) * METRE,
                speed_kmh=max(0.0, mps * 3.6 + dice.gauss(0, 0.5)) if mps else 0.0,
                accuracy_m=6.0,
                ignition=not parked,
                odometer_km=metres / 1000,
                fuel_pct=60.0 - metres / 1000 * 0.06 % 40 if shape.fuel else None,
            )
        )
    return pings


def batch_of(shape: Shape, begin_s: int, rows: int, states: Sequence[VehicleState]) -> "Batch":
    made: list[Ping] = []
    inputs = []
    for vehicle, state in enumerate(states):
        track = track_of(shape, vehicle, begin_s, rows)
        inputs.append(VehicleInput(vehicle, -1, state, DEFAULTS, len(made), len(made) + len(track)))
        made += track
    device = np.repeat(np.arange(len(states)), rows)
    pings = from_pings(made, device, np.zeros(len(made), np.int64))
    return Batch(pings, np.full(len(made), 100), inputs)


class Batch(NamedTuple):
    pings: Pings
    priority: Ints
    inputs: list[VehicleInput]


def at_once(batch: Batch) -> list[VehicleState]:
    return [output.state for output in fold(batch.pings, batch.priority, batch.inputs, NO_FENCES)]


def row_by_row(batch: Batch) -> list[VehicleState]:
    states = []
    for vehicle in batch.inputs:
        state = vehicle.state
        for row in range(vehicle.start, vehicle.stop):
            one = msgspec.structs.replace(vehicle, state=state, start=row, stop=row + 1)
            output: VehicleOutput = fold(batch.pings, batch.priority, [one], NO_FENCES)[0]
            state = output.state
        states.append(state)
    return states


def cost_s(work: Callable[[Batch], object], batch: Batch, rounds: int) -> float:
    """Median CPU seconds of one call."""
    took = []
    for _ in range(rounds):
        begin = time.process_time()
        work(batch)
        took.append(time.process_time() - begin)
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{'':42}{'at once':>20}{'row by row':>20}")
    print(f"{'shape':42}{'us/ping':>10}{'us/veh.':>10}{'us/ping':>10}{'us/veh.':>10}")
    for shape in SHAPES:
        warm = batch_of(shape, 0, WARM_UP_S // shape.every_s, [VehicleState()] * shape.vehicles)
        batch = batch_of(shape, WARM_UP_S, shape.rows, at_once(warm))
        assert at_once(batch) == row_by_row(batch)
        whole = cost_s(at_once, batch, rounds) * 1e6
        single = cost_s(row_by_row, batch, 1) * 1e6
        pings, vehicles = len(batch.pings), shape.vehicles
        columns = (whole / pings, whole / vehicles, single / pings, single / vehicles)
        print(f"{shape.name:42}" + "".join(f"{column:10.2f}" for column in columns))


if __name__ == "__main__":
    main()
