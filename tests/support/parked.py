"""How often a truck that stands is told as driving: the measurement of docs/decisions/0012.

    python -m tests.support.parked [--seeds 20]

The receiver is that of `tests.support.jitter`; it reports neither speed nor ignition, so only its positions can tell.
Beside the platform stands the rule that Traccar's newer motion logic documents: stopped when all fixes of three minutes
lie within 200 m, started at the first fix 200 m from there.
"""

import argparse
from collections.abc import Sequence

from ingest.geometry import way_m
from ingest.ping import Ping
from tests.support.drives import tell
from tests.support.jitter import Observed, Receiver, observe, parked
from tests.support.law import TRACKER, Candidate

SCATTER_M = (15.0, 30.0, 45.0, 60.0)
MEMORY_S = (0.0, 60.0, 300.0)
# seconds between fixes, hours parked
SHAPES = ((1, 4), (10, 24), (60, 24), (300, 24))


def false_trips(fixes: Sequence[Observed]) -> int:
    """And whatever else a standing truck does not do."""
    told = tell(
        [
            Candidate(Ping(time_us=f.time_us, lon=f.lon, lat=f.lat, accuracy_m=f.accuracy_m), 1, TRACKER)
            for f in fixes
        ]
    )
    return len(told.of("trip", "tow", "gap"))


def false_starts(fixes: Sequence[Observed]) -> int:
    """By the simple rule."""
    window: list[Observed] = []
    stop: Observed | None = None
    starts = 0
    for fix in fixes:
        if stop is not None:
            if way_m(stop.lon, stop.lat, fix.lon, fix.lat) < 200:
                continue
            starts, stop, window = starts + 1, None, []
        window.append(fix)
        while way_m(window[0].lon, window[0].lat, fix.lon, fix.lat) >= 200:
            window.pop(0)
        if fix.time_us - window[0].time_us >= 180_000_000:
            stop = window[0]
    return starts


def measure(receiver: Receiver, hours: float, seeds: int) -> tuple[float, float]:
    """Per parked day: (platform, simple rule)."""
    ours = simple = 0
    for seed in range(seeds):
        fixes = list(observe(parked(0.0, hours * 3600), receiver, seed))
        ours += false_trips(fixes)
        simple += false_starts(fixes)
    days = seeds * hours / 24
    return ours / days, simple / days


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    print("false trips per parked day, platform / simple rule, by seconds between fixes")
    print(f"{'scatter':>8}{'memory':>8}" + "".join(f"{every:>16}" for every, _ in SHAPES))
    for scatter_m in SCATTER_M:
        for memory_s in MEMORY_S:
            cells = [measure(Receiver(every, scatter_m, memory_s), hours, seeds) for every, hours in SHAPES]
            row = "".join(f"{ours:>7.2f} /{simple:>7.1f}" for ours, simple in cells)
            print(f"{scatter_m:>8.0f}{memory_s:>8.0f}{row}", flush=True)


if __name__ == "__main__":
    main()
