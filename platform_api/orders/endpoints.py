"""/api/v1/orders/: an order from draft to done, its history."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.orders import repository, service
from platform_api.orders.rules import OrderStatus
from platform_api.orders.schemas import (
    CancelIn,
    HistoryOut,
    OrderIn,
    OrderOut,
    shown_order,
)
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/orders", tags=["orders"], responses=errors(401))

StatusQuery = Annotated[OrderStatus | None, Query()]


@router.post("/", status_code=201, responses=errors(403, 422))
def create(body: OrderIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """A draft that only you see; `post/` opens it for bids."""
    order = service.create_order(
        session,
        actor,
        goods=body.goods,
        weight_kg=body.weight_kg,
        pickup=body.pickup.site(),
        delivery=body.delivery.site(),
        planned_route=body.route(),
        now=now,
    )
    return shown_order(order, actor)


@router.get("/", responses=errors(400))
def list_orders(
    session: SessionDep, actor: CurrentActor, page: PageDep, status: StatusQuery = None
) -> Page[OrderOut]:
    """Yours, newest first; for a carrier also the open ones and those it bid on."""
    rows, cursor = repository.list_orders(session, actor, page, status)
    return page_of(rows, cursor, lambda order: shown_order(order, actor))


@router.get("/{order_id}/", responses=errors(404))
def read(order_id: UUID, session: SessionDep, actor: CurrentActor) -> OrderOut:
    return shown_order(service.get_order(session, actor, order_id), actor)


@router.post("/{order_id}/post/", responses=errors(403, 404, 409))
def post(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    return shown_order(service.post_order(session, actor, order_id, now), actor)


@router.post("/{order_id}/cancel/", responses=errors(403, 404, 409, 422))
def cancel(order_id: UUID, body: CancelIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """Possible until the goods are on the truck."""
    return shown_order(service.cancel_order(session, actor, order_id, reason=body.reason, now=now), actor)


@router.post("/{order_id}/confirm-delivery/", responses=errors(403, 404, 409))
def confirm_delivery(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """By the shipper. After some days of silence the order completes by itself."""
    return shown_order(service.confirm_delivery(session, actor, order_id, now), actor)


@router.get("/{order_id}/history/", responses=errors(400, 404))
def history(order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[HistoryOut]:
    """Oldest first, with the evidence of each change."""
    order = service.get_order(session, actor, order_id)
    party = service.is_party(order, actor)
    rows, cursor = repository.list_history(session, actor, order, page, party=party)
    return page_of(rows, cursor, lambda row: HistoryOut.of(row, party=party, viewer_id=actor.party_id))
