"""The way that the tests drive: from the port of Dakar to Kaolack, (lon, lat)."""

from collections.abc import Sequence
from typing import Any

import polyline

from platform_api.routing.plan import Point, length_m
from tests.integration.orders.world import DELIVERY, PICKUP

PORT: Point = (float(str(PICKUP["lon"])), float(str(PICKUP["lat"])))
KAOLACK: Point = (float(str(DELIVERY["lon"])), float(str(DELIVERY["lat"])))
# A bend, so that a truck on the straight line between the two is off the road.
BEND: Point = (-16.93, 14.79)
ROAD: tuple[Point, ...] = (PORT, (-17.2, 14.74), BEND, (-16.5, 14.4), KAOLACK)
DURATION_S = 14_400.0


def osrm_answer(road: Sequence[Point], legs: int = 1) -> dict[str, Any]:
    line = [(lat, lon) for lon, lat in road]
    leg = {"distance": length_m(road) / legs, "duration": DURATION_S / legs}
    return {"code": "Ok", "routes": [{"geometry": polyline.encode(line, 6), "legs": [leg] * legs}]}
