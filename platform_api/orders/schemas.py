"""Bodies of the order endpoints."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from geofence.errors import FenceError
from geofence.geojson import parse_shape, to_geojson
from geofence.shapes import signed_distance_m
from platform_api.actor import Actor
from platform_api.errors import Invalid
from platform_api.fields import MAX_TEXT_CHARS, Name
from platform_api.orders.models import Order, OrderHistory
from platform_api.orders.rules import SHOWN_TO_BIDDERS, OrderStatus
from platform_api.orders.service import Site, is_party

# Heavier than any road transport by special permit.
MAX_WEIGHT_KG = 500_000
MAX_ROUTE_POINTS = 5_000
DEFAULT_RADIUS_M = 200.0
# A gate may lie beside its yard. Farther is a slip (swapped axes), and the order would never move.
MAX_PIN_DISTANCE_M = 5_000.0

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


def _printable(text: str) -> str:
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise ValueError("control characters are not allowed")
    return text


# Several lines are fine.
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_TEXT_CHARS),
    AfterValidator(_printable),
]


class _Body(BaseModel):
    # A misspelt optional field would be taken for a missing one.
    model_config = ConfigDict(extra="forbid")


class PlaceIn(_Body):
    """The point shown on maps, and the area that counts as there: a circle around it, or `shape` (GeoJSON)."""

    name: Name
    lat: Latitude = Field(examples=[14.6797])
    lon: Longitude = Field(examples=[-17.4281])
    radius_m: float = Field(default=DEFAULT_RADIUS_M, allow_inf_nan=False)
    shape: dict[str, Any] | None = None

    def site(self) -> Site:
        """Raises Invalid: FenceError's code for a shape that cannot be used, `place_far_from_shape`."""
        circle = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [self.lon, self.lat]},
            "properties": {"radius_m": self.radius_m},
        }
        try:
            shape = parse_shape(self.shape if self.shape is not None else circle)
        except FenceError as error:
            raise Invalid(error.code, f"{self.name}: {error.detail}") from error
        away_m = signed_distance_m(shape, np.array([self.lon]), np.array([self.lat]))[0]
        if away_m > MAX_PIN_DISTANCE_M:
            detail = f"{self.name}: the shape is {away_m / 1000:.0f} km away from lat, lon; GeoJSON has longitude first"
            raise Invalid("place_far_from_shape", detail)
        return Site(self.name, self.lat, self.lon, to_geojson(shape))


class OrderIn(_Body):
    """`planned_route`: positions as [lon, lat]; without one the plan is a straight line."""

    goods: Annotated[Text, Field(min_length=1)]
    weight_kg: int | None = Field(default=None, ge=1, le=MAX_WEIGHT_KG)
    pickup: PlaceIn
    delivery: PlaceIn
    planned_route: list[tuple[Longitude, Latitude]] | None = Field(
        default=None, min_length=2, max_length=MAX_ROUTE_POINTS
    )

    def route(self) -> list[list[float]] | None:
        return None if self.planned_route is None else [list(point) for point in self.planned_route]


class PlaceOut(BaseModel):
    name: str
    lat: float
    lon: float
    shape: dict[str, Any]


class OrderOut(BaseModel):
    """Times of the journey are event times. Null for those who only bid: who won, for how much, and the journey."""

    id: UUID
    status: OrderStatus
    shipper_id: UUID
    goods: str
    weight_kg: int | None
    pickup: PlaceOut
    delivery: PlaceOut
    planned_route: list[list[float]] | None
    created_at: datetime
    updated_at: datetime
    carrier_id: UUID | None = None
    driver_id: UUID | None = None
    vehicle_id: int | None = None
    agreed_xof: int | None = None
    assigned_at: datetime | None = None
    arrived_pickup_at: datetime | None = None
    picked_up_at: datetime | None = None
    departed_pickup_at: datetime | None = None
    arrived_delivery_at: datetime | None = None
    departed_delivery_at: datetime | None = None
    delivered_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None

    @classmethod
    def of(cls, order: Order, *, party: bool) -> Self:
        known = cls(
            id=order.id,
            status=_shown_status(order, party=party),
            shipper_id=order.shipper_id,
            goods=order.goods,
            weight_kg=order.weight_kg,
            pickup=PlaceOut(
                name=order.pickup_name, lat=order.pickup_lat, lon=order.pickup_lon, shape=order.pickup_shape
            ),
            delivery=PlaceOut(
                name=order.delivery_name,
                lat=order.delivery_lat,
                lon=order.delivery_lon,
                shape=order.delivery_shape,
            ),
            planned_route=order.planned_route,
            created_at=order.created_at,
            updated_at=order.updated_at if party else order.created_at,
            cancelled_at=order.cancelled_at,
        )
        if not party:
            return known
        return known.model_copy(update={name: getattr(order, name) for name in _FOR_PARTIES})


_FOR_PARTIES = (
    "carrier_id", "driver_id", "vehicle_id", "agreed_xof", "assigned_at", "arrived_pickup_at", "picked_up_at",
    "departed_pickup_at", "arrived_delivery_at", "departed_delivery_at", "delivered_at", "completed_at",
)  # fmt: skip


def shown_order(order: Order, actor: Actor) -> OrderOut:
    """What this actor is shown of an order that he may know of."""
    return OrderOut.of(order, party=is_party(order, actor))


def _shown_status(order: Order, *, party: bool) -> OrderStatus:
    status = OrderStatus(order.status)
    return status if party or status in SHOWN_TO_BIDDERS else OrderStatus.ASSIGNED


class CancelIn(_Body):
    reason: Annotated[Text, Field(min_length=1)]


class HistoryOut(BaseModel):
    """`event_time`: when it happened; `recorded_at`: when the platform learned of it."""

    id: int
    action: str
    from_status: str | None
    to_status: str
    actor_kind: str
    actor_id: UUID | None
    crossing_id: int | None
    event_time: datetime
    recorded_at: datetime
    evidence: dict[str, Any]

    @classmethod
    def of(cls, row: OrderHistory, *, party: bool, viewer_id: UUID) -> Self:
        """`viewer_id`: for whom the reader acts."""
        shown = party or row.party_id == viewer_id
        return cls(
            id=row.id,
            action=row.action,
            from_status=row.from_status,
            to_status=row.to_status,
            actor_kind=row.actor_kind,
            actor_id=row.actor_id if shown else None,
            crossing_id=row.crossing_id if shown else None,
            event_time=row.event_time,
            recorded_at=row.recorded_at,
            evidence=row.evidence if shown else {},
        )
