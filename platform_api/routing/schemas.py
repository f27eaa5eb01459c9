"""What is told of a plan."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from platform_api.routing.lines import points_of
from platform_api.routing.models import PlannedRoute
from platform_api.routing.plan import Source


class LegOut(BaseModel):
    distance_m: float
    duration_s: float


class PlanOut(BaseModel):
    """`source`: who says so. `degraded`: a rough estimate; no corridor is watched along it.

    `legs` lead from stop to stop, `geometry` is a GeoJSON LineString.
    """

    source: Source
    degraded: bool
    distance_m: float
    duration_s: float
    legs: list[LegOut]
    corridor_width_m: float | None = Field(description="of the corridor that is watched, both sides together")
    made_at: datetime
    geometry: dict[str, Any]

    @classmethod
    def of(cls, plan: PlannedRoute) -> Self:
        return cls(
            source=Source(plan.source),
            degraded=plan.degraded,
            distance_m=round(plan.distance_m, 1),
            duration_s=round(plan.duration_s, 1),
            legs=[LegOut(**leg) for leg in plan.legs],
            corridor_width_m=plan.width_m,
            made_at=plan.made_at,
            geometry={"type": "LineString", "coordinates": [list(point) for point in points_of(plan)]},
        )
