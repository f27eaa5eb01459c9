"""Queries over geofences; each starts from what the actor may see."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, or_, select, text
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.fleet.models import Vehicle
from platform_api.geofences.models import Geofence
from platform_api.orders.crew_since import CREW_SINCE
from platform_api.pagination import PageQuery, fetch_page

MAX_EXPORTED = 10_000

# Orders build on geofences, so this package reads their table and of their code this one fact.
CARRYING_SINCE_SQL = text(f"""
    SELECT min({CREW_SINCE}) FROM orders o
     WHERE :party_id IN (shipper_id, broker_id) AND vehicle_id = :vehicle_id
       AND status IN ('ASSIGNED', 'PICKUP_PENDING', 'PICKED_UP', 'IN_TRANSIT')
""")  # noqa: S608 - no value of anybody's
IN_USE_SQL = text("""
    SELECT EXISTS (
        SELECT FROM orders
         WHERE (pickup_geofence_id = :geofence_id OR delivery_geofence_id = :geofence_id)
           AND status NOT IN ('COMPLETED', 'RESOLVED', 'CANCELLED'))
        OR EXISTS (
        SELECT FROM order_stops s JOIN orders o ON o.id = s.order_id
         WHERE s.geofence_id = :geofence_id AND o.status NOT IN ('COMPLETED', 'RESOLVED', 'CANCELLED'))
        OR EXISTS (SELECT FROM planned_routes WHERE geofence_id = :geofence_id AND ended_at IS NULL)
""")


def _visible(actor: Actor) -> Select[Geofence]:
    statement = select(Geofence)
    if actor.is_administrator:
        return statement
    if actor.role is Role.CARRIER:
        return statement.where(
            or_(Geofence.owner_id == actor.party_id, Geofence.carrier_id == actor.carrier_id)
        )
    return statement.where(Geofence.owner_id == actor.party_id)


def find_geofence(session: Session, actor: Actor, geofence_id: int, *, lock: bool = False) -> Geofence | None:
    statement = _visible(actor).where(Geofence.id == geofence_id)
    return session.scalar(statement.with_for_update() if lock else statement)


def page_geofences(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Geofence], str | None]:
    """Without the retired ones."""
    return fetch_page(session, _visible(actor).where(Geofence.retired_at.is_(None)), [Geofence.id], query)


def all_geofences(session: Session, actor: Actor) -> Sequence[Geofence]:
    """Those that the party drew itself and that are not retired, oldest first; at most MAX_EXPORTED."""
    statement = select(Geofence).where(Geofence.owner_id == actor.party_id, Geofence.retired_at.is_(None))
    return session.scalars(statement.order_by(Geofence.id).limit(MAX_EXPORTED)).all()


def watched_vehicle_ids(session: Session, vehicle_id: int | None, carrier_id: UUID | None) -> list[int]:
    """Every vehicle the fence watches, in order of id.

    Also those without a state yet: a first batch may be in the middle of making one.
    """
    statement = select(Vehicle.id).order_by(Vehicle.id)
    if vehicle_id is not None:
        statement = statement.where(Vehicle.id == vehicle_id)
    elif carrier_id is not None:
        statement = statement.where(Vehicle.carrier_id == carrier_id)
    return list(session.scalars(statement))


def carrying_since(session: Session, party_id: UUID, vehicle_id: int) -> datetime | None:
    """Since when the vehicle is on an unfinished order of this shipper or freight broker."""
    since: datetime | None = session.scalar(
        CARRYING_SINCE_SQL, {"party_id": party_id, "vehicle_id": vehicle_id}
    )
    return since


def is_in_use(session: Session, geofence_id: int) -> bool:
    return bool(session.scalar(IN_USE_SQL, {"geofence_id": geofence_id}))
