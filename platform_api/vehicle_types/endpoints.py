"""/api/v1/fleet/vehicle-types/: what trucks there are in Senegal, in French and English."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from platform_api.deps import CurrentActor, SessionDep
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.schemas import errors
from platform_api.vehicle_types import service
from platform_api.vehicle_types.schemas import (
    VehicleTypeChange,
    VehicleTypeIn,
    VehicleTypeOut,
    VehicleTypesOut,
)
from platform_api.versions import IfMatch, set_etag

router = APIRouter(
    prefix="/api/v1/fleet/vehicle-types", tags=["fleet"], responses=errors("not_authenticated")
)

Code = Annotated[str, Path(max_length=32)]


@router.get("/")
def list_vehicle_types(
    session: SessionDep,
    _actor: CurrentActor,
    retired: Annotated[bool, Query(description="also those that are no longer offered")] = False,
) -> VehicleTypesOut:
    """The whole catalogue, in the order to show it in."""
    rows = service.list_types(session, retired=retired)
    return VehicleTypesOut(items=[VehicleTypeOut.model_validate(row) for row in rows])


@router.get("/{code}/", responses=errors("vehicle_type_not_found"))
def get_vehicle_type(
    code: Code, session: SessionDep, _actor: CurrentActor, response: Response
) -> VehicleTypeOut:
    """One type of the catalogue."""
    row = service.find_type(session, code)
    set_etag(response, row.version)
    return VehicleTypeOut.model_validate(row)


@router.post(
    "/",
    status_code=201,
    responses=errors(*IDEMPOTENCY_ERRORS, "role_not_allowed", "vehicle_type_taken", "invalid_size_range"),
)
def add_vehicle_type(
    body: VehicleTypeIn, session: SessionDep, actor: CurrentActor, once: OnceDep
) -> VehicleTypeOut:
    """For administrators."""

    def make() -> VehicleTypeOut:
        values = body.model_dump(exclude={"code"})
        return VehicleTypeOut.model_validate(service.add_type(session, actor, body.code, values))

    return once.run(VehicleTypeOut, make)


@router.patch(
    "/{code}/",
    responses=errors(
        "role_not_allowed",
        "vehicle_type_not_found",
        "invalid_if_match",
        "version_mismatch",
        "invalid_size_range",
    ),
)
def change_vehicle_type(
    code: Code,
    body: VehicleTypeChange,
    session: SessionDep,
    actor: CurrentActor,
    expected: IfMatch,
    response: Response,
) -> VehicleTypeOut:
    """For administrators. Vehicles keep a type that is no longer offered."""
    changes = body.model_dump(exclude_unset=True)
    row = service.change_type(session, actor, code, changes, expected=expected)
    set_etag(response, row.version)
    return VehicleTypeOut.model_validate(row)
