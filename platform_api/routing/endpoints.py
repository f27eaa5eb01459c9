"""/api/v1/orders/<id>/plan/."""

from uuid import UUID

from fastapi import APIRouter

from platform_api.deps import CurrentActor, SessionDep
from platform_api.routing import service
from platform_api.routing.schemas import PlanOut
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/orders", tags=["orders"], responses=errors("not_authenticated"))


@router.get("/{order_id}/plan/", responses=errors("order_not_found", "plan_not_found"))
def read_plan(order_id: UUID, session: SessionDep, actor: CurrentActor) -> PlanOut:
    """The planned way, its length and time. Made within moments of posting, and anew for the truck that got the order."""
    return PlanOut.of(service.get_plan(session, actor, order_id))
