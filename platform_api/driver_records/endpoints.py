"""/api/v1/fleet/drivers/<id>/: a driver, his licence, papers, vehicles and orders."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from platform_api.actor import Actor, Role
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.driver_records import service
from platform_api.driver_records.schemas import DriverRecordOut
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/fleet", tags=["fleet"], responses=errors("not_authenticated"))

Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.DRIVER, Role.ADMINISTRATOR))]


@router.get("/drivers/{driver_id}/", responses=errors("role_not_allowed", "driver_not_found"))
def get_driver(driver_id: UUID, session: SessionDep, actor: Viewer, now: NowDep) -> DriverRecordOut:
    """One of your drivers; a driver sees himself."""
    return DriverRecordOut.of_record(service.record_of(session, actor, driver_id), now.date())
