"""/api/v1/fleet/vehicles/: a carrier's vehicles."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from platform_api.actor import Actor, Role
from platform_api.deps import SessionDep, require_role
from platform_api.fields import Id
from platform_api.fleet import repository, service, vehicles
from platform_api.fleet.vehicle_schemas import VehicleChange, VehicleIn, VehicleOut
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
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
def add_vehicle(body: VehicleIn, session: SessionDep, actor: Carrier, once: OnceDep) -> VehicleOut:
    """Register a vehicle of your fleet."""
    return once.run(
        VehicleOut,
        lambda: VehicleOut.model_validate(
            vehicles.add_vehicle(session, actor, plate=body.plate, values=body.values())
        ),
    )


@router.get("/")
def list_vehicles(session: SessionDep, actor: Viewer, page: PageDep) -> Page[VehicleOut]:
    """Your vehicles, newest first; an administrator sees all."""
    rows, next_cursor = repository.page_vehicles(session, actor, page)
    return page_of(rows, next_cursor, VehicleOut.model_validate)


@router.get("/{vehicle_id}/", responses=errors("vehicle_not_found"))
def get_vehicle(vehicle_id: Id, session: SessionDep, actor: Viewer, response: Response) -> VehicleOut:
    """One of your vehicles."""
    vehicle = service.get_vehicle(session, actor, vehicle_id)
    set_etag(response, vehicle.version)
    return VehicleOut.model_validate(vehicle)


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
    response: Response,
) -> VehicleOut:
    """What is left out stays as it is."""
    vehicle = vehicles.change_vehicle(session, actor, vehicle_id, body.changes(), expected=expected)
    set_etag(response, vehicle.version)
    return VehicleOut.model_validate(vehicle)
