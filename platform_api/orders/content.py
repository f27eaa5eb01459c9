"""What a shipper says of an order: goods, places, times, people; and whether it makes sense. Pure.

Every check raises `platform_api.errors.Invalid` with a stable code, or Conflict where the words are fine and
the time is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from platform_api.accounts.rules import normalise_phone
from platform_api.errors import Conflict, Invalid

# Between the first pickup and the last delivery.
MAX_STOPS = 20
# A window is when a gate is open, not a season.
MAX_WINDOW = timedelta(days=31)
# How far ahead a load is announced; beyond is a slip of the year.
MAX_AHEAD = timedelta(days=366)
# Where the shipper says nothing: until the pickup is over, and not longer than anybody waits.
DEFAULT_ON_MARKET = timedelta(days=14)
# Recommendations on the transport of dangerous goods (ST/SG/AC.10/1): four digits, from 0004 on.
FIRST_UN_NUMBER = 4
MIN_TEMPERATURE_C, MAX_TEMPERATURE_C = -60.0, 60.0


class Category(StrEnum):
    """What travels on the roads of Senegal, coarse enough to choose from on a small screen."""

    CEREALS = "cereals"
    PEANUTS = "peanuts"
    FRUIT_VEGETABLES = "fruit_vegetables"
    FISH = "fish"
    FOODSTUFFS = "foodstuffs"
    DRINKS = "drinks"
    LIVESTOCK = "livestock"
    FERTILISER = "fertiliser"
    COTTON = "cotton"
    WOOD_CHARCOAL = "wood_charcoal"
    CEMENT = "cement"
    SAND_GRAVEL = "sand_gravel"
    BUILDING_MATERIALS = "building_materials"
    STEEL = "steel"
    FUEL = "fuel"
    CHEMICALS = "chemicals"
    ORE = "ore"
    MACHINERY = "machinery"
    VEHICLES = "vehicles"
    CONSUMER_GOODS = "consumer_goods"
    MEDICINES = "medicines"
    HOUSEHOLD = "household"
    PARCELS = "parcels"
    WASTE = "waste"
    OTHER = "other"


class Packaging(StrEnum):
    BULK = "bulk"
    LIQUID_BULK = "liquid_bulk"
    BAGS = "bags"
    BIG_BAGS = "big_bags"
    PALLETS = "pallets"
    BOXES = "boxes"
    CRATES = "crates"
    DRUMS = "drums"
    BALES = "bales"
    CONTAINER_20 = "container_20"
    CONTAINER_40 = "container_40"
    CONTAINER_40_HC = "container_40_hc"
    LOOSE = "loose"
    OTHER = "other"


class Need(StrEnum):
    REFRIGERATED = "refrigerated"  # with a range of temperature
    FRAGILE = "fragile"
    HAZARDOUS = "hazardous"  # with a UN number
    OVERSIZE = "oversize"
    TARPAULIN = "tarpaulin"
    TAIL_LIFT = "tail_lift"
    CRANE = "crane"
    STRAPS = "straps"
    LOADERS = "loaders"
    SEALED = "sealed"
    ESCORT = "escort"
    NO_TRANSHIPMENT = "no_transhipment"
    CUSTOMS = "customs"
    NIGHT_ACCESS = "night_access"


class Bidding(StrEnum):
    """What bidders know of each other's bids: nothing, or the amounts. Fixed once the order is posted."""

    SEALED = "sealed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Site:
    """Where goods are picked up or delivered. `shape`: a checked GeoJSON Feature."""

    name: str
    lat: float
    lon: float
    shape: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """From when and until when somebody is there; either may be open."""

    opens_at: datetime | None = None
    closes_at: datetime | None = None

    @property
    def earliest(self) -> datetime | None:
        return self.opens_at or self.closes_at

    @property
    def latest(self) -> datetime | None:
        return self.closes_at or self.opens_at


@dataclass(frozen=True, slots=True)
class Contact:
    """`phone` in E.164; both None = nobody was named."""

    name: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A place, when it is open and who is there."""

    site: Site
    window: Window = Window()
    contact: Contact = Contact()


@dataclass(frozen=True, slots=True)
class Stop:
    """A call between the first pickup and the last delivery."""

    kind: Literal["pickup", "delivery"]
    call: Call
    goods_note: str = ""


@dataclass(frozen=True, slots=True)
class Goods:
    """Weight in kg, volume in m³, value in XOF, temperatures in °C; None = not said."""

    description: str
    category: Category | None = None
    packaging: Packaging | None = None
    packages: int | None = None
    weight_kg: int | None = None
    volume_m3: float | None = None
    value_xof: int | None = None
    needs: frozenset[Need] = frozenset()
    temperature_min_c: float | None = None
    temperature_max_c: float | None = None
    un_number: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """All that a shipper says. `planned_route`: positions as [lon, lat]."""

    goods: Goods
    pickup: Call
    delivery: Call
    stops: tuple[Stop, ...] = ()
    vehicle_type: str | None = None
    instructions: str = ""
    target_xof: int | None = None
    target_shown: bool = False
    expires_at: datetime | None = None
    planned_route: list[list[float]] | None = field(default=None)
    bidding: Bidding = Bidding.SEALED


def contact_of(name: str, phone: str) -> Contact:
    """Raises Invalid `invalid_phone`."""
    return Contact(name, normalise_phone(phone))


def check_content(content: Content, now: datetime) -> None:
    """Raises Invalid when what was said cannot be meant together."""
    _check_needs(content.goods)
    _check_windows(content, now)
    if len(content.stops) > MAX_STOPS:
        raise Invalid("too_many_stops", f"An order has at most {MAX_STOPS} stops.", most=MAX_STOPS)
    if content.target_shown and content.target_xof is None:
        raise Invalid("target_missing", "There is no target price to show.")


def _check_needs(goods: Goods) -> None:
    low, high = goods.temperature_min_c, goods.temperature_max_c
    cold = Need.REFRIGERATED in goods.needs
    if cold != (low is not None and high is not None) or (low is None) != (high is None):
        raise Invalid(
            "temperature_needed", "Refrigerated goods have a lowest and a highest temperature, others none."
        )
    if low is not None and high is not None and low > high:
        raise Invalid("temperature_range", "The lowest temperature is above the highest.")
    if (Need.HAZARDOUS in goods.needs) != (goods.un_number is not None):
        raise Invalid("un_number_needed", "Hazardous goods have a UN number, others none.")
    if goods.un_number is not None and int(goods.un_number) < FIRST_UN_NUMBER:
        raise Invalid("un_number_unknown", "There is no such UN number.")


def _check_windows(content: Content, now: datetime) -> None:
    calls = [content.pickup, *(stop.call for stop in content.stops), content.delivery]
    for call in calls:
        window = call.window
        if window.opens_at and window.closes_at:
            if window.closes_at <= window.opens_at:
                raise Invalid("window_reversed", f"{call.site.name}: the window closes before it opens.")
            if window.closes_at - window.opens_at > MAX_WINDOW:
                raise Invalid("window_too_long", f"{call.site.name}: a window lasts at most 31 days.")
        if window.latest and window.latest > now + MAX_AHEAD:
            raise Invalid("window_too_far", f"{call.site.name}: an order is at most a year ahead.")
    _check_sequence(calls)
    if content.expires_at and content.expires_at > now + MAX_AHEAD:
        raise Invalid("window_too_far", "An order is at most a year on the market.")
    pickup_ends = content.pickup.window.closes_at
    if content.expires_at and pickup_ends and content.expires_at > pickup_ends:
        raise Invalid(
            "expiry_after_pickup", "The order leaves the market when its pickup is over, or before."
        )


def _check_sequence(calls: Sequence[Call]) -> None:
    """No call may be over before the one ahead of it can begin."""
    since: datetime | None = None
    for call in calls:
        ends = call.window.closes_at
        if since and ends and ends <= since:
            raise Invalid(
                "windows_out_of_order", f"{call.site.name}: closes before the stop ahead of it opens."
            )
        begins = call.window.opens_at
        since = max(since, begins) if since and begins else since or begins


def expiry_at_posting(
    *, expires_at: datetime | None, pickup_closes_at: datetime | None, now: datetime
) -> datetime:
    """When the order leaves the market. Raises Conflict for an order whose time is over already."""
    if pickup_closes_at is not None and pickup_closes_at <= now:
        raise Conflict("pickup_over", "The pickup window is over: change it before you post.")
    if expires_at is not None and expires_at <= now:
        raise Conflict("expiry_over", "The order would have left the market already: change expires_at.")
    latest = now + DEFAULT_ON_MARKET
    return expires_at or (min(pickup_closes_at, latest) if pickup_closes_at else latest)
