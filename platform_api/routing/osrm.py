"""OSRM's route service: https://github.com/Project-OSRM/osrm-backend/blob/master/docs/http.md."""

from collections.abc import Sequence
from typing import Any

import httpx
import polyline

from platform_api.routing import asking
from platform_api.routing.engines import EngineError, checked
from platform_api.routing.plan import Leg, Plan, Point, Source, TruckSize

_CODES = {"NoSegment": "no_route", "NoRoute": "no_route", "TooBig": "too_big"}


class Osrm:
    """A truck's measures are in the graph that the server was started with; they cannot be asked for."""

    source = Source.OSRM

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def route(self, stops: Sequence[Point], truck: TruckSize) -> Plan:
        places = ";".join(f"{lon:.6f},{lat:.6f}" for lon, lat in stops)
        params = {"overview": "full", "geometries": "polyline6", "steps": "false"}
        answer = asking.ask(self._http, "GET", f"/route/v1/driving/{places}", params=params)
        # Versions differ in the status of a refusal, some answer 200: the code alone tells.
        code = answer.get("code")
        if code != "Ok":
            raise EngineError(_CODES.get(str(code), "refused"), f"{code}: {answer.get('message', '')}")
        return checked(self._plan(answer), stops)

    def _plan(self, answer: dict[str, Any]) -> Plan:
        try:
            best = answer["routes"][0]
            points = tuple(polyline.decode(best["geometry"], 6, geojson=True))
            legs = tuple(Leg(float(leg["distance"]), float(leg["duration"])) for leg in best["legs"])
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise EngineError("bad_answer", f"{type(error).__name__}: {error}") from error
        return Plan(points, legs, self.source, degraded=False)
