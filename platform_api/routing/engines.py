"""What the platform asks of a routing engine, and how it may fail."""

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


class RoutingEngine(Protocol):
    source: Source

    def route(self, stops: Sequence[Point], truck: TruckSize) -> Plan:
        """A way through the stops, (lon, lat), in their order. Raises EngineError."""
        ...
