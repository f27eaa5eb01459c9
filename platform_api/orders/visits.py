"""What ingest wrote about an order's fences: visits and crossings, read-only but for `handled_at`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from platform_api.orders.models import Order, OrderStop
from platform_api.orders.progress import Place, Visit

# A pass begins and ends with one ping, the one after it. A visit whose fence expired around the truck
# is marked inferred too, but it has a ping inside; nobody saw that truck leave.
_VISITS = text("""
SELECT v.id, v.geofence_id, v.entered_at, v.exited_at, v.enter_evidence, v.exit_evidence, v.inferred,
       v.inferred AND v.enter_evidence = v.exit_evidence AS passed,
       (SELECT max(c.id) FROM crossings c WHERE c.visit_id = v.id AND c.kind = 'enter') AS enter_crossing_id,
       (SELECT max(c.id) FROM crossings c WHERE c.visit_id = v.id AND c.kind = 'exit') AS exit_crossing_id
FROM visits v
WHERE v.geofence_id = ANY (:fences) AND v.vehicle_id = :vehicle_id AND v.retracted_at IS NULL
""")

_CROSSING = text("""
SELECT id, visit_id, vehicle_id, geofence_id, kind, change, time, previous_time, handled_at
FROM crossings WHERE id = :id
""")

_ORDER_OF_FENCE = text("""
SELECT id FROM orders WHERE pickup_geofence_id = :geofence_id OR delivery_geofence_id = :geofence_id
UNION ALL SELECT order_id FROM order_stops WHERE geofence_id = :geofence_id
""")

_HANDLED = text("UPDATE crossings SET handled_at = :now WHERE id = :id AND handled_at IS NULL RETURNING id")

# Age by the database's own clock, which wrote recorded_at.
_UNHANDLED = text("""
SELECT id FROM crossings
WHERE handled_at IS NULL AND recorded_at <= clock_timestamp() - :age AND id > :after
ORDER BY id LIMIT :row_limit
""")


@dataclass(frozen=True, slots=True)
class Seen:
    """A visit with what proves it: the pings at its borders and the crossings that told of them."""

    visit: Visit
    geofence_id: int
    pings: Mapping[str, Any]  # enter, exit
    crossing_ids: Mapping[str, int | None]  # enter, exit

    def evidence(self, kind: Literal["enter", "exit"]) -> dict[str, Any]:
        """The `evidence` of a history row; times RFC 3339 UTC, stay in seconds, null while open."""
        entered, exited = self.visit.entered_at, self.visit.exited_at
        stop = {} if self.visit.stop is None else {"stop": self.visit.stop}
        return {
            **stop,
            "geofence_id": self.geofence_id,
            "visit_id": self.visit.id,
            "crossing_id": self.crossing_ids[kind],
            "place": self.visit.place,
            "entered_at": entered.isoformat(),
            "exited_at": exited.isoformat() if exited else None,
            "stay_s": (exited - entered).total_seconds() if exited else None,
            "pings": [ping for ping in self.pings.values() if ping is not None],
        }


@dataclass(frozen=True, slots=True)
class Crossing:
    id: int
    visit_id: int
    vehicle_id: int
    geofence_id: int
    kind: Literal["enter", "exit"]
    change: Literal["created", "revised", "retracted"]
    time: datetime
    previous_time: datetime | None
    handled_at: datetime | None


def visits_of(session: Session, order: Order, stops: Sequence[OrderStop] = ()) -> dict[int, Seen]:
    """By id: the visits of the assigned vehicle to the order's own fences, as they stand now.

    With `stops` those to their fences too.
    """
    places: dict[int, tuple[Place, int | None]] = {
        stop.geofence_id: (Place.STOP, stop.sequence) for stop in stops if stop.geofence_id is not None
    }
    for place, fence in (
        (Place.PICKUP, order.pickup_geofence_id),
        (Place.DELIVERY, order.delivery_geofence_id),
    ):
        if fence is not None:
            places[fence] = (place, None)
    rows = session.execute(_VISITS, {"fences": list(places), "vehicle_id": order.vehicle_id})
    found = {}
    for row in rows:
        place, stop = places[row.geofence_id]
        expired = row.inferred and not row.passed
        exited_at = None if expired else row.exited_at
        found[row.id] = Seen(
            Visit(row.id, place, row.entered_at, exited_at, row.passed is True, stop),
            row.geofence_id,
            {"enter": row.enter_evidence, "exit": None if expired else row.exit_evidence},
            {"enter": row.enter_crossing_id, "exit": row.exit_crossing_id},
        )
    return found


def find_crossing(session: Session, crossing_id: int) -> Crossing | None:
    row = session.execute(_CROSSING, {"id": crossing_id}).one_or_none()
    return None if row is None else Crossing(**row._mapping)


def order_of_fence(session: Session, geofence_id: int) -> UUID | None:
    """A fence of an order belongs to that order alone."""
    order_id: UUID | None = session.scalar(_ORDER_OF_FENCE, {"geofence_id": geofence_id})
    return order_id


def mark_handled(session: Session, crossing_id: int, now: datetime) -> bool:
    """False when it was marked already."""
    return session.execute(_HANDLED, {"id": crossing_id, "now": now}).one_or_none() is not None


def unhandled_crossings(session: Session, *, age: timedelta, after: int, limit: int) -> Sequence[int]:
    """Ids of those at least that old in the order they were told, from the first one above `after`."""
    return session.scalars(_UNHANDLED, {"age": age, "after": after, "row_limit": limit}).all()
