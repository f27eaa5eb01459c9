"""/api/v1/fleet/devices/{uid}/presence/: whether a device is connected, and what it says of itself."""

from typing import Annotated

from fastapi import APIRouter, Depends

from platform_api.actor import Actor, Role
from platform_api.deps import SessionDep, require_role
from platform_api.fleet import service as fleet
from platform_api.pagination import Page, PageDep, page_of
from platform_api.presence import repository
from platform_api.presence.schemas import PresenceChangeOut, PresenceOut
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/fleet/devices", tags=["fleet"])

Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.DRIVER, Role.ADMINISTRATOR))]


@router.get("/{uid}/presence/", responses=errors("device_not_found"))
def show_presence(uid: str, session: SessionDep, actor: Viewer) -> PresenceOut:
    """Whether the device is connected, since when, and what it says of itself."""
    device = fleet.get_device(session, actor, uid)
    return PresenceOut.of(device.uid, repository.presence_of(session, device.id))


@router.get("/{uid}/presence/changes/", responses=errors("device_not_found"))
def list_changes(uid: str, session: SessionDep, actor: Viewer, page: PageDep) -> Page[PresenceChangeOut]:
    """Newest first."""
    device = fleet.get_device(session, actor, uid)
    rows, cursor = repository.page_changes(session, device.id, page)
    return page_of(rows, cursor, PresenceChangeOut.of)
