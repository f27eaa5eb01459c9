"""/api/v1/orders/<id>/bids/: what carriers ask for an order, and whom its shipper takes."""

from uuid import UUID

from fastapi import APIRouter

from platform_api.bids import repository, service
from platform_api.bids.schemas import AcceptBidIn, BidIn, BidOut
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.fleet_documents.service import ASSIGNABLE_ERRORS
from platform_api.orders import service as orders
from platform_api.orders.schemas import OrderOut, shown_order
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/orders", tags=["market"])


@router.get("/{order_id}/bids/", responses=errors("order_not_found"))
def list_bids(order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[BidOut]:
    """Bids are sealed: the shipper sees all, a carrier its own."""
    order = orders.get_order(session, actor, order_id)
    rows, cursor = repository.list_bids(session, order_id, page, only_of=orders.sees_bids_of(order, actor))
    return page_of(rows, cursor, BidOut.of)


@router.post(
    "/{order_id}/bids/",
    status_code=201,
    responses=errors(
        "role_not_allowed",
        "order_not_found",
        "vehicle_not_found",
        "driver_not_found",
        "order_not_open",
        "bid_exists",
        "invalid_amount",
    ),
)
def bid(order_id: UUID, body: BidIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> BidOut:
    """Offer a vehicle of yours for an amount. One open bid an order."""
    placed = service.place_bid(
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


@router.post(
    "/{order_id}/bids/{bid_id}/withdraw/",
    responses=errors("order_not_found", "bid_not_found", "bid_not_open"),
)
def withdraw(order_id: UUID, bid_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> BidOut:
    """Take your open bid back. Again is harmless."""
    return BidOut.of(service.withdraw_bid(session, actor, order_id, bid_id, now))


@router.post(
    "/{order_id}/accept-bid/",
    responses=errors(
        "not_your_order",
        "order_not_found",
        "bid_not_found",
        "order_not_open",
        "bid_not_open",
        "bid_expired",
        "vehicle_gone",
        "vehicle_busy",
        "vehicle_without_driver",
        *ASSIGNABLE_ERRORS,
    ),
)
def accept_bid(
    order_id: UUID, body: AcceptBidIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut:
    """Assigns the order to the bid's vehicle and driver. The same call again answers the same."""
    return shown_order(service.accept_bid(session, actor, order_id, body.bid_id, now), actor)
