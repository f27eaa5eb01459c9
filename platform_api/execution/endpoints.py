"""What the crew confirms on the road, under /api/v1/orders/."""

from uuid import UUID

from fastapi import APIRouter

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.execution import service
from platform_api.execution.schemas import LoadingIn, ProofIn
from platform_api.orders.schemas import OrderOut, shown_order
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/orders", tags=["execution"])


@router.post(
    "/{order_id}/confirm-loading/",
    responses=errors(
        "not_your_load", "order_not_found", "order_not_underway", "time_in_future", "time_before_assignment"
    ),
)
def confirm_loading(
    order_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    body: LoadingIn | None = None,
) -> OrderOut:
    """By the driver or the carrier. Without it, leaving the pickup after a real stay counts as loaded."""
    at = body.time if body else None
    return shown_order(service.confirm_loading(session, actor, order_id, at=at, now=now), actor)


@router.post(
    "/{order_id}/proof-of-delivery/",
    responses=errors(
        "not_your_load",
        "order_not_found",
        "order_not_picked_up",
        "time_in_future",
        "time_before_assignment",
        "time_before_loading",
    ),
)
def proof_of_delivery(
    order_id: UUID, body: ProofIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut:
    """By the driver or the carrier. Taken away from the fence it is flagged in the history, not refused."""
    order = service.proof_of_delivery(session, actor, order_id, body.receipt(), at=body.time, now=now)
    return shown_order(order, actor)
