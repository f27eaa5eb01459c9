"""What of a truck's telemetry belongs to an order, who may see it, and who is near: pure decisions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from pyproj import Geod

from platform_api.actor import Actor, Role
from platform_api.orders.rules import OPEN, UNDERWAY, OrderStatus, dispatcher_of, is_party
from platform_api.tracking.times import rfc3339
from telemetry.kinds import KINDS

GEOD = Geod(ellps="WGS84")

# A truck that delivered but was never seen to leave is followed no longer than this.
MAX_UNLOADING = timedelta(hours=24)
MAX_RADIUS_KM = 500.0
MAX_DRIVERS = 200

# DELIVERED too, until the truck has left the delivery fence.
FOLLOWED = UNDERWAY | {OrderStatus.DELIVERED}
# Not yet given to a truck: a viewer may wait for it.
WAITING = OPEN | {OrderStatus.DRAFT}

# Shortest metres per degree of latitude on the ellipsoid (at the equator: 110 574), less a margin,
# so that the box always holds the circle.
_KM_PER_DEGREE = 110.0


@dataclass(frozen=True, slots=True)
class TrackedOrder:
    """The part of an order that tracking looks at; times are event times, aware UTC.

    `crew_since`: since when its present vehicle is on it, which the award or a crew change put there.
    """

    id: UUID
    status: str
    shipper_id: UUID
    broker_id: UUID | None
    carrier_id: UUID | None
    driver_id: UUID | None
    vehicle_id: int | None
    pickup_geofence_id: int | None
    delivery_geofence_id: int | None
    crew_since: datetime | None
    arrived_delivery_at: datetime | None
    departed_delivery_at: datetime | None
    delivered_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """Closed interval of event time; `end` None = still running."""

    start: datetime
    end: datetime | None

    def holds(self, time: datetime) -> bool:
        return self.start <= time and (self.end is None or time <= self.end)


def order_window(order: TrackedOrder) -> Window | None:
    """When the truck's positions are this order's business; None before a truck is assigned.

    From when this truck was put on the order (before, it may have carried somebody else's goods) to the first of: cancellation, completion, and the end of the delivery. The
    delivery ends when it is confirmed or, if the truck stands in the delivery fence then, when the
    truck leaves it, at most MAX_UNLOADING later.
    """
    if order.vehicle_id is None or order.crew_since is None:
        return None
    ends = [time for time in (order.cancelled_at, order.completed_at, _delivery_end(order)) if time]
    end = min(ends, default=None)
    return Window(order.crew_since, None if end is None else max(end, order.crew_since))


def _delivery_end(order: TrackedOrder) -> datetime | None:
    if order.delivered_at is None:
        return None
    # Proof of delivery taken away from the fence: nothing says that the truck is still at it.
    if order.arrived_delivery_at is None:
        return order.delivered_at
    latest = order.delivered_at + MAX_UNLOADING
    return max(order.delivered_at, min(order.departed_delivery_at or latest, latest))


def narrow(window: Window, from_time: datetime | None, to_time: datetime | None, now: datetime) -> Window:
    """The part of the window a caller asks for; may be empty (end before start)."""
    start = max(window.start, from_time) if from_time else window.start
    ends = [time for time in (window.end, to_time) if time]
    return Window(start, min(ends, default=now))


def is_followed(order: TrackedOrder, now: datetime) -> bool:
    """Whether live positions of the truck may be shown to the order's people now."""
    window = order_window(order)
    return window is not None and order.status in FOLLOWED and (window.end is None or now <= window.end)


def is_waiting(order: TrackedOrder) -> bool:
    """Whether a truck may yet be assigned, so that a viewer does not wait in vain."""
    return order.status in WAITING


def may_track(actor: Actor, order: TrackedOrder) -> bool:
    """The parties of the order, and administrators; not carriers who merely bid on it."""
    return is_party(order.shipper_id, order.carrier_id, order.driver_id, actor, broker_id=order.broker_id)


def dispatches(actor: Actor, order: TrackedOrder) -> bool:
    """Whether the actor runs the order: its freight broker, else its shipper; and administrators."""
    return actor.is_administrator or actor.party_id == dispatcher_of(order.shipper_id, order.broker_id)


# How the truck gets on and who speaks for it.
JOURNEY_KINDS = frozenset({"stop", "parking", "gap", "takeover", "handback"})
# What endangers the goods, or the word about where they are. Fuel, speed, manners at the wheel and the state of
# truck and device are the carrier's business.
CARGO_KINDS = frozenset(
    {
        "accident", "device_removed", "gnss_antenna_cut", "gnss_lost", "high_temperature", "jamming",
        "low_temperature", "mock_location", "movement", "power_cut", "sos", "tampering", "tow",
    }
)  # fmt: skip
ALL_KINDS = frozenset(KINDS)


def kinds_for(actor: Actor) -> frozenset[str]:
    """Which intervals of the truck one of the order's people is shown.

    A driver is shown no alarms: they may be about him, and what he learns of them is for his carrier to say.
    """
    if actor.is_administrator or actor.role is Role.CARRIER:
        return ALL_KINDS
    return JOURNEY_KINDS if actor.role is Role.DRIVER else JOURNEY_KINDS | CARGO_KINDS


@dataclass(frozen=True, slots=True)
class Box:
    """Degrees; a prefilter that may be larger than asked, never smaller."""

    south: float
    north: float
    west: float
    east: float


def bounding_box(lat: float, lon: float, radius_km: float) -> Box:
    """A box around the circle. Near a pole or across the antimeridian: every longitude."""
    reach = radius_km / _KM_PER_DEGREE
    south, north = max(lat - reach, -90.0), min(lat + reach, 90.0)
    widest = max(abs(south), abs(north))
    if widest >= 89.0:
        return Box(south, north, -180.0, 180.0)
    side = reach / math.cos(math.radians(widest))
    if lon - side < -180.0 or lon + side > 180.0:
        return Box(south, north, -180.0, 180.0)
    return Box(south, north, lon - side, lon + side)


# As the generated column `vehicle_states.cell` counts them.
CELLS_PER_DEGREE = 20
CELLS_PER_ROW = 8192


# Of a larger box every truck is looked at.
MAX_CELLS = 4_000


def cells_of(box: Box) -> list[int] | None:
    """The values of `vehicle_states.cell` that the box touches; None when they are too many to name."""
    west = math.floor((box.west + 180) * CELLS_PER_DEGREE)
    east = math.floor((box.east + 180) * CELLS_PER_DEGREE)
    south = math.floor((box.south + 90) * CELLS_PER_DEGREE)
    north = math.floor((box.north + 90) * CELLS_PER_DEGREE)
    if (north - south + 1) * (east - west + 1) > MAX_CELLS:
        return None
    return [
        row * CELLS_PER_ROW + column for row in range(south, north + 1) for column in range(west, east + 1)
    ]


# The nearest few are looked for in growing circles, so that a town full of trucks is not read whole.
FIRST_RADIUS_KM = 2.0


def next_radius(radius_km: float, found: int, *, wanted: int, most_km: float) -> float:
    """The next circle to look in, after `found` in one of `radius_km`: as large as `wanted` should take, and a half.

    Where few were found that guess is a poor one: it is at most four times as wide.
    """
    growth = math.sqrt(1.5 * wanted / found) if found else 4.0
    return min(radius_km * min(max(growth, 1.5), 4.0), most_km)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An available vehicle with its last position."""

    vehicle_id: int
    plate: str
    vehicle_name: str
    capacity_kg: int | None
    driver_id: UUID
    driver_name: str
    lat: float
    lon: float
    time: datetime
    source: str | None
    trusted: bool


@dataclass(frozen=True, slots=True)
class RankedDriver:
    candidate: Candidate
    distance_km: float
    position_age_s: float


def rank(
    candidates: Sequence[Candidate], *, lat: float, lon: float, radius_km: float, now: datetime
) -> list[RankedDriver]:
    """Those within the geodesic radius, nearest first, at most MAX_DRIVERS; ties by vehicle id."""
    if not candidates:
        return []
    count = len(candidates)
    _, _, distance_m = GEOD.inv(
        np.full(count, lon),
        np.full(count, lat),
        np.array([candidate.lon for candidate in candidates]),
        np.array([candidate.lat for candidate in candidates]),
    )
    found = [
        RankedDriver(
            candidate=candidate,
            distance_km=float(metres) / 1000,
            # A device clock may run ahead of ours a little.
            position_age_s=max((now - candidate.time).total_seconds(), 0.0),
        )
        for candidate, metres in zip(candidates, distance_m, strict=True)
        if metres <= radius_km * 1000
    ]
    found.sort(key=lambda driver: (driver.distance_km, driver.candidate.vehicle_id))
    return found[:MAX_DRIVERS]


@dataclass(frozen=True, slots=True)
class Search:
    """The nearest `most` to a point in a box around it; `lon_scale`: a degree of longitude in those of latitude."""

    lat: float
    lon: float
    box: Box
    most: int

    @property
    def lon_scale(self) -> float:
        return math.cos(math.radians(self.lat))

    @property
    def slack(self) -> float:
        """How much nearer by geodesic than on the plane a truck of the box may be, against one of the same plane distance."""
        edges = [math.cos(math.radians(lat)) for lat in (self.box.south, self.lat, self.box.north)]
        # The ellipsoid adds 0.7 % between north and east.
        return min(edges) / max(*edges, 1.0 if self.box.south <= 0 <= self.box.north else 0.0) * 0.985


def is_certain(search: Search, candidates: Sequence[Candidate], nearest: Sequence[RankedDriver]) -> bool:
    """Whether nobody whom the search left out is nearer than these.

    It left out nobody, or only those who are as far on the plane as the last one it found, or farther.
    """
    if len(candidates) < search.most:
        return True
    if len(nearest) < MAX_DRIVERS:
        return False
    last = candidates[-1]
    last_km = GEOD.inv(search.lon, search.lat, last.lon, last.lat)[2] / 1000
    return bool(nearest[-1].distance_km < last_km * search.slack)


PING_KEYS = (
    "time", "lat", "lon", "speed_kmh", "heading_deg", "altitude_m", "accuracy_m", "satellites", "hdop",
    "ignition", "battery_pct", "fuel_pct", "odometer_km", "seq", "mock", "alarms", "attributes",
)  # fmt: skip


def is_trusted(mock: bool | None) -> bool:
    """False for a position that software made up, as its device says."""
    return mock is not True


def shown_ping(ping: dict[str, Any], kinds: frozenset[str]) -> dict[str, Any]:
    """Of a ping what a viewer of these kinds is shown: fuel, odometer, attributes and unknown alarms are the carrier's."""
    attributes, alarms = ping["attributes"] or {}, ping["alarms"] or []
    if kinds == ALL_KINDS:
        return {**ping, "alarms": list(alarms), "attributes": attributes}
    alarms = [name for name in alarms if name in kinds]
    return {**ping, "fuel_pct": None, "odometer_km": None, "alarms": alarms, "attributes": {}}


def live_ping(
    published: dict[str, Any], vehicle_id: int, window: Window, kinds: frozenset[str]
) -> dict[str, Any] | None:
    """A ping of the live channel as the order's socket shows it; None when it is not its business.

    Device ids stay inside: a viewer is told tracker or phone. Backlog of an earlier job is judged by
    its event time like everything else.
    """
    if published.get("vehicle_id") != vehicle_id:
        return None
    if not window.holds(datetime.fromisoformat(published["time"])):
        return None
    shown = {key: published.get(key) for key in PING_KEYS}
    return {
        "type": "ping",
        **shown_ping(shown, kinds),
        "vehicle_id": vehicle_id,
        "source": published.get("source"),
        "trusted": is_trusted(shown["mock"]),
    }


def live_crossing(published: dict[str, Any], order: TrackedOrder, window: Window) -> dict[str, Any] | None:
    """An enter or exit of the order's own two fences; None for every other fence or truck."""
    if published.get("vehicle_id") != order.vehicle_id:
        return None
    places = {order.pickup_geofence_id: "pickup", order.delivery_geofence_id: "delivery"}
    place = places.get(published.get("geofence_id")) if published.get("geofence_id") is not None else None
    if place is None or not window.holds(datetime.fromisoformat(published["time"])):
        return None
    return {
        "type": "crossing",
        "kind": published["kind"],
        "change": published["change"],
        "time": published["time"],
        "place": place,
    }


def live_interval(
    published: dict[str, Any], vehicle_id: int, window: Window, kinds: frozenset[str]
) -> dict[str, Any] | None:
    """What lasted or happened on the order's truck; None for another truck, or when it is not the viewer's business.

    What began before the window, or ends after it, belongs to another job as well.
    """
    if published.get("vehicle_id") != vehicle_id or published.get("kind") not in kinds:
        return None
    bounds = [published["started_at"], published["ended_at"]]
    if not all(bound is None or window.holds(datetime.fromisoformat(bound)) for bound in bounds):
        return None
    shown = {key: published[key] for key in ("id", "kind", "change", "started_at", "ended_at")}
    return {"type": "interval", **shown, "severity": KINDS[published["kind"]].severity}


def live_order(published: dict[str, Any]) -> dict[str, Any]:
    """A change of the order as its socket shows it."""
    shown = {key: published.get(key) for key in ("status", "action", "event_time")}
    if isinstance(shown["event_time"], str):
        shown["event_time"] = rfc3339(datetime.fromisoformat(shown["event_time"]))
    return {"type": "order", **shown}
