"""/api/v1/orders/: an order from draft to done, its bids and its history."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from platform_api.actor import Actor
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.orders import bids, repository, service
from platform_api.orders.models import Order
from platform_api.orders.rules import OrderStatus
from platform_api.orders.schemas import (
    AcceptBidIn,
    BidIn,
    BidOut,
    CancelIn,
    HistoryOut,
    OrderIn,
    OrderOut,
)
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/orders", tags=["orders"], responses=errors(401))

StatusQuery = Annotated[OrderStatus | None, Query()]


def _shown(order: Order, actor: Actor) -> OrderOut:
    return OrderOut.of(order, party=service.is_party(order, actor))


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
    return _shown(order, actor)


@router.get("/", responses=errors(400))
def list_orders(
    session: SessionDep, actor: CurrentActor, page: PageDep, status: StatusQuery = None
) -> Page[OrderOut]:
    """Yours, newest first; for a carrier also the open ones and those it bid on."""
    rows, cursor = repository.list_orders(session, actor, page, status)
    return page_of(rows, cursor, lambda order: _shown(order, actor))


@router.get("/{order_id}/", responses=errors(404))
def read(order_id: UUID, session: SessionDep, actor: CurrentActor) -> OrderOut:
    return _shown(service.get_order(session, actor, order_id), actor)


@router.post("/{order_id}/post/", responses=errors(403, 404, 409))
def post(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    return _shown(service.post_order(session, actor, order_id, now), actor)


@router.get("/{order_id}/bids/", responses=errors(400, 404))
def list_bids(order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[BidOut]:
    """Bids are sealed: the shipper sees all, a carrier its own."""
    order = service.get_order(session, actor, order_id)
    rows, cursor = repository.list_bids(session, order_id, page, only_of=service.sees_bids_of(order, actor))
    return page_of(rows, cursor, BidOut.of)


@router.post("/{order_id}/bids/", status_code=201, responses=errors(403, 404, 409, 422))
def bid(order_id: UUID, body: BidIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> BidOut:
    placed = bids.place_bid(
        session,
        actor,
        order_id,
        vehicle_id=body.vehicle_id,
        driver_id=body.driver_id,
        amount_xof=body.amount_xof,
        message=body.message,
        now=now,
    )
    return BidOut.of(placed)


@router.post("/{order_id}/bids/{bid_id}/withdraw/", responses=errors(404, 409))
def withdraw(order_id: UUID, bid_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> BidOut:
    return BidOut.of(bids.withdraw_bid(session, actor, order_id, bid_id, now))


@router.post("/{order_id}/accept-bid/", responses=errors(403, 404, 409, 422))
def accept_bid(
    order_id: UUID, body: AcceptBidIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut:
    """Assigns the order to the bid's vehicle and driver. The same call again answers the same."""
    return _shown(bids.accept_bid(session, actor, order_id, body.bid_id, now), actor)


@router.post("/{order_id}/cancel/", responses=errors(403, 404, 409, 422))
def cancel(order_id: UUID, body: CancelIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """Possible until the goods are on the truck."""
    return _shown(service.cancel_order(session, actor, order_id, reason=body.reason, now=now), actor)


@router.post("/{order_id}/confirm-delivery/", responses=errors(403, 404, 409))
def confirm_delivery(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """By the shipper. After some days of silence the order completes by itself."""
    return _shown(service.confirm_delivery(session, actor, order_id, now), actor)


@router.get("/{order_id}/history/", responses=errors(400, 404))
def history(order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[HistoryOut]:
    """Oldest first, with the evidence of each change."""
    order = service.get_order(session, actor, order_id)
    party = service.is_party(order, actor)
    rows, cursor = repository.list_history(session, actor, order, page, party=party)
    return page_of(rows, cursor, lambda row: HistoryOut.of(row, party=party, viewer_id=actor.user_id))
