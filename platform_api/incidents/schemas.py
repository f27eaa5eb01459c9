"""Bodies of the incident endpoints."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from platform_api.fields import Id, Time
from platform_api.incidents.rules import MAX_FILES, Kind
from platform_api.incidents.service import Report, Shown
from platform_api.orders.bodies import Latitude, Longitude, Text
from platform_api.schemas import StrictBody


class PlaceIn(StrictBody):
    lat: Latitude = Field(examples=[14.1652])
    lon: Longitude = Field(examples=[-16.0757])


class IncidentIn(StrictBody):
    """`id`: made by you, such as a random UUID; the same one again is the same report. `time`: when it happened."""

    id: UUID
    kind: Kind = Field(examples=["breakdown"])
    description: Text = Field(default="", examples=["Pneu éclaté avant Fatick, deux heures d'arrêt."])
    order_id: UUID | None = None
    vehicle_id: Id | None = None
    place: PlaceIn | None = None
    time: Time | None = None
    file_ids: Annotated[list[UUID], Field(max_length=MAX_FILES)] = Field(default_factory=list)

    def report(self) -> Report:
        return Report(
            id=self.id,
            kind=self.kind,
            description=self.description,
            order_id=self.order_id,
            vehicle_id=self.vehicle_id,
            lat=None if self.place is None else self.place.lat,
            lon=None if self.place is None else self.place.lon,
            at=self.time,
            file_ids=tuple(self.file_ids),
        )


class CloseIn(StrictBody):
    note: Text = Field(default="", examples=["Réparé, le camion roule."])


class IncidentOut(BaseModel):
    id: UUID
    order_id: UUID | None
    vehicle_id: int | None
    carrier_id: UUID
    reported_by: UUID
    kind: Kind
    severity: str
    description: str
    lat: float | None
    lon: float | None
    happened_at: datetime
    recorded_at: datetime
    closed_at: datetime | None
    closing_note: str
    file_ids: list[UUID]

    @classmethod
    def of(cls, shown: Shown) -> Self:
        row = shown.incident
        known = {name: getattr(row, name) for name in cls.model_fields if name != "file_ids"}
        return cls(**known, file_ids=list(shown.file_ids))
