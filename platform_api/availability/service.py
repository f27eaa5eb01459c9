"""The calendar of a vehicle: when it cannot be had, and whether it can be had now."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.availability import rules
from platform_api.availability.models import VehicleUnavailability
from platform_api.availability.rules import Period, Reason
from platform_api.errors import NotFound
from platform_api.fleet import service as fleet
from platform_api.fleet_documents import service as fleet_documents
from platform_api.pagination import PageQuery, fetch_page
from platform_api.versions import check_version

# What `check_assignable` may answer, for the endpoints that give a load to a vehicle.
ASSIGNABLE_ERRORS = (*fleet_documents.ASSIGNABLE_ERRORS, "vehicle_unavailable")


def add_period(
    session: Session,
    actor: Actor,
    vehicle_id: int,
    *,
    starts_at: datetime,
    ends_at: datetime | None,
    reason: Reason,
    note: str,
    now: datetime,
) -> VehicleUnavailability:
    """Periods may overlap. Raises NotFound `vehicle_not_found`, Invalid `unavailability_backwards`."""
    vehicle = fleet.get_vehicle(session, actor, vehicle_id)
    rules.check_period(starts_at, ends_at)
    row = VehicleUnavailability(
        vehicle_id=vehicle.id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.value,
        note=note,
        created_by=actor.user_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def page_periods(
    session: Session, actor: Actor, vehicle_id: int, query: PageQuery, *, since: datetime | None
) -> tuple[list[VehicleUnavailability], str | None]:
    """The latest first; with `since` those that last beyond it."""
    vehicle = fleet.get_vehicle(session, actor, vehicle_id)
    period = VehicleUnavailability
    statement = select(period).where(period.vehicle_id == vehicle.id)
    if since is not None:
        statement = statement.where(or_(period.ends_at.is_(None), period.ends_at > since))
    return fetch_page(session, statement, [period.starts_at, period.id], query)


def _lock(session: Session, actor: Actor, vehicle_id: int, period_id: UUID) -> VehicleUnavailability:
    vehicle = fleet.get_vehicle(session, actor, vehicle_id)
    row = session.scalar(
        select(VehicleUnavailability)
        .where(VehicleUnavailability.id == period_id, VehicleUnavailability.vehicle_id == vehicle.id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("unavailability_not_found", "There is no such period.")
    return row


def change_period(
    session: Session,
    actor: Actor,
    vehicle_id: int,
    period_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: int | None,
) -> VehicleUnavailability:
    """Change the columns that are named. Raises as `add_period`, NotFound `unavailability_not_found`."""
    row = _lock(session, actor, vehicle_id, period_id)
    check_version(row.version, expected)
    for name, value in changes.items():
        setattr(row, name, value)
    rules.check_period(row.starts_at, row.ends_at)
    row.version += 1
    return row


def drop_period(session: Session, actor: Actor, vehicle_id: int, period_id: UUID) -> None:
    row = _lock(session, actor, vehicle_id, period_id)
    session.execute(delete(VehicleUnavailability).where(VehicleUnavailability.id == row.id))


def periods_at(session: Session, vehicle_id: int, at: datetime) -> Sequence[Period]:
    """Whoever asks: those that hold the moment."""
    period = VehicleUnavailability
    rows = session.scalars(
        select(period)
        .where(period.vehicle_id == vehicle_id, period.starts_at <= at)
        .where(or_(period.ends_at.is_(None), period.ends_at > at))
        .order_by(period.starts_at)
    )
    return [Period(row.starts_at, row.ends_at, Reason(row.reason)) for row in rows]


def blocked_in(session: Session, windows: Mapping[int, tuple[datetime, datetime]]) -> set[int]:
    """Vehicles that cannot be had at some moment of their window [first, last], in one query."""
    if not windows:
        return set()
    period = VehicleUnavailability
    rows = session.scalars(
        select(period)
        .where(period.vehicle_id.in_(windows), period.starts_at <= max(last for _, last in windows.values()))
        .where(or_(period.ends_at.is_(None), period.ends_at > min(first for first, _ in windows.values())))
    )
    return {
        row.vehicle_id
        for row in rows
        if row.starts_at <= windows[row.vehicle_id][1]
        and (row.ends_at is None or row.ends_at > windows[row.vehicle_id][0])
    }


def check_assignable(session: Session, vehicle_id: int, driver_id: UUID, at: datetime) -> None:
    """May this vehicle and driver be given a load now? Call it under the vehicle's lock.

    Raises Conflict `vehicle_unavailable`, and as `fleet_documents.service.check_assignable`.
    """
    rules.check_available(periods_at(session, vehicle_id, at), at)
    fleet_documents.check_assignable(session, vehicle_id, driver_id, at)
