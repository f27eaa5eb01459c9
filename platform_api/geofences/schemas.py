"""Bodies of the geofence endpoints."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from geofence.geojson import order_hint, parse_shape
from platform_api.fields import Id, Name, Time
from platform_api.geofences.models import Geofence
from platform_api.schemas import StrictBody

CIRCLE_EXAMPLE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-17.4281, 14.6797]},
    "properties": {"radius_m": 300},
}


class GeofenceIn(StrictBody):
    """`shape` is GeoJSON, longitude first: Polygon, MultiPolygon, Point + `radius_m`, LineString + `width_m`.

    `settings` overrides single defaults. Without `valid_from` the fence judges what comes from now
    on; with a time in the past, that past is judged as well. Without `vehicle_id` it watches the
    whole fleet.
    """

    name: Name
    shape: dict[str, Any] = Field(examples=[CIRCLE_EXAMPLE])
    settings: dict[str, Any] = Field(default_factory=dict, examples=[{"exit_margin_m": 80}])
    vehicle_id: Id | None = None
    group_id: Id | None = None
    valid_from: Time | None = None
    valid_until: Time | None = None


class GeofenceChange(StrictBody):
    """What is left out stays; `group_id` null takes it out of its group. A new shape makes another geofence."""

    name: Name | None = None
    group_id: Id | None = None
    shape: dict[str, Any] | None = Field(default=None, examples=[CIRCLE_EXAMPLE])


class GroupIn(StrictBody):
    name: Name = Field(examples=["Depots of Dakar"])


class GroupOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    version: int
    created_at: datetime


class ImportedOut(BaseModel):
    """One shape of the file. `code` and `detail`: why it cannot be a geofence. `id`: of the one that was made."""

    number: int
    name: str
    id: int | None = None
    code: str | None = None
    detail: str | None = None
    hint: str | None = None


class ImportOut(BaseModel):
    """`made`: how many geofences; 0 for a dry run."""

    made: int
    shapes: list[ImportedOut]


class GeofenceOut(BaseModel):
    """`hint` says so when the coordinates look swapped. `replaces_id`: of which it is the newer shape."""

    id: int
    name: str
    shape: dict[str, Any]
    settings: dict[str, Any]
    vehicle_id: int | None
    group_id: int | None
    replaces_id: int | None
    version: int
    valid_from: datetime | None
    valid_until: datetime | None
    retired_at: datetime | None
    created_at: datetime
    hint: str | None = None

    @classmethod
    def of(cls, geofence: Geofence) -> Self:
        return cls(
            id=geofence.id,
            name=geofence.name,
            shape=geofence.shape,
            settings=geofence.settings,
            vehicle_id=geofence.vehicle_id,
            group_id=geofence.group_id,
            replaces_id=geofence.replaces_id,
            version=geofence.version,
            valid_from=geofence.valid_from,
            valid_until=geofence.valid_until,
            retired_at=geofence.retired_at,
            created_at=geofence.created_at,
        )

    @classmethod
    def with_hint(cls, geofence: Geofence) -> Self:
        hint = order_hint(parse_shape(geofence.shape))
        return cls.of(geofence).model_copy(update={"hint": hint})
