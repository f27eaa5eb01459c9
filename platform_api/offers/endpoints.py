"""/api/v1/orders/<id>/offers/ and /api/v1/offers/: an order offered to a chosen carrier."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from platform_api.bids.endpoints import ASSIGNING
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.idempotency.once import OnceDep
from platform_api.offers import service
from platform_api.offers.rules import OfferStatus
from platform_api.offers.schemas import OfferAcceptIn, OfferDeclineIn, OfferIn, OfferOut
from platform_api.orders.schemas import OrderOut, shown_order
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1", tags=["market"])

StatusQuery = Annotated[OfferStatus | None, Query()]


@router.post(
    "/orders/{order_id}/offers/",
    status_code=201,
    responses=errors(
        "not_your_order", "not_verified", "order_brokered", "order_not_found", "carrier_not_found", "order_not_open", "offer_exists",
        "too_many_offers", "expiry_over", "valid_until_out_of_range",
    ),
)  # fmt: skip
def make_offer(
    order_id: UUID, body: OfferIn, session: SessionDep, actor: CurrentActor, once: OnceDep, now: NowDep
) -> OfferOut:
    """Of a draft or an open order. Several carriers may be asked at once: the first yes wins."""

    def make() -> OfferOut:
        return OfferOut.of(
            service.make_offer(
                session,
                actor,
                order_id,
                carrier_id=body.carrier_id,
                amount_xof=body.amount_xof,
                vehicle_wishes=body.vehicle_wishes,
                message=body.message,
                private=body.private,
                answer_by=body.answer_by,
                now=now,
            )
        )

    return once.run(OfferOut, make)


@router.get("/orders/{order_id}/offers/", responses=errors("order_not_found", "order_brokered"))
def list_offers(order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[OfferOut]:
    """All of them for who runs the order; a carrier sees its own."""
    rows, cursor = service.list_of_order(session, actor, order_id, page)
    return page_of(rows, cursor, OfferOut.of)


@router.get("/offers/", responses=errors("role_not_allowed"))
def list_own_offers(
    session: SessionDep, actor: CurrentActor, page: PageDep, status: StatusQuery = None
) -> Page[OfferOut]:
    """For a carrier what it is offered, for a shipper or broker what he has offered; newest first."""
    rows, cursor = service.list_own(session, actor, page, status)
    return page_of(rows, cursor, OfferOut.of)


@router.post(
    "/orders/{order_id}/offers/{offer_id}/accept/",
    responses=errors(
        "order_not_found", "offer_not_found", "vehicle_not_found", "driver_not_found", "not_verified", "offer_expired",
        "offer_not_open", "order_not_open", *ASSIGNING,
    ),
)  # fmt: skip
def accept_offer(
    order_id: UUID,
    offer_id: UUID,
    body: OfferAcceptIn,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
) -> OrderOut:
    """By the carrier: assigns the order to its vehicle and driver."""
    order = service.accept_offer(
        session, actor, order_id, offer_id, vehicle_id=body.vehicle_id, driver_id=body.driver_id, now=now
    )
    return shown_order(order, actor)


@router.post(
    "/orders/{order_id}/offers/{offer_id}/decline/",
    responses=errors("order_not_found", "offer_not_found", "offer_not_open"),
)
def decline_offer(
    order_id: UUID,
    offer_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    body: OfferDeclineIn | None = None,
) -> OfferOut:
    """By the carrier. The order stays as it was."""
    reason = body.reason if body else ""
    return OfferOut.of(service.decline_offer(session, actor, order_id, offer_id, reason=reason, now=now))


@router.post(
    "/orders/{order_id}/offers/{offer_id}/withdraw/",
    responses=errors(
        "not_your_order", "order_brokered", "order_not_found", "offer_not_found", "offer_not_open"
    ),
)
def withdraw_offer(
    order_id: UUID, offer_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OfferOut:
    """By who made it."""
    return OfferOut.of(service.withdraw_offer(session, actor, order_id, offer_id, now))
