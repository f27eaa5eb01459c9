"""A plan at any rate: from the engine that the settings name, else the straight line."""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from config.logging import get_logger
from config.settings import Settings, get_settings
from platform_api.routing import asking
from platform_api.routing.breaker import Breaker
from platform_api.routing.engines import EngineError, RoutingEngine
from platform_api.routing.osrm import Osrm
from platform_api.routing.plan import (
    Assumed,
    Plan,
    Point,
    TruckSize,
    drawn_line,
    leads_through,
    straight_line,
)
from platform_api.routing.valhalla import Valhalla

log = get_logger(__name__)


def assumed(settings: Settings) -> Assumed:
    return Assumed(settings.routing_assumed_kmh, settings.routing_detour)


class Planner:
    """Never fails: what an engine does not know is assumed, and marked `degraded`."""

    def __init__(
        self,
        engine: RoutingEngine | None,
        assumed: Assumed,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self._assumed = assumed
        self._breaker = breaker or Breaker()
        self._clock = clock

    def plan(self, stops: Sequence[Point], truck: TruckSize, *, drawn: Sequence[Point] | None = None) -> Plan:
        """`drawn`: the way that the shipper gave, which is then the plan."""
        if drawn is not None:
            return drawn_line(drawn, stops, self._assumed)
        asked = self._ask(stops, truck)
        return asked or straight_line(stops, self._assumed)

    def _ask(self, stops: Sequence[Point], truck: TruckSize) -> Plan | None:
        if self.engine is None or not self._breaker.allows(self._clock()):
            return None
        try:
            plan = self.engine.route(stops, truck)
        except EngineError as error:
            if error.broken:
                self._breaker.failed(self._clock())
            else:
                self._breaker.succeeded()
            log.warning(
                "no route from the engine", engine=self.engine.source, code=error.code, detail=error.detail
            )
            return None
        self._breaker.succeeded()
        if not leads_through(plan.points, stops):
            log.warning("the engine's route does not lead to the stops", engine=self.engine.source)
            return None
        return plan


def engine_of(name: str, url: str, timeout_s: float) -> RoutingEngine | None:
    """What the settings name; None = there is none."""
    if name == "none":
        return None
    http = asking.client(url, read_s=timeout_s)
    return Osrm(http) if name == "osrm" else Valhalla(http)


@lru_cache
def _planner(name: str, url: str, timeout_s: float, assumed: Assumed) -> Planner:
    return Planner(engine_of(name, url, timeout_s), assumed)


def planner() -> Planner:
    """One a process and settings, so that its breaker remembers."""
    settings = get_settings()
    return _planner(
        settings.routing_engine, settings.routing_url, settings.routing_timeout_s, assumed(settings)
    )
