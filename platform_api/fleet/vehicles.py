"""What a carrier says of its vehicles."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.fleet import rules
from platform_api.fleet.models import Vehicle
from platform_api.fleet.service import check_own_driver, get_vehicle
from platform_api.vehicle_types.service import check_offered
from platform_api.versions import check_version


def add_vehicle(session: Session, actor: Actor, *, plate: str, values: Mapping[str, Any]) -> Vehicle:
    """`values` by column. A plate registered before ends in the unique constraint: Conflict `plate_taken`.

    Raises NotFound `driver_not_found`, `vehicle_type_not_found`, Conflict `vehicle_type_retired`.
    """
    check_own_driver(session, actor, values.get("driver_id"))
    check_offered(session, values.get("type_code"))
    vehicle = Vehicle(carrier_id=actor.carrier_id, plate=rules.normalise_plate(plate), **values)
    session.add(vehicle)
    session.flush()  # the answer shows the id and time that the database gives
    return vehicle


def change_vehicle(
    session: Session, actor: Actor, vehicle_id: int, changes: Mapping[str, Any], *, expected: int | None
) -> Vehicle:
    """Change the columns that are named; None takes a value away, the driver too.

    Raises as `add_vehicle`, and PreconditionFailed `version_mismatch`.
    """
    vehicle = get_vehicle(session, actor, vehicle_id, lock=True)
    check_version(vehicle.version, expected)
    if "driver_id" in changes:
        check_own_driver(session, actor, changes["driver_id"])
    if changes.get("type_code") != vehicle.type_code:
        check_offered(session, changes.get("type_code"))
    for name, value in changes.items():
        setattr(vehicle, name, value)
    vehicle.version += 1
    return vehicle
