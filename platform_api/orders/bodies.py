"""An order as a shipper sends it: whole, as a change, and read back from its rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from geofence.errors import FenceError
from geofence.geojson import parse_shape, to_geojson
from geofence.shapes import signed_distance_m
from platform_api.errors import Invalid
from platform_api.fields import MAX_TEXT_CHARS, Name, Time
from platform_api.orders.content import (
    MAX_STOPS,
    MAX_TEMPERATURE_C,
    MIN_TEMPERATURE_C,
    Bidding,
    Call,
    Category,
    Contact,
    Content,
    Goods,
    Need,
    Packaging,
    Site,
    Stop,
    Window,
    contact_of,
)
from platform_api.orders.models import Order, OrderStop
from platform_api.vehicle_types.schemas import TypeCode

# Heavier than any road transport by special permit.
MAX_WEIGHT_KG = 500_000
# Larger than any semi-trailer or tank.
MAX_VOLUME_M3 = 500.0
MAX_PACKAGES = 1_000_000
# A billion XOF is some 1.5 million euros: more is a slip of the keyboard.
MAX_AMOUNT_XOF = 1_000_000_000
MAX_VALUE_XOF = 100_000_000_000
MAX_ROUTE_POINTS = 5_000
DEFAULT_RADIUS_M = 200.0
# A gate may lie beside its yard. Farther is a slip (swapped axes), and the order would never move.
MAX_PIN_DISTANCE_M = 5_000.0

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Celsius = Annotated[float, Field(ge=MIN_TEMPERATURE_C, le=MAX_TEMPERATURE_C, allow_inf_nan=False)]


def _printable(text: str) -> str:
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise PydanticCustomError("control_character", "control characters are not allowed")
    return text


# Several lines are fine.
Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_TEXT_CHARS),
    AfterValidator(_printable),
]


class Body(BaseModel):
    # A misspelt optional field would be taken for a missing one.
    model_config = ConfigDict(extra="forbid")


class PlaceIn(Body):
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


class WindowIn(Body):
    """From when until when somebody is there; either may be left open."""

    opens_at: Time | None = None
    closes_at: Time | None = None

    def window(self) -> Window:
        return Window(self.opens_at, self.closes_at)


class ContactIn(Body):
    """Who is there. Carrier and driver are shown it once the order is theirs."""

    name: Name
    phone: str = Field(max_length=32, examples=["77 123 45 67"])

    def contact(self) -> Contact:
        return contact_of(self.name, self.phone)


class StopIn(Body):
    """Between the first pickup and the last delivery, in the order of the list."""

    kind: Literal["pickup", "delivery"]
    place: PlaceIn
    window: WindowIn | None = None
    contact: ContactIn | None = None
    goods_note: Text = ""

    def stop(self) -> Stop:
        return Stop(self.kind, _call(self.place, self.window, self.contact), self.goods_note)


def _moved(window: WindowIn | None, by: timedelta) -> WindowIn | None:
    if window is None:
        return None
    return WindowIn(
        opens_at=window.opens_at + by if window.opens_at else None,
        closes_at=window.closes_at + by if window.closes_at else None,
    )


def _call(place: PlaceIn, window: WindowIn | None, contact: ContactIn | None) -> Call:
    return Call(
        place.site(),
        window.window() if window else Window(),
        contact.contact() if contact else Contact(),
    )


class _Details(Body):
    weight_kg: int | None = Field(default=None, ge=1, le=MAX_WEIGHT_KG)
    category: Category | None = None
    packaging: Packaging | None = None
    packages: int | None = Field(default=None, ge=1, le=MAX_PACKAGES)
    volume_m3: float | None = Field(default=None, gt=0, le=MAX_VOLUME_M3, allow_inf_nan=False)
    value_xof: int | None = Field(
        default=None, ge=1, le=MAX_VALUE_XOF, strict=True, description="what the goods are worth"
    )
    needs: list[Need] = Field(default=[], max_length=len(Need))
    temperature_min_c: Celsius | None = None
    temperature_max_c: Celsius | None = None
    un_number: str | None = Field(default=None, pattern=r"^[0-9]{4}$", examples=["1203"])
    vehicle_type: TypeCode | None = None
    pickup_window: WindowIn | None = None
    delivery_window: WindowIn | None = None
    pickup_contact: ContactIn | None = None
    delivery_contact: ContactIn | None = None
    stops: list[StopIn] = Field(default=[], max_length=MAX_STOPS)
    instructions: Text = Field(default="", description="everybody who may bid reads them")
    target_xof: int | None = Field(default=None, ge=1, le=MAX_AMOUNT_XOF, strict=True)
    target_shown: bool = Field(default=False, description="whether those who bid see target_xof")
    bidding: Bidding = Field(default=Bidding.SEALED, description="open: bidders see the amounts of all bids")
    expires_at: Time | None = Field(default=None, description="off the market then, without an award")
    planned_route: list[tuple[Longitude, Latitude]] | None = Field(
        default=None, min_length=2, max_length=MAX_ROUTE_POINTS
    )


class OrderIn(_Details):
    """`planned_route`: positions as [lon, lat]; without one the plan is a straight line."""

    goods: Annotated[Text, Field(min_length=1)] = Field(examples=["Riz brisé, 400 sacs de 50 kg"])
    pickup: PlaceIn
    delivery: PlaceIn

    def content(self) -> Content:
        """Raises Invalid for a place or a phone number that cannot be used."""
        return Content(
            goods=Goods(
                description=self.goods,
                category=self.category,
                packaging=self.packaging,
                packages=self.packages,
                weight_kg=self.weight_kg,
                volume_m3=self.volume_m3,
                value_xof=self.value_xof,
                needs=frozenset(self.needs),
                temperature_min_c=self.temperature_min_c,
                temperature_max_c=self.temperature_max_c,
                un_number=self.un_number,
            ),
            pickup=_call(self.pickup, self.pickup_window, self.pickup_contact),
            delivery=_call(self.delivery, self.delivery_window, self.delivery_contact),
            stops=tuple(stop.stop() for stop in self.stops),
            vehicle_type=self.vehicle_type,
            instructions=self.instructions,
            target_xof=self.target_xof,
            target_shown=self.target_shown,
            expires_at=self.expires_at,
            planned_route=None if self.planned_route is None else [list(p) for p in self.planned_route],
            bidding=self.bidding,
        )

    def changed(self, changes: "OrderChange") -> Self:
        """This order with what `changes` names put in its place. Raises Invalid `invalid_body`."""
        return self.model_copy(update={name: getattr(changes, name) for name in changes.model_fields_set})

    def times(self) -> list[datetime]:
        """Of all its windows."""
        windows = [self.pickup_window, self.delivery_window, *(stop.window for stop in self.stops)]
        return [time for window in windows if window for time in (window.opens_at, window.closes_at) if time]

    def moved(self, by: timedelta) -> Self:
        """The same with all its windows that much later."""
        stops = [stop.model_copy(update={"window": _moved(stop.window, by)}) for stop in self.stops]
        windows = {
            "pickup_window": _moved(self.pickup_window, by),
            "delivery_window": _moved(self.delivery_window, by),
        }
        return self.model_copy(update={**windows, "stops": stops})

    @classmethod
    def of(cls, order: Order, stops: Sequence[OrderStop]) -> Self:
        """The body that would make this order again."""
        return cls(
            goods=order.goods,
            weight_kg=order.weight_kg,
            category=Category(order.category) if order.category else None,
            packaging=Packaging(order.packaging) if order.packaging else None,
            packages=order.packages,
            volume_m3=order.volume_m3,
            value_xof=order.value_xof,
            needs=[Need(need) for need in order.needs],
            temperature_min_c=order.temperature_min_c,
            temperature_max_c=order.temperature_max_c,
            un_number=order.un_number,
            vehicle_type=order.vehicle_type,
            pickup=place_in(order.pickup_name, order.pickup_lat, order.pickup_lon, order.pickup_shape),
            delivery=place_in(
                order.delivery_name, order.delivery_lat, order.delivery_lon, order.delivery_shape
            ),
            pickup_window=window_in(order.pickup_opens_at, order.pickup_closes_at),
            delivery_window=window_in(order.delivery_opens_at, order.delivery_closes_at),
            pickup_contact=contact_in(order.pickup_contact_name, order.pickup_contact_phone),
            delivery_contact=contact_in(order.delivery_contact_name, order.delivery_contact_phone),
            stops=[stop_in(stop) for stop in stops],
            instructions=order.instructions,
            target_xof=order.target_xof,
            target_shown=order.target_shown,
            bidding=Bidding(order.bidding),
            expires_at=order.expires_at,
            planned_route=None
            if order.planned_route is None
            else [(p[0], p[1]) for p in order.planned_route],
        )


# Never read: only what a change names is.
_UNSAID: Any = None


class OrderChange(_Details):
    """What is named is put in the place of what was; null takes away what may be missing."""

    goods: Annotated[Text, Field(min_length=1)] = Field(default="")
    pickup: PlaceIn = Field(default=_UNSAID)
    delivery: PlaceIn = Field(default=_UNSAID)


def place_in(name: str, lat: float, lon: float, shape: dict[str, Any]) -> PlaceIn:
    return PlaceIn(name=name, lat=lat, lon=lon, shape=shape)


def window_in(opens_at: datetime | None, closes_at: datetime | None) -> WindowIn | None:
    """None when neither end is known."""
    return WindowIn(opens_at=opens_at, closes_at=closes_at) if opens_at or closes_at else None


def contact_in(name: str | None, phone: str | None) -> ContactIn | None:
    return ContactIn(name=name, phone=phone) if name is not None and phone is not None else None


def stop_in(stop: OrderStop) -> StopIn:
    return StopIn(
        kind="pickup" if stop.kind == "pickup" else "delivery",
        place=place_in(stop.name, stop.lat, stop.lon, stop.shape),
        window=window_in(stop.opens_at, stop.closes_at),
        contact=contact_in(stop.contact_name, stop.contact_phone),
        goods_note=stop.goods_note,
    )


def parse_order(body: dict[str, Any]) -> OrderIn:
    """An order that was kept as JSON. Raises Invalid `invalid_body`."""
    try:
        return OrderIn.model_validate(body)
    except ValidationError as error:
        raise Invalid("invalid_body", "The request body is malformed.") from error
