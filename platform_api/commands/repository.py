"""Queries over commands. Every list of commands starts from `scoped`. Telemetry's tables are only read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, false, select, text
from sqlalchemy.orm import Session, contains_eager

from platform_api.actor import Actor, Role
from platform_api.commands.models import Command, CommandStep
from platform_api.commands.rules import VehicleNow
from platform_api.fleet.models import Device
from platform_api.pagination import PageQuery, fetch_page

_VEHICLE_NOW = text("SELECT time, speed_kmh, motion, mock FROM vehicle_states WHERE vehicle_id = :vehicle_id")
_VEHICLE_OF = text("""
SELECT vehicle_id FROM device_assignments
WHERE device_id = :device_id AND (valid_from IS NULL OR valid_from <= :now) AND (valid_to IS NULL OR :now < valid_to)
ORDER BY id LIMIT 1
""")
_OPEN_OF = text(
    "SELECT DISTINCT device_id FROM device_commands WHERE device_id = ANY (:device_ids) AND ended_at IS NULL"
)
# What a sweep has to look at: answers whose task was lost, and commands whose time has come.
_NEEDY = text("""
SELECT device_id FROM (
    SELECT r.device_id, r.received_at AS since FROM command_results r WHERE r.handled_at IS NULL
    UNION ALL
    SELECT c.device_id, c.created_at FROM device_commands c JOIN device_presence p ON p.device_id = c.device_id
    WHERE c.ended_at IS NULL AND (
        c.expires_at <= :now
        OR (c.state = 'sent' AND p.last_seen_at >= c.sent_at)
        OR (c.state IN ('queued', 'sent') AND p.state = 'online' AND (c.next_attempt_at IS NULL OR c.next_attempt_at <= :now))
        OR (c.state = 'queued' AND p.state <> 'online' AND coalesce(c.waiting, '') NOT IN ('device_away', 'approval')))
) AS due GROUP BY device_id ORDER BY min(since) LIMIT :row_limit
""")
_UNREAD = text("""
SELECT id, command_id, receipt, ok, text, received_at FROM command_results
WHERE device_id = :device_id AND handled_at IS NULL ORDER BY id FOR UPDATE
""")
_READ = text("UPDATE command_results SET handled_at = :now WHERE id = ANY (:ids)")


@dataclass(frozen=True, slots=True)
class Result:
    """An answer in the inbox. `command_id` is what the device wrote: anything."""

    id: int
    command_id: str | None
    receipt: bool
    ok: bool
    text: str
    received_at: datetime


def _with_device() -> Select[Command]:
    return select(Command).join(Command.device).options(contains_eager(Command.device))


def scoped(actor: Actor) -> Select[Command]:
    """The commands this actor may know of, each with its device."""
    statement = _with_device()
    if actor.is_administrator:
        return statement
    if actor.role is Role.CARRIER:
        return statement.where(Device.carrier_id == actor.carrier_id)
    if actor.role is Role.DRIVER:
        return statement.where(Device.user_id == actor.user_id)
    return statement.where(false())


def page_commands(
    session: Session, actor: Actor, query: PageQuery, *, device_uid: str | None, state: str | None
) -> tuple[list[Command], str | None]:
    statement = scoped(actor)
    if device_uid is not None:
        statement = statement.where(Device.uid == device_uid)
    if state is not None:
        statement = statement.where(Command.state == state)
    return fetch_page(session, statement, (Command.created_at, Command.id), query)


def find_command(session: Session, actor: Actor, command_id: UUID) -> Command | None:
    """As it is now, whatever this session has read of it before."""
    statement = scoped(actor).where(Command.id == command_id)
    return session.scalar(statement.execution_options(populate_existing=True))


def find_by_key(session: Session, created_by: UUID, key: str) -> Command | None:
    return session.scalar(_with_device().where(Command.created_by == created_by, Command.request_key == key))


def page_steps(session: Session, command_id: UUID, query: PageQuery) -> tuple[list[CommandStep], str | None]:
    """Oldest first."""
    statement = select(CommandStep).where(CommandStep.command_id == command_id)
    return fetch_page(session, statement, (CommandStep.id,), query, newest_first=False)


def lock_device(session: Session, device_id: int) -> Device:
    """Whoever changes commands of a device holds this lock, and reads them after it.

    NO KEY: telemetry goes on writing rows that refer to the device.
    """
    return session.scalars(
        select(Device)
        .where(Device.id == device_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def open_commands(session: Session, device_id: int) -> Sequence[Command]:
    """Oldest first, fresh; only under the device's lock do they stay so."""
    statement = (
        _with_device()
        .where(Command.device_id == device_id, Command.ended_at.is_(None))
        .order_by(Command.created_at, Command.id)
    )
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def commands_named(session: Session, device_id: int, ids: Iterable[UUID]) -> dict[UUID, Command]:
    """Of this device alone: nobody answers for another."""
    statement = _with_device().where(Command.device_id == device_id, Command.id.in_(list(ids)))
    rows = session.scalars(statement.execution_options(populate_existing=True))
    return {row.id: row for row in rows}


def vehicle_of(session: Session, device_id: int, now: datetime) -> int | None:
    """The vehicle that the device is in now."""
    vehicle: int | None = session.execute(
        _VEHICLE_OF, {"device_id": device_id, "now": now}
    ).scalar_one_or_none()
    return vehicle


def vehicle_now(session: Session, vehicle_id: int | None) -> VehicleNow | None:
    if vehicle_id is None:
        return None
    row = session.execute(_VEHICLE_NOW, {"vehicle_id": vehicle_id}).one_or_none()
    return None if row is None else VehicleNow(**row._mapping)


def with_open_commands(session: Session, device_ids: Sequence[int]) -> list[int]:
    return sorted(session.scalars(_OPEN_OF, {"device_ids": list(device_ids)}))


def needy_devices(session: Session, now: datetime, limit: int) -> list[int]:
    """Devices with something to do for a sweep, those that waited longest first."""
    return list(session.scalars(_NEEDY, {"now": now, "row_limit": limit}))


def unread_results(session: Session, device_id: int) -> list[Result]:
    return [Result(**row._mapping) for row in session.execute(_UNREAD, {"device_id": device_id})]


def mark_read(session: Session, results: Sequence[Result], now: datetime) -> None:
    if results:
        session.execute(_READ, {"now": now, "ids": [result.id for result in results]})
