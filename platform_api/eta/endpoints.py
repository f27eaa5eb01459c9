"""/api/v1/orders/<id>/eta/."""

from uuid import UUID

from fastapi import APIRouter

from platform_api.deps import CurrentActor, SessionDep
from platform_api.errors import NotFound
from platform_api.eta import service
from platform_api.eta.schemas import EtaOut
from platform_api.schemas import errors
from platform_api.tracking import service as tracking

router = APIRouter(prefix="/api/v1/orders", tags=["orders"], responses=errors("not_authenticated"))


@router.get("/{order_id}/eta/", responses=errors("order_not_found", "eta_not_found"))
def read_eta(order_id: UUID, session: SessionDep, actor: CurrentActor) -> EtaOut:
    """When the goods will be there, as of the truck's last position. For the order's parties."""
    order = tracking.find_order(session, actor, order_id)
    row = service.current(session, order_id, order.vehicle_id)
    if row is None:
        raise NotFound("eta_not_found", "Nothing can be said of the arrival yet.")
    return EtaOut(
        order_id=order_id,
        eta_at=row.eta_at,
        low_at=row.low_at,
        high_at=row.high_at,
        method="plan" if row.method == "plan" else "straight_line",
        remaining_m=round(row.remaining_m),
        speed_kmh=round(row.speed_kmh, 1),
        stops_left=row.stops_left,
        position_time=row.position_time,
        computed_at=row.computed_at,
        late=row.late_since is not None,
        arrived_at=order.arrived_delivery_at,
    )
