"""Which licence is good for which vehicle, for people to be warned; nothing is refused for it."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.fleet.models import Vehicle
from platform_api.fleet_documents import rules
from platform_api.fleet_documents.models import FleetDocument, FleetDocumentKind
from platform_api.fleet_documents.rules import LicenceClass
from platform_api.limits.rules import Warning


def classes_of(session: Session, driver_ids: Iterable[UUID]) -> dict[UUID, set[LicenceClass]]:
    """By driver what their current licences name, in one query; who is left out has never said."""
    wanted = set(driver_ids)
    statement = (
        select(FleetDocument.driver_id, FleetDocument.licence_classes)
        .join(FleetDocumentKind, FleetDocumentKind.code == FleetDocument.kind)
        .where(FleetDocumentKind.is_licence, FleetDocument.ended_at.is_(None))
        .where(FleetDocument.driver_id.in_(wanted))
    )
    found: dict[UUID, set[LicenceClass]] = {}
    for driver_id, classes in session.execute(statement) if wanted else ():
        if driver_id is not None and classes:
            found.setdefault(driver_id, set()).update(LicenceClass(one) for one in classes)
    return found


def truck_of(vehicle: Vehicle) -> rules.Truck:
    """What a licence must be good for. Without a PTAC the load alone may say that it is heavy."""
    gross_kg = vehicle.ptac_kg
    if gross_kg is None and (vehicle.capacity_kg or 0) > rules.LIGHT_MAX_KG:
        gross_kg = vehicle.capacity_kg
    trailer = (vehicle.axle_configuration or "").startswith(("ARTICULATED", "ROAD_TRAIN"))
    return rules.Truck(gross_kg, trailer)


def warnings_of(classes: Collection[LicenceClass] | None, vehicle: Vehicle) -> list[Warning]:
    """`licence_class_unfit` when these classes do not fit the vehicle; None = they were never said."""
    truck = truck_of(vehicle)
    needed = rules.class_needed(truck)
    if classes is None or needed is None or rules.may_drive(classes, truck):
        return []
    return [
        Warning(
            "licence_class_unfit",
            f"Le permis du chauffeur ne couvre pas ce véhicule : il faut la catégorie {needed}.",
            f"The driver's licence does not cover this vehicle: class {needed} is needed.",
            None,
            None,
        )
    ]


def warnings_for(session: Session, vehicle: Vehicle, driver_id: UUID | None) -> list[Warning]:
    """About a vehicle and who drives it; without a driver none."""
    if driver_id is None:
        return []
    return warnings_of(classes_of(session, [driver_id]).get(driver_id), vehicle)
