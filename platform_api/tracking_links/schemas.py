"""Bodies of links, and what a link shows."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.fields import OptionalName, Time
from platform_api.schemas import StrictBody
from platform_api.tracking_links.models import TrackingLink
from platform_api.tracking_links.rules import Stage
from platform_api.tracking_links.service import Followed


class LinkIn(StrictBody):
    """Without `expires_at` it lives 30 days. Plate, driver's name and phone are shown only if you say so."""

    label: OptionalName = Field(default="", examples=["Magasin de Kaolack"])
    expires_at: Time | None = None
    shows_plate: bool = False
    shows_driver: bool = False


class LinkOut(BaseModel):
    """`opened`: how often it was looked at."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    order_id: UUID
    label: str
    shows_plate: bool
    shows_driver: bool
    expires_at: datetime
    revoked_at: datetime | None
    created_by: UUID
    created_at: datetime
    opened: int
    last_opened_at: datetime | None


class NewLinkOut(LinkOut):
    """`token` and `path` are shown this once: the platform keeps only a hash."""

    token: str
    path: str = Field(examples=["/track/3kT9..."])

    @classmethod
    def made(cls, link: TrackingLink, token: str) -> Self:
        known = LinkOut.model_validate(link).model_dump()
        return cls(**known, token=token, path=f"/track/{token}")


class FollowedPlace(BaseModel):
    name: str
    lat: float
    lon: float


class FollowedStop(FollowedPlace):
    kind: str
    arrived_at: datetime | None
    departed_at: datetime | None


class FollowedPosition(BaseModel):
    lat: float
    lon: float
    time: datetime


class FollowedOut(BaseModel):
    """`position`, `route` ([lon, lat], ...) and `eta_at` only while the truck carries the order."""

    reference: str
    stage: Stage
    pickup: FollowedPlace
    delivery: FollowedPlace
    stops: list[FollowedStop]
    delivery_opens_at: datetime | None
    delivery_closes_at: datetime | None
    picked_up_at: datetime | None
    arrived_at: datetime | None
    delivered_at: datetime | None
    eta_at: datetime | None = None
    position: FollowedPosition | None = None
    route: list[tuple[float, float]] = []
    plate: str | None = None
    driver_name: str | None = None
    driver_phone: str | None = None

    @classmethod
    def of(cls, seen: Followed) -> Self:
        order, at = seen.order, seen.position
        return cls(
            reference=order.reference,
            stage=seen.stage,
            pickup=FollowedPlace(name=order.pickup_name, lat=order.pickup_lat, lon=order.pickup_lon),
            delivery=FollowedPlace(name=order.delivery_name, lat=order.delivery_lat, lon=order.delivery_lon),
            stops=[
                FollowedStop(
                    name=stop.name,
                    lat=stop.lat,
                    lon=stop.lon,
                    kind=stop.kind,
                    arrived_at=stop.arrived_at,
                    departed_at=stop.departed_at,
                )
                for stop in seen.stops
            ],
            delivery_opens_at=order.delivery_opens_at,
            delivery_closes_at=order.delivery_closes_at,
            picked_up_at=order.picked_up_at,
            arrived_at=order.arrived_delivery_at,
            delivered_at=order.delivered_at,
            eta_at=seen.eta.eta_at if seen.eta else None,
            position=FollowedPosition(lat=at.lat, lon=at.lon, time=at.time) if at else None,
            route=list(seen.way.points),
            plate=seen.plate,
            driver_name=seen.driver_name,
            driver_phone=seen.driver_phone,
        )
