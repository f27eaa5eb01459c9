"""/api/v1/tracking/: where the truck of an order is and was, and which trucks are free nearby."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.pagination import MAX_CURSOR_CHARS, Page
from platform_api.schemas import errors
from platform_api.tracking import presenters, service
from platform_api.tracking.rules import MAX_RADIUS_KM
from platform_api.tracking.schemas import AvailableDriversOut, PingOut, RouteOut

router = APIRouter(prefix="/api/v1/tracking", tags=["tracking"])


@router.get("/orders/{order_id}/pings/", responses=errors("order_not_found"))
def list_pings(
    order_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    from_time: Annotated[
        AwareDatetime | None, Query(alias="from", description="event time, inclusive")
    ] = None,
    to_time: Annotated[AwareDatetime | None, Query(alias="to", description="event time, inclusive")] = None,
    limit: Annotated[int, Query(ge=1, le=service.MAX_PINGS)] = service.DEFAULT_PINGS,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR_CHARS)] = None,
) -> Page[PingOut]:
    """Pings of the order's truck while it was on this order, in event time, tracker and phone alike."""
    page = service.list_pings(
        session, actor, order_id, from_time=from_time, to_time=to_time, limit=limit, cursor=cursor, now=now
    )
    return Page(
        items=[PingOut.model_validate(presenters.ping_json(row, page.kinds)) for row in page.rows],
        next_cursor=page.next_cursor,
    )


@router.get("/orders/{order_id}/route/", responses=errors("order_not_found"))
def show_route(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> RouteOut:
    """Planned and driven way as GeoJSON."""
    return presenters.route_out(service.trace_route(session, actor, order_id, now=now))


@router.get("/available-drivers/", responses=errors("role_not_allowed"))
def list_available_drivers(
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False)],
    lng: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)],
    radius_km: Annotated[float, Query(gt=0, le=MAX_RADIUS_KM, allow_inf_nan=False)] = 50.0,
) -> AvailableDriversOut:
    """Free trucks with a driver and a fresh position, nearest first. A carrier sees its own."""
    found = service.find_nearby_drivers(session, actor, lat=lat, lon=lng, radius_km=radius_km, now=now)
    return AvailableDriversOut(items=[presenters.driver_out(driver) for driver in found])
