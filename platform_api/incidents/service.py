"""Report what happened on the road; tell those who wait for the goods; close it. The edge commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, false, func, or_, select
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.alerts.service import raise_alert
from platform_api.errors import Conflict, NotFound
from platform_api.files import service as files
from platform_api.files.models import File
from platform_api.files.rules import IMAGES
from platform_api.fleet.models import Vehicle
from platform_api.incidents import rules
from platform_api.incidents.models import Incident, IncidentFile
from platform_api.incidents.rules import ABOUT, Kind
from platform_api.orders import repository as orders_repository
from platform_api.orders.models import Order
from platform_api.orders.rules import parties_of
from platform_api.pagination import PageQuery, fetch_page


@dataclass(frozen=True, slots=True)
class Report:
    id: UUID
    kind: Kind
    description: str = ""
    order_id: UUID | None = None
    vehicle_id: int | None = None
    lat: float | None = None
    lon: float | None = None
    at: datetime | None = None
    file_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    incident: Incident
    file_ids: tuple[UUID, ...]


def scoped(actor: Actor) -> Select[Incident]:
    """A carrier's own; a driver's own reports; of their orders, the shipper's and the broker's."""
    statement = select(Incident)
    if actor.is_administrator:
        return statement
    if actor.role is Role.CARRIER:
        return statement.where(Incident.carrier_id == actor.party_id)
    if actor.role is Role.DRIVER:
        return statement.where(Incident.reported_by == actor.user_id)
    if actor.role in (Role.SHIPPER, Role.BROKER):
        mine = or_(Order.shipper_id == actor.party_id, Order.broker_id == actor.party_id)
        # Of another carrier's time with the same order he was told then.
        own = select(Order.id).where(mine, Order.carrier_id == Incident.carrier_id)
        return statement.where(Incident.order_id.in_(own))
    return statement.where(false())


def report(session: Session, actor: Actor, given: Report, *, now: datetime) -> Shown:
    """The same id again is the same report. Raises NotFound for an order, vehicle or file that is not theirs."""
    carrier_id = rules.check_reporter(actor)
    # Held to the end of the transaction: of two that send it at once the second finds the first one's below.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"incident/{given.id}", 0))))
    earlier = session.get(Incident, given.id)
    if earlier is not None:
        if earlier.reported_by != actor.user_id:
            raise Conflict("incident_id_taken", "This id belongs to another report.")
        return shown(session, [earlier])[0]
    order = None if given.order_id is None else _order(session, actor, given.order_id)
    vehicle = _vehicle(session, carrier_id, given, order)
    row = Incident(
        id=given.id,
        order_id=None if order is None else order.id,
        vehicle_id=None if vehicle is None else vehicle.id,
        carrier_id=carrier_id,
        reported_by=actor.user_id,
        kind=given.kind,
        severity=ABOUT[given.kind].severity,
        description=given.description,
        lat=given.lat,
        lon=given.lon,
        happened_at=rules.happened(given.at, now),
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    for file_id in dict.fromkeys(given.file_ids):
        files.use(session, actor, file_id, now=now, allowed=IMAGES)
        session.add(IncidentFile(incident_id=row.id, file_id=file_id))
    _tell(session, row, order, vehicle, now)
    return Shown(row, tuple(dict.fromkeys(given.file_ids)))


def _order(session: Session, actor: Actor, order_id: UUID) -> Order:
    order = orders_repository.find_order(session, actor, order_id)
    if order is None or order.carrier_id != actor.carrier_id:
        raise NotFound("order_not_found", "There is no such order.")
    return order


def _vehicle(session: Session, carrier_id: UUID, given: Report, order: Order | None) -> Vehicle | None:
    vehicle_id = given.vehicle_id or (None if order is None else order.vehicle_id)
    if vehicle_id is None:
        return None
    vehicle = session.scalar(
        select(Vehicle).where(Vehicle.id == vehicle_id, Vehicle.carrier_id == carrier_id)
    )
    if vehicle is None:
        raise NotFound("vehicle_not_found", "There is no such vehicle.")
    return vehicle


def _tell(
    session: Session, row: Incident, order: Order | None, vehicle: Vehicle | None, now: datetime
) -> None:
    """The carrier, and of an order whoever waits for the goods."""
    about = ABOUT[Kind(row.kind)]
    told = (
        [row.carrier_id] if order is None else parties_of(order.shipper_id, order.broker_id, row.carrier_id)
    )
    where = "" if order is None else f"{order.pickup_name} → {order.delivery_name}. "
    for party_id in told:
        raise_alert(
            session,
            party_id=party_id,
            kind="incident_reported",
            at=row.happened_at,
            now=now,
            order_id=row.order_id,
            vehicle_id=row.vehicle_id,
            facts={
                "incident_id": str(row.id),
                "plate": "?" if vehicle is None else vehicle.plate,
                "kind_fr": about.fr,
                "kind_en": about.en,
                "where": where,
                "happened_at": row.happened_at.isoformat(),
                "description": row.description,
            },
            dedup=f"incident/{row.id}",
        )


def page(
    session: Session, actor: Actor, query: PageQuery, *, order_id: UUID | None, is_open: bool | None
) -> tuple[list[Shown], str | None]:
    """Newest told first."""
    statement = scoped(actor)
    if order_id is not None:
        statement = statement.where(Incident.order_id == order_id)
    if is_open is not None:
        statement = statement.where(Incident.closed_at.is_(None) == is_open)
    rows, cursor = fetch_page(session, statement, (Incident.recorded_at, Incident.id), query)
    return shown(session, rows), cursor


def get(session: Session, actor: Actor, incident_id: UUID, *, lock: bool = False) -> Incident:
    """Raises NotFound `incident_not_found`."""
    statement = scoped(actor).where(Incident.id == incident_id)
    row = session.scalar(statement.with_for_update(of=Incident) if lock else statement)
    if row is None:
        raise NotFound("incident_not_found", "There is no such incident.")
    return row


def read(session: Session, actor: Actor, incident_id: UUID) -> Shown:
    return shown(session, [get(session, actor, incident_id)])[0]


def close(session: Session, actor: Actor, incident_id: UUID, *, note: str, now: datetime) -> Shown:
    """By the carrier or who reported it; again is harmless. Others read."""
    rules.check_reporter(actor)
    row = get(session, actor, incident_id, lock=True)
    if row.closed_at is None:
        row.closed_at, row.closed_by, row.closing_note = now, actor.user_id, note
    return shown(session, [row])[0]


def file_of(session: Session, actor: Actor, incident_id: UUID, file_id: UUID) -> File:
    row = get(session, actor, incident_id)
    if session.get(IncidentFile, (row.id, file_id)) is None:
        raise NotFound("file_not_found", "You have no such file.")
    return files.get(session, file_id)


def shown(session: Session, rows: Sequence[Incident]) -> list[Shown]:
    """With their photos, by one query."""
    found: dict[UUID, list[UUID]] = {}
    statement = select(IncidentFile).where(IncidentFile.incident_id.in_([row.id for row in rows]))
    for each in session.scalars(statement.order_by(IncidentFile.file_id)):
        found.setdefault(each.incident_id, []).append(each.file_id)
    return [Shown(row, tuple(found.get(row.id, ()))) for row in rows]
