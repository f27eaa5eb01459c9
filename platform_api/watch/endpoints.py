"""/api/v1/orders/<id>/route-events/."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.privacy import access
from platform_api.privacy.access import Access
from platform_api.schemas import errors
from platform_api.tracking import service as tracking
from platform_api.watch import repository
from platform_api.watch.schemas import RouteEventOut

router = APIRouter(prefix="/api/v1/orders", tags=["orders"], responses=errors("not_authenticated"))


@router.get("/{order_id}/route-events/", responses=errors(400, "order_not_found"))
def list_route_events(
    order_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    page: PageDep,
    withdrawn: Annotated[
        bool, Query(description="also what did not happen, as later positions show")
    ] = False,
) -> Page[RouteEventOut]:
    """Deviations from the planned way and unplanned stops, newest first, with their evidence. For the order's parties."""
    order = tracking.find_order(session, actor, order_id)
    access.note_read(session, actor, order.driver_id, Access.ROUTE_READ, order_id, now=now)
    rows, cursor = repository.page_events(session, order_id, page, withdrawn=withdrawn)
    return page_of(rows, cursor, RouteEventOut.model_validate)
