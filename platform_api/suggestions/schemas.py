"""What suggestions answer."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from platform_api.languages import Language
from platform_api.suggestions.explaining import explain
from platform_api.suggestions.rules import WEIGHTS, Part, Suggestion


class PartOut(BaseModel):
    """`points` of at most `weight`, and why."""

    part: Part
    points: float
    weight: int
    why: str


class SuggestionOut(BaseModel):
    """As `available-drivers/` shows a free truck. Of one under way neither position nor time: they are another load's.

    `distance_km` is then from where it will unload, in steps of 25 km.
    """

    score: float
    free: bool
    carrier_id: UUID
    vehicle_id: int
    plate: str
    vehicle_name: str
    vehicle_type: str | None
    capacity_kg: int | None
    driver_id: UUID
    driver_name: str
    distance_km: float
    lat: float | None
    lon: float | None
    position_time: datetime | None
    parts: list[PartOut]

    @classmethod
    def of(cls, suggestion: Suggestion, language: Language) -> Self:
        truck = suggestion.truck
        free = truck.unloads_at is None
        position = truck.position if free else None
        return cls(
            score=suggestion.points,
            free=free,
            carrier_id=truck.carrier_id,
            vehicle_id=truck.vehicle_id,
            plate=truck.plate,
            vehicle_name=truck.vehicle_name,
            vehicle_type=truck.vehicle_type,
            capacity_kg=truck.capacity_kg,
            driver_id=truck.driver_id,
            driver_name=truck.driver_name,
            distance_km=round(suggestion.distance_km, 1),
            lat=position.lat if position else None,
            lon=position.lon if position else None,
            position_time=truck.position_time if free else None,
            parts=[
                PartOut(
                    part=score.part,
                    points=score.points,
                    weight=WEIGHTS[score.part],
                    why=explain(score, language),
                )
                for score in suggestion.scores
            ],
        )


class SuggestionsOut(BaseModel):
    """The best first."""

    items: list[SuggestionOut]
