"""Queries over intervals, states and settings; each list starts from what the actor may see."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, false, select, text, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.fleet.models import Device, Vehicle
from platform_api.pagination import PageQuery, fetch_page, restrict
from platform_api.telemetry.models import Interval, TelemetrySetting
from platform_api.telemetry.rules import MAX_OPEN, MAX_TRIP_STOPS, Asked

Page = tuple[list[Interval], str | None]


def _visible_vehicles(actor: Actor) -> Select[int]:
    """Ids. A fleet's telemetry is its carrier's; shippers follow orders, and drivers are not told on."""
    statement = select(Vehicle.id)
    if actor.is_administrator:
        return statement
    if actor.role is Role.CARRIER:
        return statement.where(Vehicle.carrier_id == actor.carrier_id)
    return statement.where(false())


def _wanted(statement: Select[Interval], asked: Asked) -> Select[Interval]:
    retracted = Interval.retracted_at
    statement = statement.where(retracted.is_not(None) if asked.retracted else retracted.is_(None))
    if asked.span.start is not None:
        statement = statement.where(Interval.started_at >= asked.span.start)
    if asked.span.end is not None:
        statement = statement.where(Interval.started_at < asked.span.end)
    if asked.kinds is not None:
        statement = statement.where(Interval.kind.in_(asked.kinds))
    return statement.where(Interval.ended_at.is_(None)) if asked.open_only else statement


def intervals(actor: Actor) -> Select[Interval]:
    """Of all vehicles that the actor may see, as they are known now."""
    return select(Interval).where(
        Interval.vehicle_id.in_(_visible_vehicles(actor)), Interval.retracted_at.is_(None)
    )


def page_of_vehicle(session: Session, actor: Actor, vehicle_id: int, asked: Asked, query: PageQuery) -> Page:
    """By their beginning, newest first."""
    statement = select(Interval).where(
        Interval.vehicle_id == vehicle_id, Interval.vehicle_id.in_(_visible_vehicles(actor))
    )
    return fetch_page(session, _wanted(statement, asked), [Interval.started_at, Interval.id], query)


def page_of_fleet(session: Session, actor: Actor, carrier_id: UUID, asked: Asked, query: PageQuery) -> Page:
    """By their beginning, newest first.

    LATERAL takes a page from each vehicle by its index; joined plainly, all intervals of the fleet would be
    read and sorted for one page.
    """
    vehicle = _visible_vehicles(actor).where(Vehicle.carrier_id == carrier_id).subquery()
    key = [Interval.started_at, Interval.id]
    of_one = _wanted(select(Interval).where(Interval.vehicle_id == vehicle.c.id), asked)
    newest = restrict(of_one, key, query).limit(query.limit + 1).lateral()
    interval = aliased(Interval, newest)
    statement = select(interval).select_from(vehicle).join(newest, true())
    return fetch_page(session, statement, [interval.started_at, interval.id], query)


def open_intervals(session: Session, actor: Actor, vehicle_id: int) -> list[Interval]:
    """What is going on, newest first; at most MAX_OPEN."""
    statement = select(Interval).where(
        Interval.vehicle_id == vehicle_id,
        Interval.vehicle_id.in_(_visible_vehicles(actor)),
        Interval.ended_at.is_(None),
        Interval.retracted_at.is_(None),
    )
    return list(
        session.scalars(statement.order_by(Interval.started_at.desc(), Interval.id.desc()).limit(MAX_OPEN))
    )


# The stop that a trip ends in begins where the trip ends, and is not part of it.
_TRIP_STOPS = text("""
SELECT t.trip_id, s.*
FROM unnest(CAST(:ids AS bigint[]), CAST(:vehicles AS bigint[]), CAST(:starts AS timestamptz[]),
            CAST(:ends AS timestamptz[])) AS t (trip_id, vehicle_id, started_at, ended_at)
CROSS JOIN LATERAL (
    SELECT i.id, i.kind, i.started_at, i.ended_at, i.start_lon, i.start_lat FROM intervals i
    WHERE i.vehicle_id = t.vehicle_id AND i.kind = 'stop' AND i.retracted_at IS NULL
      AND i.started_at >= t.started_at AND (t.ended_at IS NULL OR i.started_at < t.ended_at)
    ORDER BY i.started_at LIMIT :most
) AS s
ORDER BY t.trip_id, s.started_at
""")


def stops_of_trips(session: Session, trips: Sequence[Interval]) -> dict[int, list[Row[Any]]]:
    """By trip: the first MAX_TRIP_STOPS + 1 of its stops, in order of time."""
    found: dict[int, list[Row[Any]]] = {}
    rows = session.execute(
        _TRIP_STOPS,
        {
            "ids": [trip.id for trip in trips],
            "vehicles": [trip.vehicle_id for trip in trips],
            "starts": [trip.started_at for trip in trips],
            "ends": [trip.ended_at for trip in trips],
            "most": MAX_TRIP_STOPS + 1,
        },
    )
    for row in rows:
        found.setdefault(row.trip_id, []).append(row)
    return found


def device_uids(session: Session, device_ids: Collection[int]) -> dict[int, str]:
    if not device_ids:
        return {}
    rows = session.execute(select(Device.id, Device.uid).where(Device.id.in_(device_ids)))
    return {row.id: row.uid for row in rows}


_STATE = text("""
SELECT v.id AS vehicle_id, s.time, s.lat, s.lon, s.speed_kmh, s.heading_deg, s.accuracy_m, s.mock,
       d.kind AS source, d.uid AS device_uid, s.motion, s.motion_since,
       coalesce(s.odometer_m, 0) AS odometer_m, coalesce(s.engine_s, 0) AS engine_s, s.updated_at
FROM vehicles v
LEFT JOIN vehicle_states s ON s.vehicle_id = v.id
LEFT JOIN devices d ON d.id = s.device_id
WHERE v.id = :vehicle_id
""")


def state(session: Session, vehicle_id: int) -> Row[Any]:
    """Of a vehicle that exists and that the caller has found to be the actor's."""
    return session.execute(_STATE, {"vehicle_id": vehicle_id}).one()


def is_carrier(session: Session, user_id: UUID) -> bool:
    statement = select(User.id).where(User.id == user_id, User.role == Role.CARRIER.value)
    return session.scalar(statement) is not None


# Settings -------------------------------------------------------------------

# As `ingest.fleet` lays them over one another: the fleet's, then those of the devices that are in the vehicle
# now, the best source's last. An integration test compares the two.
_LAYERS = text("""
SELECT settings FROM (
    SELECT 0 AS level, 0 AS priority, CAST(0 AS bigint) AS device_id, s.settings
    FROM telemetry_settings s JOIN vehicles v ON v.carrier_id = s.carrier_id
    WHERE v.id = :vehicle_id
    UNION ALL
    SELECT 1, d.priority, d.id, s.settings
    FROM telemetry_settings s JOIN devices d ON d.id = s.device_id
    JOIN device_assignments a ON a.device_id = d.id AND a.valid_to IS NULL
    WHERE a.vehicle_id = :vehicle_id
) AS layers ORDER BY level, priority DESC, device_id DESC
""")


def layers_of_vehicle(session: Session, vehicle_id: int) -> Sequence[dict[str, Any]]:
    """Stored overrides that the vehicle is judged by, each over the one before."""
    return session.scalars(_LAYERS, {"vehicle_id": vehicle_id}).all()


def fleet_setting(session: Session, carrier_id: UUID | None) -> TelemetrySetting | None:
    return session.scalar(select(TelemetrySetting).where(TelemetrySetting.carrier_id == carrier_id))


def device_setting(session: Session, device_id: int) -> TelemetrySetting | None:
    return session.scalar(select(TelemetrySetting).where(TelemetrySetting.device_id == device_id))


def put_setting(
    session: Session,
    settings: dict[str, Any],
    *,
    now: datetime,
    carrier_id: UUID | None = None,
    device_id: int | None = None,
) -> None:
    """In place of what was set before; two at once end in one of the two."""
    column = TelemetrySetting.device_id if carrier_id is None else TelemetrySetting.carrier_id
    statement = insert(TelemetrySetting).values(
        carrier_id=carrier_id, device_id=device_id, settings=settings, updated_at=now
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[column],
            index_where=column.is_not(None),
            set_={"settings": settings, "updated_at": now},
        )
    )


def drop_setting(session: Session, *, carrier_id: UUID | None = None, device_id: int | None = None) -> None:
    statement = delete(TelemetrySetting)
    if carrier_id is None:
        session.execute(statement.where(TelemetrySetting.device_id == device_id))
    else:
        session.execute(statement.where(TelemetrySetting.carrier_id == carrier_id))
