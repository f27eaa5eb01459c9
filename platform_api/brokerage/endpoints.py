"""/api/v1/orders/<id>/brokerage/ and /api/v1/brokerages/: orders in a freight broker's hands."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from platform_api.brokerage import service
from platform_api.brokerage.rules import BrokerageStatus
from platform_api.brokerage.schemas import BrokerageIn, BrokerageOut
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.idempotency.once import OnceDep
from platform_api.orders.service import get_order
from platform_api.pagination import Page, PageDep
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1", tags=["market"])

StatusQuery = Annotated[BrokerageStatus | None, Query()]


@router.post(
    "/orders/{order_id}/brokerage/",
    status_code=201,
    responses=errors(
        "role_not_allowed", "order_not_found", "broker_not_found", "customer_missing", "customer_known",
        "already_brokered", "order_not_open", "brokerage_exists", "too_many_proposals", "invalid_phone",
    ),
)  # fmt: skip
def propose_brokerage(
    order_id: UUID, body: BrokerageIn, session: SessionDep, actor: CurrentActor, once: OnceDep, now: NowDep
) -> BrokerageOut:
    """A broker asks a customer to take his order, or a shipper asks a broker to run his. It holds once the other agrees."""

    def make() -> BrokerageOut:
        made = service.propose(session, actor, order_id, body.proposal(), now=now)
        return BrokerageOut.of(made, get_order(session, actor, order_id))

    return once.run(BrokerageOut, make)


@router.get("/brokerages/", responses=errors("role_not_allowed"))
def list_brokerages(
    session: SessionDep, actor: CurrentActor, page: PageDep, status: StatusQuery = None
) -> Page[BrokerageOut]:
    """What you proposed and what you are asked, newest first."""
    rows, cursor = service.list_own(session, actor, page, status)
    return Page(items=[BrokerageOut.of(row, order) for row, order in rows], next_cursor=cursor)


@router.post(
    "/brokerages/{brokerage_id}/agree/",
    responses=errors("brokerage_not_found", "brokerage_not_open", "order_not_open"),
)
def agree_to_brokerage(
    brokerage_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> BrokerageOut:
    """By the one who is asked. Bids and offers that a shipper had on an order of his own are lost with it."""
    return BrokerageOut.of(*service.agree(session, actor, brokerage_id, now=now))


@router.post(
    "/brokerages/{brokerage_id}/decline/", responses=errors("brokerage_not_found", "brokerage_not_open")
)
def decline_brokerage(
    brokerage_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> BrokerageOut:
    """Say no: the order goes on without the broker."""
    return BrokerageOut.of(*service.decline(session, actor, brokerage_id, now=now))


@router.post(
    "/brokerages/{brokerage_id}/withdraw/", responses=errors("brokerage_not_found", "brokerage_not_open")
)
def withdraw_brokerage(
    brokerage_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> BrokerageOut:
    """By whoever proposed it."""
    return BrokerageOut.of(*service.withdraw(session, actor, brokerage_id, now=now))
