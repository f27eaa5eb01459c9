"""/api/v1/fleet/vehicles/{id}/unavailability/: when a vehicle cannot be had."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from platform_api.actor import Actor, Role
from platform_api.availability import service
from platform_api.availability.schemas import PeriodChange, PeriodIn, PeriodOut
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.fields import Id
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(
    prefix="/api/v1/fleet/vehicles/{vehicle_id}/unavailability",
    tags=["fleet"],
    responses=errors("not_authenticated", "role_not_allowed", "vehicle_not_found"),
)

Carrier = Annotated[Actor, Depends(require_role(Role.CARRIER))]
Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.ADMINISTRATOR))]


@router.post("/", status_code=201, responses=errors(*IDEMPOTENCY_ERRORS, "unavailability_backwards"))
def add_period(
    vehicle_id: Id, body: PeriodIn, session: SessionDep, actor: Carrier, now: NowDep, once: OnceDep
) -> PeriodOut:
    """Maintenance, a breakdown: no bid with this vehicle is accepted meanwhile, and nobody finds it nearby."""

    def make() -> PeriodOut:
        row = service.add_period(
            session,
            actor,
            vehicle_id,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            reason=body.reason,
            note=body.note,
            now=now,
        )
        return PeriodOut.model_validate(row)

    return once.run(PeriodOut, make)


@router.get("/", responses=errors("invalid_cursor"))
def list_periods(
    vehicle_id: Id,
    session: SessionDep,
    actor: Viewer,
    page: PageDep,
    since: Annotated[AwareDatetime | None, Query(description="those that last beyond it")] = None,
) -> Page[PeriodOut]:
    """The latest first."""
    rows, cursor = service.page_periods(session, actor, vehicle_id, page, since=since)
    return page_of(rows, cursor, PeriodOut.model_validate)


@router.patch(
    "/{period_id}/",
    responses=errors(
        "vehicle_not_found",
        "unavailability_not_found",
        "unavailability_backwards",
        "invalid_if_match",
        "version_mismatch",
    ),
)
def change_period(
    vehicle_id: Id,
    period_id: UUID,
    body: PeriodChange,
    session: SessionDep,
    actor: Carrier,
    expected: IfMatch,
    response: Response,
) -> PeriodOut:
    """Such as its end, when the truck is back."""
    row = service.change_period(session, actor, vehicle_id, period_id, body.changes(), expected=expected)
    set_etag(response, row.version)
    return PeriodOut.model_validate(row)


@router.delete(
    "/{period_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("vehicle_not_found", "unavailability_not_found"),
)
def drop_period(vehicle_id: Id, period_id: UUID, session: SessionDep, actor: Carrier) -> None:
    """It will not be."""
    service.drop_period(session, actor, vehicle_id, period_id)
