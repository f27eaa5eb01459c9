"""Candidates for a load: free trucks near it, and trucks that unload near it. A bounded number of rows each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from platform_api.orders.rules import UNDERWAY
from platform_api.suggestions.rules import Point, Truck
from platform_api.tracking.rules import Box

MAX_CANDIDATES = 300

_WHO = """
v.id AS vehicle_id, v.carrier_id, v.plate, v.name AS vehicle_name, v.capacity_kg, v.type_code,
u.id AS driver_id, u.name AS driver_name, s.lat, s.lon, s.time, s.speed_kmh, s.heading_deg
"""

# Whom `bids.assigning` would refuse, or who cannot be had when the goods are. As `fleet_documents.rules.check_assignable`
# judges: papers that are asked for have not expired and, where that is demanded, are there.
_CAN_BE_HAD = """
AND NOT EXISTS (SELECT FROM vehicle_unavailabilities a WHERE a.vehicle_id = v.id
                AND (a.starts_at <= :until AND coalesce(a.ends_at, 'infinity') > :since
                     OR a.starts_at <= :now AND coalesce(a.ends_at, 'infinity') > :now))
AND NOT EXISTS (SELECT FROM fleet_documents d JOIN fleet_document_kinds k ON k.code = d.kind
                WHERE (d.vehicle_id = v.id OR d.driver_id = u.id) AND d.ended_at IS NULL
                  AND k.required AND d.expires_on < :today)
AND (NOT :papers_needed OR NOT EXISTS (
    SELECT FROM fleet_document_kinds k WHERE k.required AND NOT EXISTS (
        SELECT FROM fleet_documents d WHERE d.kind = k.code AND d.ended_at IS NULL
          AND (d.vehicle_id = v.id OR d.driver_id = u.id))))
"""

# By the flat distance, which is good enough to choose candidates by. Made-up positions are no candidates.
_FREE = text(f"""
SELECT {_WHO}, CAST(NULL AS float8) AS unloads_lat, CAST(NULL AS float8) AS unloads_lon
FROM vehicle_states s
JOIN vehicles v ON v.id = s.vehicle_id
JOIN users u ON u.id = v.driver_id
WHERE s.time >= :fresh_since AND s.lat BETWEEN :south AND :north AND s.lon BETWEEN :west AND :east
  AND NOT s.mock AND v.available AND v.carrier_id IS NOT NULL AND NOT u.disabled
  AND (CAST(:weight_kg AS integer) IS NULL OR v.capacity_kg IS NULL OR v.capacity_kg >= :weight_kg)
  AND NOT EXISTS (SELECT FROM orders o WHERE o.vehicle_id = v.id AND o.status = ANY (:underway))
  AND NOT EXISTS (SELECT FROM orders o WHERE o.driver_id = u.id AND o.status = ANY (:underway))
{_CAN_BE_HAD}ORDER BY (s.lat - :lat) ^ 2 + ((s.lon - :lon) * :narrow) ^ 2, v.id
LIMIT :most
""")  # noqa: S608 - a constant of this module

_UNLOADING_NEAR = text(f"""
SELECT {_WHO}, o.delivery_lat AS unloads_lat, o.delivery_lon AS unloads_lon
FROM orders o
JOIN vehicles v ON v.id = o.vehicle_id
JOIN users u ON u.id = o.driver_id
JOIN vehicle_states s ON s.vehicle_id = v.id
WHERE o.status = ANY (:underway) AND o.id <> :order_id AND s.time >= :fresh_since
  AND o.delivery_lat BETWEEN :south AND :north AND o.delivery_lon BETWEEN :west AND :east
  AND NOT s.mock AND v.available AND v.carrier_id IS NOT NULL AND NOT u.disabled
  AND (CAST(:weight_kg AS integer) IS NULL OR v.capacity_kg IS NULL OR v.capacity_kg >= :weight_kg)
{_CAN_BE_HAD}ORDER BY (o.delivery_lat - :lat) ^ 2 + ((o.delivery_lon - :lon) * :narrow) ^ 2, v.id
LIMIT :most
""")  # noqa: S608 - a constant of this module

_CAME_FROM = text("""
SELECT v.id AS vehicle_id, o.pickup_lat, o.pickup_lon
FROM unnest(CAST(:vehicle_ids AS bigint[])) AS v (id)
CROSS JOIN LATERAL (
    SELECT pickup_lat, pickup_lon FROM orders
    WHERE orders.vehicle_id = v.id AND orders.delivered_at IS NOT NULL
    ORDER BY orders.delivered_at DESC LIMIT 1
) o
""")

_TOGETHER = text("""
SELECT carrier_id, count(*) AS loads FROM orders
WHERE carrier_id = ANY (:carrier_ids) AND delivered_at IS NOT NULL
  AND COALESCE(broker_id, shipper_id) = :dispatcher AND (broker_id = :dispatcher OR shipper_id = :dispatcher)
GROUP BY carrier_id
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What candidates are looked for by. `had`: [first, last] moment at which a truck has to be had, beside `now`.

    `papers_needed`: that papers are missing excludes a truck too.
    """

    order_id: UUID
    pickup: Point
    weight_kg: int | None
    box: Box
    fresh_since: datetime
    had: tuple[datetime, datetime]
    now: datetime
    papers_needed: bool


def candidates(session: Session, wanted: Wanted) -> Sequence[Row[Any]]:
    """At most twice MAX_CANDIDATES rows: the nearest free trucks, then those that unload nearest."""
    values = {
        "order_id": wanted.order_id,
        "fresh_since": wanted.fresh_since,
        "weight_kg": wanted.weight_kg,
        "lat": wanted.pickup.lat,
        "lon": wanted.pickup.lon,
        "narrow": math.cos(math.radians(wanted.pickup.lat)),
        "south": wanted.box.south,
        "north": wanted.box.north,
        "west": wanted.box.west,
        "east": wanted.box.east,
        "since": wanted.had[0],
        "until": wanted.had[1],
        "now": wanted.now,
        "today": wanted.now.date(),
        "papers_needed": wanted.papers_needed,
        "underway": list(UNDERWAY),
        "most": MAX_CANDIDATES,
    }
    return [*session.execute(_FREE, values).all(), *session.execute(_UNLOADING_NEAR, values).all()]


def came_from(session: Session, vehicle_ids: Sequence[int]) -> dict[int, Point]:
    """By vehicle: where it picked up the load that it delivered last."""
    rows = session.execute(_CAME_FROM, {"vehicle_ids": list(vehicle_ids)})
    return {row.vehicle_id: Point(row.pickup_lat, row.pickup_lon) for row in rows}


def loads_together(session: Session, dispatcher: UUID, carrier_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = session.execute(_TOGETHER, {"dispatcher": dispatcher, "carrier_ids": list(carrier_ids)})
    return {row.carrier_id: row.loads for row in rows}


def truck_of(
    row: Row[Any], homes: dict[int, Point], together: dict[UUID, int], kept: dict[UUID, float]
) -> Truck:
    return Truck(
        vehicle_id=row.vehicle_id,
        carrier_id=row.carrier_id,
        driver_id=row.driver_id,
        plate=row.plate,
        vehicle_name=row.vehicle_name,
        driver_name=row.driver_name,
        capacity_kg=row.capacity_kg,
        vehicle_type=row.type_code,
        position=Point(row.lat, row.lon),
        position_time=row.time,
        speed_kmh=row.speed_kmh,
        heading_deg=row.heading_deg,
        unloads_at=None if row.unloads_lat is None else Point(row.unloads_lat, row.unloads_lon),
        came_from=homes.get(row.vehicle_id),
        loads_together=together.get(row.carrier_id, 0),
        reliability=kept.get(row.carrier_id),
    )
