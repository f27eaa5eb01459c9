"""Live pings at a fixed rate, and how long each takes from publish to the live channel."""

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from bench.fleet import payloads
from bench.rig import Rig, Viewer, stamped
from simulator.blast import ClientPlan, blast

# The first time each truck is seen pays for its state and first safe point.
WARM_UP_S: Final = 2


async def drive_live(rig: Rig, trucks: Sequence[int], rate: float, seconds: int) -> list[tuple[float, float]]:
    """(time.time() of the publish, seconds until it was told) of each ping that was told, warm-up left out.

    All trucks take turns, with a ping for each second of their own time.
    """
    total = int(rate * (seconds + WARM_UP_S))
    each_s = len(trucks) / rate
    start_ms = int(time.time() * 1000)
    tracks = {
        truck: payloads(
            truck, count=total, batch=1, start_ms=start_ms, interval_ms=max(1, int(each_s * 1000))
        )
        for truck in trucks
    }
    turns = [trucks[number % len(trucks)] for number in range(total)]
    messages = [(f"v1/devices/truck-{t}/pings", stamped(next(tracks[t]), n)) for n, t in enumerate(turns)]
    vehicles = rig.vehicles()
    async with Viewer(rig.redis_url) as viewer:
        plan = ClientPlan("bench-live", messages)
        result = await blast(rig.broker.host, rig.broker.port, clients=[plan], in_flight=5000, rate=rate)
        await viewer.settle()
    sent_s = result.clients[0].sent_at_s
    waits = []
    for number in range(int(rate * WARM_UP_S), total):
        seen_s = viewer.seen_s.get((vehicles[f"truck-{turns[number]}"], number))
        if seen_s is not None:
            waits.append((float(sent_s[number]), seen_s - float(sent_s[number])))
    return waits


def percentile_ms(waits: Sequence[tuple[float, float]], percent: float) -> float:
    return float(np.percentile([wait_s for _, wait_s in waits], percent)) * 1000
