"""Valhalla's route service: https://github.com/valhalla/valhalla, docs/docs/api/route/api-reference.md."""

from collections.abc import Sequence
from typing import Any

import httpx
import polyline

from platform_api.routing import asking
from platform_api.routing.engines import EngineError, checked
from platform_api.routing.plan import Leg, Plan, Point, Source, TruckSize

# error_code -> ours: 153 shape points, 154 distance, 158 trace options; 170 unconnected, 171 no edges near, 442 no path
_CODES = {153: "too_big", 154: "too_big", 158: "too_big", 170: "no_route", 171: "no_route", 442: "no_route"}
# Its own default is 120 km/h, which no loaded truck drives in Senegal.
TOP_SPEED_KMH = 80


class Valhalla:
    source = Source.VALHALLA

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def route(self, stops: Sequence[Point], truck: TruckSize) -> Plan:
        answer = asking.ask(self._http, "POST", "/route", json=question(stops, truck))
        if "error_code" in answer:
            told = answer["error_code"]
            code = _CODES.get(told, "refused") if isinstance(told, int) else "bad_answer"
            raise EngineError(code, f"{told}: {answer.get('error', '')}")
        return checked(self._plan(answer), stops)

    def _plan(self, answer: dict[str, Any]) -> Plan:
        try:
            trip_legs = answer["trip"]["legs"]
            points: list[Point] = []
            for leg in trip_legs:
                shape = polyline.decode(leg["shape"], 6, geojson=True)
                # A leg begins with the last point of the one before it.
                points += shape[1:] if points and shape[:1] == points[-1:] else shape
            # kilometres, as asked for
            legs = tuple(
                Leg(float(leg["summary"]["length"]) * 1000, float(leg["summary"]["time"]))
                for leg in trip_legs
            )
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise EngineError("bad_answer", f"{type(error).__name__}: {error}") from error
        return Plan(tuple(points), legs, self.source, degraded=False)


def question(stops: Sequence[Point], truck: TruckSize) -> dict[str, Any]:
    """The body of POST /route. Without the truck's measures it would plan for American ones."""
    return {
        "locations": [{"lat": round(lat, 6), "lon": round(lon, 6), "type": "break"} for lon, lat in stops],
        "costing": "truck",
        "costing_options": {
            "truck": {
                "height": truck.height_m,
                "width": truck.width_m,
                "length": truck.length_m,
                "weight": truck.weight_t,
                "axle_load": truck.axle_load_t,
                "axle_count": truck.axle_count,
                "hazmat": False,
                "top_speed": TOP_SPEED_KMH,
            }
        },
        "language": "fr-FR",
        "units": "kilometers",
        "shape_format": "polyline6",
    }
