"""All SQL of watching. Visits and intervals are written by ingest alone; here they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from platform_api.fleet.models import Vehicle
from platform_api.geofences.models import Geofence
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.rules import parties_of
from platform_api.pagination import PageQuery, fetch_page
from platform_api.routing.models import PlannedRoute
from platform_api.watch.models import RouteCheck, RouteEvent

_STAYS = text("""
SELECT id, geofence_id, entered_at, exited_at, enter_evidence, exit_evidence FROM visits
WHERE vehicle_id = :vehicle_id AND geofence_id = ANY (:fences) AND retracted_at IS NULL
  AND entered_at < :until AND (exited_at IS NULL OR exited_at >= :start)
ORDER BY entered_at, id
""")

# A place that the order's people have drawn excuses a stop in it; a fence around a whole region does not.
_STANDINGS = text("""
SELECT i.id, i.started_at, i.ended_at, i.start_lat AS lat, i.start_lon AS lon,
       ARRAY (
           SELECT g.shape FROM visits v JOIN geofences g ON g.id = v.geofence_id
           WHERE v.vehicle_id = i.vehicle_id AND v.retracted_at IS NULL AND g.id <> ALL (:corridors)
             AND (g.owner_id = ANY (:parties) OR g.carrier_id = ANY (:parties))
             AND v.entered_at <= coalesce(i.ended_at, :until) AND (v.exited_at IS NULL OR v.exited_at > i.started_at)
       ) AS around
FROM intervals i
WHERE i.vehicle_id = :vehicle_id AND i.kind IN ('stop', 'parking') AND i.retracted_at IS NULL
  AND i.started_at < :until AND (i.ended_at IS NULL OR i.ended_at > :start)
ORDER BY i.started_at, i.id
""")

_SEEN_AT = text("SELECT time FROM vehicle_states WHERE vehicle_id = :vehicle_id")

_FOLDING = text("""
SELECT EXISTS (SELECT FROM dirty_vehicles WHERE vehicle_id = :vehicle_id AND reason = 'geofence')
""")

_CORRIDORS = text(
    "SELECT geofence_id FROM planned_routes WHERE order_id = :order_id AND geofence_id IS NOT NULL"
)

_ORDER_OF_CORRIDOR = text("""
SELECT order_id FROM planned_routes WHERE geofence_id = :geofence_id AND superseded_at IS NULL
""")

# Trucks whose story may grow while they drive: outside their corridor, standing, or with something told that goes on.
# One whose past is being folded again is left alone until that is done: of a new fence nothing is known yet.
_GROWING = text("""
SELECT o.id FROM orders o
LEFT JOIN planned_routes p ON p.order_id = o.id AND p.superseded_at IS NULL
WHERE o.status = 'IN_TRANSIT' AND o.departed_pickup_at IS NOT NULL AND o.arrived_delivery_at IS NULL
  AND o.id > :after
  AND NOT EXISTS (SELECT FROM dirty_vehicles d WHERE d.vehicle_id = o.vehicle_id AND d.reason = 'geofence')
  AND (
      (p.geofence_id IS NOT NULL AND NOT EXISTS (
          SELECT FROM visits v WHERE v.geofence_id = p.geofence_id AND v.vehicle_id = o.vehicle_id
             AND v.exited_at IS NULL AND v.retracted_at IS NULL))
      OR EXISTS (SELECT FROM intervals i WHERE i.vehicle_id = o.vehicle_id AND i.ended_at IS NULL
                 AND i.retracted_at IS NULL AND i.kind IN ('stop', 'parking'))
      OR EXISTS (SELECT FROM route_events e WHERE e.order_id = o.id AND e.ended_at IS NULL
                 AND e.withdrawn_at IS NULL)
  )
ORDER BY o.id LIMIT :row_limit
""")

_TAKE_STOPS = text("""
UPDATE interval_changes SET handled_at = :now
WHERE id IN (
    SELECT id FROM interval_changes WHERE handled_at IS NULL AND kind IN ('stop', 'parking')
    ORDER BY id LIMIT :row_limit FOR UPDATE SKIP LOCKED)
RETURNING vehicle_id, started_at, ended_at
""")

_MARK_JOURNEYS = text("""
INSERT INTO route_checks (order_id, due_at)
SELECT DISTINCT o.id, CAST(:now AS timestamptz) AS due_at
FROM unnest(CAST(:vehicles AS bigint[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
     AS c (vehicle_id, started_at, ended_at)
JOIN orders o ON o.vehicle_id = c.vehicle_id
WHERE o.departed_pickup_at < coalesce(c.ended_at, 'infinity')
  AND coalesce(o.arrived_delivery_at, o.delivered_at, 'infinity') > c.started_at
ORDER BY o.id
ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the order calls; `shape` is a GeoJSON Feature."""

    shape: dict[str, Any]
    geofence_id: int | None


def places(session: Session, order: Order) -> list[Place]:
    stops = session.scalars(select(OrderStop).where(OrderStop.order_id == order.id)).all()
    return [
        Place(order.pickup_shape, order.pickup_geofence_id),
        Place(order.delivery_shape, order.delivery_geofence_id),
        *(Place(stop.shape, stop.geofence_id) for stop in stops),
    ]


def current_plan(session: Session, order_id: UUID) -> PlannedRoute | None:
    return session.scalar(
        select(PlannedRoute).where(PlannedRoute.order_id == order_id, PlannedRoute.superseded_at.is_(None))
    )


def shape_of(session: Session, geofence_id: int) -> dict[str, Any]:
    """GeoJSON Feature."""
    shape: dict[str, Any] = session.scalars(select(Geofence.shape).where(Geofence.id == geofence_id)).one()
    return shape


def is_being_folded(session: Session, vehicle_id: int) -> bool:
    """Whether a new fence waits for the vehicle's past to be judged by it."""
    return session.scalar(_FOLDING, {"vehicle_id": vehicle_id}) is True


def plate(session: Session, vehicle_id: int) -> str:
    return session.scalars(select(Vehicle.plate).where(Vehicle.id == vehicle_id)).one()


def seen_at(session: Session, vehicle_id: int) -> datetime | None:
    """Event time of the vehicle's newest used position."""
    time: datetime | None = session.scalar(_SEEN_AT, {"vehicle_id": vehicle_id})
    return time


def stays(
    session: Session, vehicle_id: int, fences: Sequence[int], *, start: datetime, until: datetime
) -> Sequence[Row[Any]]:
    return session.execute(
        _STAYS, {"vehicle_id": vehicle_id, "fences": list(fences), "start": start, "until": until}
    ).all()


def standings(
    session: Session,
    order: Order,
    *,
    start: datetime,
    until: datetime,
) -> Sequence[Row[Any]]:
    """Stops of the order's truck, with the shapes of the fences of its people around each."""
    corridors = session.scalars(_CORRIDORS, {"order_id": order.id}).all()
    return session.execute(
        _STANDINGS,
        {
            "vehicle_id": order.vehicle_id,
            "corridors": list(corridors),
            "parties": parties_of(order.shipper_id, order.broker_id, order.carrier_id),
            "start": start,
            "until": until,
        },
    ).all()


def order_of_corridor(session: Session, geofence_id: int) -> UUID | None:
    order_id: UUID | None = session.scalar(_ORDER_OF_CORRIDOR, {"geofence_id": geofence_id})
    return order_id


def mark_due(session: Session, order_id: UUID, now: datetime) -> None:
    session.execute(insert(RouteCheck).values(order_id=order_id, due_at=now).on_conflict_do_nothing())


def take_due(session: Session, order_id: UUID) -> None:
    """What is marked from now on is looked at again."""
    session.execute(delete(RouteCheck).where(RouteCheck.order_id == order_id))


def due(session: Session, limit: int) -> Sequence[UUID]:
    return session.scalars(select(RouteCheck.order_id).order_by(RouteCheck.due_at).limit(limit)).all()


def growing(session: Session, *, after: UUID, limit: int) -> Sequence[UUID]:
    return session.scalars(_GROWING, {"after": after, "row_limit": limit}).all()


def mark_stops(session: Session, now: datetime, limit: int) -> int:
    """Mark the orders on whose way vehicles stopped, by what ingest told of stops; how many changes were taken."""
    taken = session.execute(_TAKE_STOPS, {"now": now, "row_limit": limit}).all()
    if taken:
        session.execute(
            _MARK_JOURNEYS,
            {
                "now": now,
                "vehicles": [row.vehicle_id for row in taken],
                "starts": [row.started_at for row in taken],
                "ends": [row.ended_at for row in taken],
            },
        )
    return len(taken)


def events(session: Session, order_id: UUID) -> Sequence[RouteEvent]:
    return session.scalars(select(RouteEvent).where(RouteEvent.order_id == order_id)).all()


def page_events(
    session: Session, order_id: UUID, query: PageQuery, *, withdrawn: bool
) -> tuple[list[RouteEvent], str | None]:
    """Newest first, with those that did not happen only if asked for."""
    statement = select(RouteEvent).where(RouteEvent.order_id == order_id)
    if not withdrawn:
        statement = statement.where(RouteEvent.withdrawn_at.is_(None))
    return fetch_page(session, statement, (RouteEvent.started_at, RouteEvent.id), query)
