"""/api/v1/incidents/: what happened on the road."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.files import service as files
from platform_api.files.rules import IMAGES
from platform_api.idempotency.once import OnceDep
from platform_api.incidents import service
from platform_api.incidents.schemas import CloseIn, IncidentIn, IncidentOut
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])


@router.post(
    "/",
    status_code=201,
    responses=errors(
        "role_not_allowed",
        "driver_without_carrier",
        "order_not_found",
        "vehicle_not_found",
        "file_not_found",
        "file_type_not_allowed",
        "incident_id_taken",
        "time_in_future",
        "incident_too_old",
    ),
)
def report(
    body: IncidentIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> IncidentOut:
    """By a driver or carrier, also later from a phone that was offline. Whoever waits for the goods is told."""
    return once.run(
        IncidentOut, lambda: IncidentOut.of(service.report(session, actor, body.report(), now=now))
    )


@router.get("/")
def list_incidents(
    session: SessionDep,
    actor: CurrentActor,
    page: PageDep,
    order_id: Annotated[UUID | None, Query()] = None,
    is_open: Annotated[bool | None, Query(alias="open", description="true: not closed yet")] = None,
) -> Page[IncidentOut]:
    """A carrier's own, a driver's reports, those of a shipper's orders; newest first."""
    rows, cursor = service.page(session, actor, page, order_id=order_id, is_open=is_open)
    return page_of(rows, cursor, IncidentOut.of)


@router.get("/{incident_id}/", responses=errors("incident_not_found"))
def read(incident_id: UUID, session: SessionDep, actor: CurrentActor) -> IncidentOut:
    """One that concerns you."""
    return IncidentOut.of(service.read(session, actor, incident_id))


@router.post(
    "/{incident_id}/close/",
    responses=errors("incident_not_found", "role_not_allowed", "driver_without_carrier"),
)
def close(
    incident_id: UUID, body: CloseIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> IncidentOut:
    """It is over; by the carrier or who reported it."""
    return IncidentOut.of(service.close(session, actor, incident_id, note=body.note, now=now))


@router.get(
    "/{incident_id}/files/{file_id}/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {} for kind in sorted(IMAGES)}, "description": "The photo"},
        **errors("incident_not_found", "file_not_found"),
    },
)
def read_file(incident_id: UUID, file_id: UUID, session: SessionDep, actor: CurrentActor) -> FileResponse:
    """A photo of the report."""
    return files.content_response(service.file_of(session, actor, incident_id, file_id))
