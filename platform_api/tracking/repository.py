"""All SQL of tracking. Telemetry tables are written by ingest alone; here they are only read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from platform_api.orders.crew_since import CREW_SINCE
from platform_api.orders.rules import UNDERWAY
from platform_api.telemetry.rules import MAX_OPEN
from platform_api.tracking.route import Fix
from platform_api.tracking.rules import Candidate, Search, TrackedOrder, Window, cells_of

_TRACKED = f"""
SELECT id, status, shipper_id, broker_id, carrier_id, driver_id, vehicle_id, pickup_geofence_id, delivery_geofence_id,
       {CREW_SINCE} AS crew_since, arrived_delivery_at, departed_delivery_at, delivered_at, completed_at, cancelled_at
FROM orders o
"""  # noqa: S608 - no value of anybody's
_ORDER = text(f"{_TRACKED} WHERE id = :order_id")
# The newest of them: whoever gives one truck more orders at once than these is its only customer.
_ORDERS_WITH = text(f"""{_TRACKED}
WHERE vehicle_id = :vehicle_id AND :party_id IN (shipper_id, broker_id) AND assigned_at <= :at
ORDER BY assigned_at DESC LIMIT 20
""")

_PLACES = text("""
SELECT pickup_name, pickup_lat, pickup_lon, pickup_shape,
       delivery_name, delivery_lat, delivery_lon, delivery_shape, planned_route
FROM orders WHERE id = :order_id
""")

# A device counts only while it is assigned to the vehicle, in event time. LATERAL bounds the rows
# read from each device by the page, whatever the length of the window; DISTINCT guards against two
# assignments of one device that touch.
_PINGS = text("""
SELECT DISTINCT ON (p.time, a.device_id)
       p.*, d.uid AS device_uid, d.kind AS source
FROM device_assignments a
JOIN devices d ON d.id = a.device_id
CROSS JOIN LATERAL (
    SELECT * FROM pings
    WHERE pings.device_id = a.device_id
      AND pings.time BETWEEN :after_time AND :end
      AND (pings.time, pings.device_id) > (:after_time, :after_device)
      AND (a.valid_from IS NULL OR pings.time >= a.valid_from)
      AND (a.valid_to IS NULL OR pings.time < a.valid_to)
    ORDER BY pings.time LIMIT :row_limit
) p
WHERE a.vehicle_id = :vehicle_id
ORDER BY p.time, a.device_id LIMIT :row_limit
""")

# At most one fix of each device per bucket, so that a month-long order costs what a day costs to
# draw. LATERAL again: joined plainly, the planner reads every device's pings of those days.
_FIXES = text("""
SELECT p.time, p.lat, p.lon, p.accuracy_m, a.device_id, d.priority, p.mock IS TRUE AS mock, p.repeated
FROM device_assignments a
JOIN devices d ON d.id = a.device_id
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (bucket) time, lat, lon, accuracy_m, mock,
           extra @> '{"attributes": {"last_known_position": true}}' IS TRUE AS repeated,
           floor(CAST(extract(epoch FROM time - :anchor) AS float8) / :bucket_s) AS bucket
    FROM pings
    WHERE pings.device_id = a.device_id
      AND pings.time BETWEEN :start AND :end
      AND (a.valid_from IS NULL OR pings.time >= a.valid_from)
      AND (a.valid_to IS NULL OR pings.time < a.valid_to)
    ORDER BY bucket, time
) p
WHERE a.vehicle_id = :vehicle_id
ORDER BY p.time, d.priority, a.device_id
""")

# The nearest first, so that what costs (five look-ups a truck) is done for as many as are wanted and no more.
# The distance is that on a plane, in degrees of latitude: good enough to sort by, see `rules.is_certain`.
_NEAREST = """
SELECT v.id AS vehicle_id, v.plate, v.name AS vehicle_name, v.capacity_kg,
       u.id AS driver_id, u.name AS driver_name, s.lat, s.lon, s.time, d.kind AS source, NOT s.mock AS trusted
FROM (
    SELECT vehicle_id, device_id, lat, lon, time, mock,
           power(lat - :lat, 2)
             + power(least(abs(lon - :lon), 360 - abs(lon - :lon)) * :lon_scale, 2) AS far
    FROM vehicle_states
    WHERE {cells} AND time >= :fresh_since
      AND lat BETWEEN :south AND :north AND lon BETWEEN :west AND :east
    ORDER BY far
) s
JOIN vehicles v ON v.id = s.vehicle_id
JOIN users u ON u.id = v.driver_id
LEFT JOIN devices d ON d.id = s.device_id
WHERE v.available AND NOT u.disabled
  AND (CAST(:carrier_id AS uuid) IS NULL OR v.carrier_id = :carrier_id)
  AND NOT EXISTS (SELECT FROM vehicle_unavailabilities a WHERE a.vehicle_id = v.id
                  AND a.starts_at <= :now AND (a.ends_at IS NULL OR a.ends_at > :now))
  AND NOT EXISTS (SELECT FROM orders o WHERE o.vehicle_id = v.id AND o.status = ANY (:underway))
  AND NOT EXISTS (SELECT FROM orders o WHERE o.driver_id = u.id AND o.status = ANY (:underway))
ORDER BY s.far LIMIT :most
"""
_AVAILABLE_IN_CELLS = text(_NEAREST.format(cells="cell = ANY (:cells)"))
_AVAILABLE_ANYWHERE = text(_NEAREST.format(cells="true"))
# A carrier has few vehicles: they are looked at one by one.
_AVAILABLE_OF_CARRIER = text(
    _NEAREST.format(
        cells="vehicle_id = ANY (ARRAY(SELECT id FROM vehicles WHERE vehicles.carrier_id = :carrier_id))"
    )
)

_LAST_POSITION = text("""
SELECT s.time, s.lat, s.lon, s.speed_kmh, s.heading_deg, s.accuracy_m, s.mock, d.kind AS source
FROM vehicle_states s LEFT JOIN devices d ON d.id = s.device_id
WHERE s.vehicle_id = :vehicle_id AND s.time IS NOT NULL
""")

_GOING_ON = text("""
SELECT id, kind, started_at FROM intervals
WHERE vehicle_id = :vehicle_id AND ended_at IS NULL AND retracted_at IS NULL
  AND started_at >= :since AND kind = ANY (:kinds)
ORDER BY started_at DESC, id DESC LIMIT :most
""")

_PHONE = text("""
SELECT uid FROM devices
WHERE user_id = :user_id AND kind = 'phone' AND NOT disabled
ORDER BY id DESC LIMIT 1
""")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the order goes; shapes are GeoJSON Features, coordinates (lon, lat)."""

    pickup_name: str
    pickup: tuple[float, float]
    pickup_shape: dict[str, Any]
    delivery_name: str
    delivery: tuple[float, float]
    delivery_shape: dict[str, Any]
    planned_route: list[list[float]] | None


@dataclass(frozen=True, slots=True)
class LastPosition:
    time: datetime
    lat: float
    lon: float
    speed_kmh: float | None
    heading_deg: float | None
    accuracy_m: float | None
    mock: bool
    source: str | None


@dataclass(frozen=True, slots=True)
class GoingOn:
    """An interval that is not over."""

    id: int
    kind: str
    started_at: datetime


def orders_with(session: Session, party_id: UUID, vehicle_id: int, at: datetime) -> list[TrackedOrder]:
    """Orders of this shipper or freight broker that this vehicle had been given at the event time `at`."""
    rows = session.execute(_ORDERS_WITH, {"party_id": party_id, "vehicle_id": vehicle_id, "at": at})
    return [TrackedOrder(**row._mapping) for row in rows]


def order(session: Session, order_id: UUID) -> TrackedOrder | None:
    """Whoever asks: the caller applies `rules.may_track`."""
    row = session.execute(_ORDER, {"order_id": order_id}).one_or_none()
    return None if row is None else TrackedOrder(**row._mapping)


def places(session: Session, order_id: UUID) -> Places:
    row = session.execute(_PLACES, {"order_id": order_id}).one()
    return Places(
        pickup_name=row.pickup_name,
        pickup=(row.pickup_lon, row.pickup_lat),
        pickup_shape=row.pickup_shape,
        delivery_name=row.delivery_name,
        delivery=(row.delivery_lon, row.delivery_lat),
        delivery_shape=row.delivery_shape,
        planned_route=row.planned_route,
    )


def pings(
    session: Session,
    vehicle_id: int,
    *,
    end: datetime,
    after: tuple[datetime, int],
    limit: int,
) -> Sequence[Row[Any]]:
    """Rows of `pings` with `device_uid` and `source`, in event time, after the key (time, device_id)."""
    after_time, after_device = after
    return session.execute(
        _PINGS,
        {
            "vehicle_id": vehicle_id,
            "end": end,
            "after_time": after_time,
            "after_device": after_device,
            "row_limit": limit,
        },
    ).all()


def fixes(
    session: Session, vehicle_id: int, window: Window, end: datetime, *, bucket_s: float, before: timedelta
) -> list[Fix]:
    """The vehicle's fixes from `before` the window to `end`, in the order of the fold.

    Thinned to the first of each device in every `bucket_s` from the window's start on.
    """
    rows = session.execute(
        _FIXES,
        {
            "vehicle_id": vehicle_id,
            "start": window.start - before,
            "anchor": window.start,
            "end": end,
            "bucket_s": bucket_s,
        },
    )
    return [Fix(**row._mapping) for row in rows]


def available(
    session: Session, search: Search, *, fresh_since: datetime, now: datetime, carrier_id: UUID | None
) -> list[Candidate]:
    """Vehicles with a driver and a fresh position in the box, that can be had and have no job; of one carrier if given.

    The nearest `search.most`, in order of their distance on a plane.
    """
    box, cells = search.box, cells_of(search.box)
    values: dict[str, Any] = {
        "lat": search.lat,
        "lon": search.lon,
        "lon_scale": search.lon_scale,
        "most": search.most,
        "fresh_since": fresh_since,
        "now": now,
        "south": box.south,
        "north": box.north,
        "west": box.west,
        "east": box.east,
        "underway": list(UNDERWAY),
        "carrier_id": carrier_id,
    }
    if carrier_id is not None:
        rows = session.execute(_AVAILABLE_OF_CARRIER, values)
    elif cells is None:
        rows = session.execute(_AVAILABLE_ANYWHERE, values)
    else:
        rows = session.execute(_AVAILABLE_IN_CELLS, {**values, "cells": cells})
    return [Candidate(**row._mapping) for row in rows]


def last_position(session: Session, vehicle_id: int) -> LastPosition | None:
    row = session.execute(_LAST_POSITION, {"vehicle_id": vehicle_id}).one_or_none()
    return None if row is None else LastPosition(**row._mapping)


def going_on(session: Session, vehicle_id: int, kinds: Collection[str], *, since: datetime) -> list[GoingOn]:
    """Intervals of these kinds that began since and are not over, newest first."""
    rows = session.execute(
        _GOING_ON, {"vehicle_id": vehicle_id, "kinds": list(kinds), "since": since, "most": MAX_OPEN}
    )
    return [GoingOn(**row._mapping) for row in rows]


def phone_uid(session: Session, user_id: UUID) -> str | None:
    """The newest enabled phone registered for the user."""
    uid: str | None = session.execute(_PHONE, {"user_id": user_id}).scalar_one_or_none()
    return uid
