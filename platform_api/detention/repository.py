"""Queries over terms, claims and what proves them. Visits and pings are read only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, or_, select, text
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.detention.models import DetentionClaim, DetentionTerms, OrderDetention
from platform_api.detention.rules import Stint
from platform_api.orders.models import Order, OrderStop
from platform_api.pagination import PageQuery, fetch_page

# A pass begins and ends with one ping, and is no stay; of a visit whose fence expired nobody saw the end.
_VISITS = text("""
SELECT v.id, v.vehicle_id, v.geofence_id, v.entered_at, CASE WHEN v.inferred THEN NULL ELSE v.exited_at END AS exited_at,
       v.revision, v.enter_evidence, v.exit_evidence,
       (SELECT max(c.recorded_at) FROM crossings c WHERE c.visit_id = v.id AND c.kind = 'exit') AS exit_told_at
FROM visits v
WHERE v.vehicle_id = ANY (:vehicles) AND v.geofence_id = ANY (:fences) AND v.retracted_at IS NULL
  AND NOT (v.inferred AND v.enter_evidence = v.exit_evidence) AND v.entered_at >= :since
ORDER BY v.entered_at, v.id
""")

# Crews after which another truck came; a driver who took over on the same truck kept its fences.
_STINTS = text("""
SELECT vehicle_id, pickup_geofence_id AS geofence_id, min(since) AS since, max(until) AS until
FROM (
    SELECT c.vehicle_id, c.pickup_geofence_id, c.since, lead(c.since) OVER (ORDER BY c.id) AS until
    FROM order_crews c WHERE c.order_id = :order_id AND c.since >= :assigned_at
) AS crews
WHERE pickup_geofence_id IS NOT NULL AND pickup_geofence_id IS DISTINCT FROM CAST(:present AS bigint)
GROUP BY vehicle_id, pickup_geofence_id
HAVING bool_and(until IS NOT NULL)
ORDER BY min(since)
""")

_PINGS = text("""
SELECT DISTINCT ON (p.time, a.device_id) p.time, p.lat, p.lon, a.device_id
FROM device_assignments a
CROSS JOIN LATERAL (
    SELECT time, lat, lon FROM pings
    WHERE pings.device_id = a.device_id AND pings.time BETWEEN :start AND :end
      AND (a.valid_from IS NULL OR pings.time >= a.valid_from)
      AND (a.valid_to IS NULL OR pings.time < a.valid_to)
) p
WHERE a.vehicle_id = :vehicle_id
ORDER BY p.time, a.device_id
""")

# At a place with the free time over, or told to be and not yet over.
_WAITING = text("""
SELECT o.id FROM orders o JOIN order_detention d ON d.order_id = o.id
WHERE o.id > :after AND (
    (o.status IN ('PICKUP_PENDING', 'PICKED_UP') AND o.departed_pickup_at IS NULL
     AND greatest(o.arrived_pickup_at, o.pickup_opens_at) + make_interval(mins => d.free_minutes) <= :now)
 OR (o.status IN ('IN_TRANSIT', 'DELIVERED') AND o.departed_delivery_at IS NULL AND o.delivered_at IS NULL
     AND greatest(o.arrived_delivery_at, o.delivery_opens_at) + make_interval(mins => d.free_minutes) <= :now)
 -- What a truck before it waited counts too: `rules` has the sum.
 OR (o.status IN ('ASSIGNED', 'PICKUP_PENDING', 'PICKED_UP') AND o.departed_pickup_at IS NULL
     AND EXISTS (SELECT FROM order_crews c WHERE c.order_id = o.id AND c.since >= o.assigned_at
                 AND c.vehicle_id <> o.vehicle_id))
 OR EXISTS (SELECT FROM order_stops s WHERE s.order_id = o.id AND o.status IN ('PICKUP_PENDING', 'PICKED_UP', 'IN_TRANSIT')
            AND s.departed_at IS NULL
            AND greatest(s.arrived_at, s.opens_at) + make_interval(mins => d.free_minutes) <= :now)
 OR EXISTS (SELECT FROM alerts a WHERE a.kind = 'detention_running' AND a.order_id = o.id
            AND a.dedup IS NOT NULL AND a.ended_at IS NULL AND a.withdrawn_at IS NULL))
ORDER BY o.id LIMIT :row_limit
""")


@dataclass(frozen=True, slots=True)
class Ping:
    time: datetime
    lat: float
    lon: float
    device_id: int


def offered(session: Session, party_id: UUID, order_id: UUID | None = None) -> DetentionTerms | None:
    """The party's newest of the order's own, else of its own."""
    of_all = DetentionTerms.order_id.is_(None)
    of_order = DetentionTerms.order_id == order_id
    # Whoever handed the order to a freight broker has said nothing for him.
    statement = select(DetentionTerms).where(
        DetentionTerms.shipper_id == party_id, of_all if order_id is None else or_(of_all, of_order)
    )
    first = statement.order_by(DetentionTerms.order_id.is_(None), DetentionTerms.id.desc())
    return session.scalar(first.limit(1))


def agreed(session: Session, order_id: UUID) -> OrderDetention | None:
    return session.get(OrderDetention, order_id)


def stops_of(session: Session, order_id: UUID) -> Sequence[OrderStop]:
    statement = select(OrderStop).where(OrderStop.order_id == order_id)
    return session.scalars(statement.order_by(OrderStop.sequence)).all()


def visits(
    session: Session, vehicles: Sequence[int], fences: Sequence[int], since: datetime
) -> Sequence[Row[Any]]:
    """An order's fence watches one truck alone."""
    return session.execute(
        _VISITS, {"vehicles": list(vehicles), "fences": list(fences), "since": since}
    ).all()


def former_trucks(session: Session, order: Order) -> list[Stint]:
    """Those that were on the order, given to this carrier, before its present one; oldest first."""
    rows = session.execute(
        _STINTS,
        {"order_id": order.id, "assigned_at": order.assigned_at, "present": order.pickup_geofence_id},
    )
    return [Stint(**row._mapping) for row in rows]


def pings(session: Session, vehicle_id: int, start: datetime, end: datetime) -> Iterator[Ping]:
    """Of all its devices, in event time; read in pieces."""
    rows = session.execute(
        _PINGS.execution_options(yield_per=1000), {"vehicle_id": vehicle_id, "start": start, "end": end}
    )
    return (Ping(**row._mapping) for row in rows)


def scoped(actor: Actor) -> Select[DetentionClaim]:
    """The claims of the two parties; administrators see all."""
    statement = select(DetentionClaim)
    if actor.is_administrator:
        return statement
    return statement.where(
        or_(DetentionClaim.shipper_id == actor.party_id, DetentionClaim.carrier_id == actor.party_id)
    )


def page_claims(
    session: Session, actor: Actor, query: PageQuery, status: str | None
) -> tuple[list[DetentionClaim], str | None]:
    statement = scoped(actor)
    if status is not None:
        statement = statement.where(DetentionClaim.status == status)
    return fetch_page(session, statement, (DetentionClaim.claimed_at, DetentionClaim.id), query)


def find_claim(
    session: Session, actor: Actor, claim_id: UUID, *, lock: bool = False
) -> DetentionClaim | None:
    statement = scoped(actor).where(DetentionClaim.id == claim_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    return session.scalar(statement)


def claims_of(session: Session, order_id: UUID) -> Sequence[DetentionClaim]:
    return session.scalars(select(DetentionClaim).where(DetentionClaim.order_id == order_id)).all()


def waiting_orders(session: Session, now: datetime, *, after: UUID, limit: int) -> Sequence[UUID]:
    return session.scalars(_WAITING, {"now": now, "after": after, "row_limit": limit}).all()
