"""A kept plan as geometry again."""

import polyline

from platform_api.routing.models import PlannedRoute
from platform_api.routing.plan import Leg, Point


def points_of(plan: PlannedRoute) -> tuple[Point, ...]:
    return tuple(polyline.decode(plan.line, 6, geojson=True))


def legs_of(plan: PlannedRoute) -> tuple[Leg, ...]:
    return tuple(Leg(leg["distance_m"], leg["duration_s"]) for leg in plan.legs)
