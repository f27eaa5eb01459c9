"""Queries over vehicles, drivers and devices; each starts from what the actor may see."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Select, false, select, text, update
from sqlalchemy.orm import Session, selectinload

from platform_api.accounts.models import User
from platform_api.actor import Actor, Role
from platform_api.fleet.models import Device, DeviceAssignment, DirtyVehicle, Vehicle
from platform_api.pagination import PageQuery, fetch_page


def driver_connection(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection under the session's transaction, for `brokers.credentials`."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def _visible_vehicles(actor: Actor) -> Select[Vehicle]:
    statement = select(Vehicle)
    if actor.is_administrator:
        return statement
    if actor.role is Role.CARRIER:
        return statement.where(Vehicle.carrier_id == actor.carrier_id)
    return statement.where(false())


def _visible_devices(actor: Actor) -> Select[Device]:
    statement = select(Device)
    if actor.is_administrator:
        return statement
    if actor.role is Role.CARRIER:
        return statement.where(Device.carrier_id == actor.carrier_id)
    if actor.role is Role.DRIVER:
        return statement.where(Device.user_id == actor.user_id)
    return statement.where(false())


def find_vehicle(session: Session, actor: Actor, vehicle_id: int, *, lock: bool = False) -> Vehicle | None:
    statement = _visible_vehicles(actor).where(Vehicle.id == vehicle_id)
    return session.scalar(statement.with_for_update() if lock else statement)


def page_vehicles(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Vehicle], str | None]:
    return fetch_page(session, _visible_vehicles(actor), [Vehicle.id], query)


def find_device(session: Session, actor: Actor, uid: str) -> Device | None:
    """With its assignments."""
    return session.scalar(
        _visible_devices(actor).where(Device.uid == uid).options(selectinload(Device.assignments))
    )


def lock_device(session: Session, actor: Actor, uid: str) -> Device | None:
    """Everyone who changes a device's assignments holds this lock, so that spans read after it are current."""
    return session.scalar(_visible_devices(actor).where(Device.uid == uid).with_for_update())


def page_devices(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Device], str | None]:
    statement = _visible_devices(actor).options(selectinload(Device.assignments))
    return fetch_page(session, statement, [Device.id], query)


def assignments_of(session: Session, device_id: int) -> list[DeviceAssignment]:
    return list(
        session.scalars(
            select(DeviceAssignment)
            .where(DeviceAssignment.device_id == device_id)
            .order_by(DeviceAssignment.id)
        )
    )


def find_driver(
    session: Session, carrier_id: UUID | None, driver_id: UUID, *, lock: bool = False
) -> User | None:
    statement = select(User).where(
        User.id == driver_id, User.role == Role.DRIVER.value, User.carrier_id == carrier_id
    )
    return session.scalar(statement.with_for_update() if lock else statement)


def page_drivers(session: Session, actor: Actor, query: PageQuery) -> tuple[list[User], str | None]:
    statement = select(User).where(User.role == Role.DRIVER.value)
    if not actor.is_administrator:
        statement = statement.where(User.carrier_id == actor.carrier_id)
    return fetch_page(session, statement, [User.created_at, User.id], query)


def forget_driver(session: Session, driver_id: UUID) -> None:
    """Take a driver off the vehicles and phones of the carrier he leaves.

    His phones are shut out: they may be in his pocket, and nobody's phone is followed at all times.
    """
    session.execute(
        update(Vehicle)
        .where(Vehicle.driver_id == driver_id)
        .values(driver_id=None, version=Vehicle.version + 1)
    )
    session.execute(
        text(
            "UPDATE mqtt_credentials SET disabled = true"
            " WHERE device_id IN (SELECT id FROM devices WHERE user_id = :driver_id)"
        ),
        {"driver_id": driver_id},
    )
    session.execute(update(Device).where(Device.user_id == driver_id).values(user_id=None, disabled=True))


def enable_credentials(session: Session, device_id: int) -> None:
    session.execute(
        text("UPDATE mqtt_credentials SET disabled = false WHERE device_id = :device_id"),
        {"device_id": device_id},
    )


def mark_dirty(
    session: Session, vehicle_ids: Iterable[int], *, from_time: datetime | None, reason: str
) -> None:
    """Have ingest fold these vehicles again from `from_time` (None = from the first ping)."""
    session.add_all(
        DirtyVehicle(vehicle_id=vehicle_id, from_time=from_time, reason=reason) for vehicle_id in vehicle_ids
    )
