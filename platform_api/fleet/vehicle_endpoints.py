"""/api/v1/fleet/vehicles/: a carrier's vehicles."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.fields import Id
from platform_api.fleet import repository, service, vehicles
from platform_api.fleet.models import Vehicle
from platform_api.fleet.vehicle_schemas import VehicleChange, VehicleDetailOut, VehicleIn, VehicleOut
from platform_api.fleet_documents import licences
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.limits.schemas import WarningOut
from platform_api.limits.service import warnings_for
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(
    prefix="/api/v1/fleet/vehicles", tags=["fleet"], responses=errors("not_authenticated", "role_not_allowed")
)

Carrier = Annotated[Actor, Depends(require_role(Role.CARRIER))]
Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]


@router.post(
    "/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        "vehicle_type_not_found",
        "vehicle_type_retired",
        "driver_not_found",
        "plate_taken",
        "invalid_plate",
    ),
)
def add_vehicle(
    body: VehicleIn, session: SessionDep, actor: Carrier, once: OnceDep, now: NowDep
) -> VehicleDetailOut:
    """Register a vehicle of your fleet. `warnings` are what the law says of it; nothing is refused for them."""

    def make() -> VehicleDetailOut:
        vehicle = vehicles.add_vehicle(session, actor, plate=body.plate, values=body.values())
        return _detail(session, vehicle, now)

    return once.run(VehicleDetailOut, make)


@router.get("/")
def list_vehicles(session: SessionDep, actor: Viewer, page: PageDep) -> Page[VehicleOut]:
    """Your vehicles, newest first; an administrator sees all."""
    rows, next_cursor = repository.page_vehicles(session, actor, page)
    return page_of(rows, next_cursor, VehicleOut.model_validate)


@router.get("/{vehicle_id}/", responses=errors("vehicle_not_found"))
def get_vehicle(
    vehicle_id: Id, session: SessionDep, actor: Viewer, now: NowDep, response: Response
) -> VehicleDetailOut:
    """One of your vehicles."""
    vehicle = service.get_vehicle(session, actor, vehicle_id)
    set_etag(response, vehicle.version)
    return _detail(session, vehicle, now)


@router.patch(
    "/{vehicle_id}/",
    responses=errors(
        "vehicle_type_not_found",
        "vehicle_type_retired",
        "invalid_if_match",
        "version_mismatch",
        "vehicle_not_found",
        "driver_not_found",
    ),
)
def change_vehicle(
    vehicle_id: Id,
    body: VehicleChange,
    session: SessionDep,
    actor: Carrier,
    expected: IfMatch,
    now: NowDep,
    response: Response,
) -> VehicleDetailOut:
    """What is left out stays as it is."""
    vehicle = vehicles.change_vehicle(session, actor, vehicle_id, body.changes(), expected=expected)
    set_etag(response, vehicle.version)
    return _detail(session, vehicle, now)


def _detail(session: Session, vehicle: Vehicle, now: datetime) -> VehicleDetailOut:
    found = warnings_for(session, vehicle, None, on=now.date())
    found += licences.warnings_for(session, vehicle, vehicle.driver_id)
    shown = VehicleOut.model_validate(vehicle).model_dump()
    return VehicleDetailOut(**shown, warnings=[WarningOut.model_validate(one) for one in found])
