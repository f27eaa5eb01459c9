"""/api/v1/geofence-groups/."""

from fastapi import APIRouter, Response

from platform_api.deps import NowDep, SessionDep
from platform_api.fields import Id
from platform_api.geofences import changing
from platform_api.geofences.endpoints import Drawer
from platform_api.geofences.schemas import GroupIn, GroupOut
from platform_api.idempotency.once import OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1/geofence-groups", tags=["geofences"])


@router.post("/", status_code=201, responses=errors("group_name_taken", "too_many_groups"))
def create_group(body: GroupIn, session: SessionDep, actor: Drawer, now: NowDep, once: OnceDep) -> GroupOut:
    """Geofences under one name, for rules about all of them."""
    return once.run(
        GroupOut,
        lambda: GroupOut.model_validate(changing.create_group(session, actor, name=body.name, now=now)),
    )


@router.get("/")
def list_groups(session: SessionDep, actor: Drawer, page: PageDep) -> Page[GroupOut]:
    """Newest first."""
    rows, cursor = changing.page_groups(session, actor, page)
    return page_of(rows, cursor, GroupOut.model_validate)


@router.patch("/{group_id}/", responses=errors("geofence_group_not_found", "group_name_taken"))
def rename_group(
    group_id: Id, body: GroupIn, session: SessionDep, actor: Drawer, expected: IfMatch, response: Response
) -> GroupOut:
    """Give it another name."""
    group = changing.rename_group(session, actor, group_id, name=body.name, expected=expected)
    set_etag(response, group.version)
    return GroupOut.model_validate(group)


@router.delete(
    "/{group_id}/", status_code=204, response_class=Response, responses=errors("geofence_group_not_found")
)
def remove_group(group_id: Id, session: SessionDep, actor: Drawer, now: NowDep) -> None:
    """Its geofences stay, without a group; rules about it end."""
    changing.remove_group(session, actor, group_id, now=now)
