"""The catalogue of vehicle types: read by everybody, edited by administrators."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.errors import Conflict, NotFound
from platform_api.vehicle_types import rules
from platform_api.vehicle_types.models import VehicleType
from platform_api.versions import check_version


def list_types(session: Session, *, retired: bool = False) -> Sequence[VehicleType]:
    """In the order that people are shown; with `retired` also those that no new vehicle may have."""
    statement = select(VehicleType).order_by(VehicleType.position, VehicleType.code)
    if not retired:
        statement = statement.where(VehicleType.active)
    return session.scalars(statement).all()


def find_type(session: Session, code: str, *, lock: bool = False) -> VehicleType:
    """Raises NotFound `vehicle_type_not_found`."""
    statement = select(VehicleType).where(VehicleType.code == code)
    row = session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound("vehicle_type_not_found", "There is no such vehicle type.")
    return row


def check_offered(session: Session, code: str | None) -> None:
    """May a vehicle be given this type? Raises NotFound `vehicle_type_not_found`, Conflict `vehicle_type_retired`."""
    if code is not None and not find_type(session, code).active:
        raise Conflict("vehicle_type_retired", "This vehicle type is no longer offered.")


def add_type(session: Session, actor: Actor, code: str, values: Mapping[str, Any]) -> VehicleType:
    """`values` by column. A taken code ends in the primary key: Conflict `vehicle_type_taken`."""
    rules.check_edits(actor)
    row = VehicleType(code=code, **values)
    _check(row)
    session.add(row)
    session.flush()
    return row


def change_type(
    session: Session, actor: Actor, code: str, changes: Mapping[str, Any], *, expected: int | None
) -> VehicleType:
    """Change the columns that are named; raises PreconditionFailed `version_mismatch`."""
    rules.check_edits(actor)
    row = find_type(session, code, lock=True)
    check_version(row.version, expected)
    for name, value in changes.items():
        setattr(row, name, value)
    _check(row)
    row.version += 1
    return row


def _check(row: VehicleType) -> None:
    rules.check_range(row.min_capacity_kg, row.max_capacity_kg)
    rules.check_range(row.min_volume_m3, row.max_volume_m3)
