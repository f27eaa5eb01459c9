"""What tracking answers over HTTP."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from platform_api.tracking.times import TimeOut

Source = Literal["tracker", "phone"]


class PingOut(BaseModel):
    """A ping in normal form (the keys of `mess decode`), and where it came from; null where unknown.

    `trusted` is false for a position that software made up, as its device says (`mock`).
    """

    model_config = ConfigDict(from_attributes=True)

    time: TimeOut
    lat: float
    lon: float
    speed_kmh: float | None
    heading_deg: float | None
    altitude_m: float | None
    accuracy_m: float | None
    satellites: int | None
    hdop: float | None
    ignition: bool | None
    battery_pct: float | None
    fuel_pct: float | None
    odometer_km: float | None
    seq: int | None
    mock: bool | None
    alarms: list[str]
    attributes: dict[str, Any]
    device_uid: str
    source: Source
    trusted: bool


class FeatureOut(BaseModel):
    """GeoJSON Feature; `properties.kind` says what it is."""

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class RouteOut(BaseModel):
    """GeoJSON FeatureCollection.

    `properties.kind` of its features: `planned` and `actual` (lines), `untrusted` (points of the actual way that
    software made up, as the device says), `pickup` and `delivery` (points), `pickup_fence` and `delivery_fence`
    (the fence's own shape).
    """

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[FeatureOut]


class AvailableDriverOut(BaseModel):
    """No phone number: contact goes through the platform's messages."""

    driver_id: UUID
    driver_name: str
    vehicle_id: int
    plate: str
    vehicle_name: str
    capacity_kg: int | None
    lat: float
    lon: float
    distance_km: float
    position_time: TimeOut
    position_age_s: float
    source: Source | None
    trusted: bool


class AvailableDriversOut(BaseModel):
    """Nearest first; at most `tracking.rules.MAX_DRIVERS`."""

    items: list[AvailableDriverOut]
