"""/api/v1/geofences/."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from geofence.errors import CODES as FENCE_CODES
from platform_api.actor import Actor, Role
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.fields import Id
from platform_api.geofences import repository, service
from platform_api.geofences.schemas import GeofenceIn, GeofenceOut
from platform_api.idempotency.once import OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/geofences", tags=["geofences"])

Drawer = Annotated[Actor, Depends(require_role(Role.SHIPPER, Role.CARRIER, Role.ADMINISTRATOR))]


@router.post(
    "/",
    status_code=201,
    responses=errors("vehicle_not_yours", "vehicle_not_found", "invalid_period", *FENCE_CODES),
)
def draw_geofence(
    body: GeofenceIn, session: SessionDep, actor: Drawer, now: NowDep, once: OnceDep
) -> GeofenceOut:
    """An area to watch. `hint` says so when the coordinates look swapped."""

    def make() -> GeofenceOut:
        geofence = service.draw_geofence(
            session,
            actor,
            name=body.name,
            shape=body.shape,
            settings=body.settings,
            vehicle_id=body.vehicle_id,
            valid_from=body.valid_from,
            valid_until=body.valid_until,
            now=now,
        )
        return GeofenceOut.with_hint(geofence)

    return once.run(GeofenceOut, make)


@router.get("/")
def list_geofences(session: SessionDep, actor: Drawer, page: PageDep) -> Page[GeofenceOut]:
    """Newest first, without the retired ones."""
    rows, next_cursor = repository.page_geofences(session, actor, page)
    return page_of(rows, next_cursor, GeofenceOut.of)


@router.get("/{geofence_id}/", responses=errors("geofence_not_found"))
def get_geofence(geofence_id: Id, session: SessionDep, actor: Drawer) -> GeofenceOut:
    """One of yours."""
    return GeofenceOut.of(service.get_geofence(session, actor, geofence_id))


@router.delete(
    "/{geofence_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("geofence_not_found", "geofence_in_use"),
)
def retire_geofence(geofence_id: Id, session: SessionDep, actor: Drawer, now: NowDep) -> None:
    """It judges nothing any more; visits already recorded stay."""
    service.retire_geofence(session, actor, geofence_id, now=now)
