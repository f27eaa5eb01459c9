"""/api/v1/fleet/retention/: how long a fleet's telemetry is kept."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.retention import service
from platform_api.retention.schemas import RetentionIn, RetentionOut
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/fleet/retention", tags=["fleet"])

CarrierId = Annotated[
    UUID | None, Query(description="for administrators; left out = the default of the platform")
]


@router.get("/", responses=errors("role_not_allowed", "carrier_not_found"))
def show_retention(session: SessionDep, actor: CurrentActor, carrier_id: CarrierId = None) -> RetentionOut:
    """How long which data is kept."""
    return RetentionOut.of(service.show_policy(session, actor, carrier_id))


@router.put(
    "/",
    responses=errors(
        "role_not_allowed",
        "carrier_not_found",
        "retention_too_short",
        "retention_too_long",
        "retention_order",
        "thinning",
    ),
)
def set_retention(
    body: RetentionIn, session: SessionDep, actor: CurrentActor, now: NowDep, carrier_id: CarrierId = None
) -> RetentionOut:
    """Followed within minutes. What was deleted does not come back with a longer one."""
    return RetentionOut.of(service.set_policy(session, actor, carrier_id, body.policy(), now=now))


@router.delete("/", responses=errors("role_not_allowed", "carrier_not_found"))
def reset_retention(session: SessionDep, actor: CurrentActor, carrier_id: CarrierId = None) -> RetentionOut:
    """Back to the default of the platform."""
    return RetentionOut.of(service.reset_policy(session, actor, carrier_id))
