"""What the platform asks of a routing engine, and how it may fail."""

import math
from collections.abc import Sequence
from typing import Protocol

from platform_api.routing.plan import Plan, Point, Source, TruckSize


class EngineError(Exception):
    """`code`: `no_route` (there is none), `too_big` (beyond the engine's limits), `refused` (it does not
    understand us), `bad_answer` (we do not understand it), `unavailable` (it does not answer).

    `broken`: the fault is the engine's, and the next question would meet it too.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail

    @property
    def broken(self) -> bool:
        return self.code in ("unavailable", "bad_answer")


def checked(plan: Plan, stops: Sequence[Point]) -> Plan:
    """The plan, if it can be reckoned with. Raises EngineError `bad_answer`."""
    if len(plan.legs) != len(stops) - 1:
        raise EngineError("bad_answer", f"{len(plan.legs)} legs between {len(stops)} stops")
    for leg in plan.legs:
        for value in (leg.distance_m, leg.duration_s):
            if not math.isfinite(value) or value < 0:
                raise EngineError("bad_answer", f"a leg of {leg.distance_m} m in {leg.duration_s} s")
    if any(abs(lon) > 180 or abs(lat) > 90 for lon, lat in plan.points):
        raise EngineError("bad_answer", "a point off the globe")
    return plan


class RoutingEngine(Protocol):
    source: Source

    def route(self, stops: Sequence[Point], truck: TruckSize) -> Plan:
        """A way through the stops, (lon, lat), in their order. Raises EngineError."""
        ...
