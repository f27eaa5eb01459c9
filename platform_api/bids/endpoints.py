"""/api/v1/orders/<id>/bids/: what carriers ask for an order, and whom its shipper takes."""

from uuid import UUID

from fastapi import APIRouter, Response

from platform_api.availability.service import ASSIGNABLE_ERRORS
from platform_api.bids import counters, repository, service
from platform_api.bids.rules import Seen
from platform_api.bids.schemas import (
    AcceptBidIn,
    BidIn,
    BidOut,
    BidPatch,
    BidRevisionOut,
    CounterAcceptIn,
    CounterIn,
    CounterOut,
    StandingOut,
)
from platform_api.bids.showing import ShowingDep
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.orders import service as orders
from platform_api.orders.schemas import OrderOut, shown_order
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1/orders", tags=["market"])

ASSIGNING = (
    "carrier_not_verified", "vehicle_gone", "vehicle_busy", "vehicle_without_driver", *ASSIGNABLE_ERRORS
)  # fmt: skip


@router.get("/{order_id}/bids/", responses=errors("invalid_cursor", "order_not_found", "order_brokered"))
def list_bids(
    order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep, showing: ShowingDep
) -> Page[BidOut]:
    """All of them for who runs the order, with the latest counter-offer on each; a carrier sees its own."""
    order = orders.get_order(session, actor, order_id)
    only_of = service.sees_bids_of(order, actor)
    rows, cursor = repository.list_bids(session, order_id, page, only_of=only_of)
    return Page(items=showing(session, order, rows), next_cursor=cursor)


@router.post(
    "/{order_id}/bids/",
    status_code=201,
    responses=errors(
        "role_not_allowed", "not_verified", "order_not_found", "vehicle_not_found", "driver_not_found",
        "order_not_open", "bid_exists", "invalid_body", "valid_until_out_of_range", *IDEMPOTENCY_ERRORS,
    ),
)  # fmt: skip
def bid(
    order_id: UUID,
    body: BidIn,
    session: SessionDep,
    actor: CurrentActor,
    once: OnceDep,
    now: NowDep,
    showing: ShowingDep,
) -> BidOut:
    """One open bid per carrier and order."""

    def place() -> BidOut:
        placed = service.place_bid(
            session,
            actor,
            order_id,
            vehicle_id=body.vehicle_id,
            driver_id=body.driver_id,
            amount_xof=body.amount_xof,
            message=body.message,
            valid_until=body.valid_until,
            now=now,
        )
        return showing.one(session, actor, placed)

    return once.run(BidOut, place)


@router.get(
    "/{order_id}/bids/standing/",
    responses=errors("order_not_found", "order_brokered", "bids_sealed", "bid_first"),
)
def read_standing(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> StandingOut:
    """Open bidding: what everybody asks, without names. For carriers with a bid, and for who runs the order."""
    amounts = service.standing(session, actor, order_id, now)
    return StandingOut.of(orders.get_order(session, actor, order_id).bidding, amounts)


@router.get(
    "/{order_id}/bids/{bid_id}/", responses=errors("order_not_found", "bid_not_found", "order_brokered")
)
def read_bid(
    order_id: UUID,
    bid_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    response: Response,
    showing: ShowingDep,
) -> BidOut:
    """One bid, as its version stands now."""
    found = service.read_bid(session, actor, order_id, bid_id)
    set_etag(response, found.version)
    return showing.one(session, actor, found)


@router.patch(
    "/{order_id}/bids/{bid_id}/",
    responses=errors(
        "invalid_if_match", "order_not_found", "bid_not_found", "vehicle_not_found", "driver_not_found",
        "role_not_allowed", "order_not_open", "bid_not_open", "bid_expired", "version_mismatch",
        "invalid_body", "valid_until_out_of_range",
    ),
)  # fmt: skip
def revise(
    order_id: UUID,
    bid_id: UUID,
    body: BidPatch,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
    showing: ShowingDep,
) -> BidOut:
    """A carrier changes its bid; the earlier version is kept. A counter-offer that lives is thereby declined."""
    revised = service.revise_bid(
        session,
        actor,
        order_id,
        bid_id,
        body.changes(),
        valid_until=body.valid_until,
        expected=expected,
        now=now,
    )
    set_etag(response, revised.version)
    return showing.one(session, actor, revised)


@router.get(
    "/{order_id}/bids/{bid_id}/revisions/",
    responses=errors("invalid_cursor", "order_not_found", "bid_not_found", "order_brokered"),
)
def list_revisions(
    order_id: UUID, bid_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep
) -> Page[BidRevisionOut]:
    """What the bid said in each of its versions, newest first."""
    service.read_bid(session, actor, order_id, bid_id)
    rows, cursor = repository.list_revisions(session, bid_id, page)
    return page_of(rows, cursor, BidRevisionOut.of)


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
        "not_your_order", "order_brokered", "order_not_found", "bid_not_found", "order_not_open", "bid_not_open",
        "bid_expired", "bid_changed", "invalid_body", *ASSIGNING,
    ),
)  # fmt: skip
def accept_bid(
    order_id: UUID, body: AcceptBidIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut:
    """Assigns the order to the bid's vehicle and driver. The same call again answers the same."""
    seen = Seen(body.amount_xof, body.version)
    return shown_order(service.accept_bid(session, actor, order_id, body.bid_id, now, seen=seen), actor)


@router.post(
    "/{order_id}/bids/{bid_id}/counter/",
    status_code=201,
    responses=errors(
        "not_your_order", "order_brokered", "order_not_found", "bid_not_found", "order_not_open", "bid_not_open",
        "bid_expired", "counter_same_amount", "counter_outlives_bid", "valid_until_out_of_range", "invalid_body",
        *IDEMPOTENCY_ERRORS,
    ),
)  # fmt: skip
def make_counter(
    order_id: UUID,
    bid_id: UUID,
    body: CounterIn,
    session: SessionDep,
    actor: CurrentActor,
    once: OnceDep,
    now: NowDep,
) -> CounterOut:
    """Binds you while it lives: if the carrier accepts, the order is assigned. Takes the place of an earlier one."""

    def make() -> CounterOut:
        return CounterOut.of(
            counters.make_counter(
                session,
                actor,
                order_id,
                bid_id,
                amount_xof=body.amount_xof,
                message=body.message,
                valid_until=body.valid_until,
                now=now,
            )
        )

    return once.run(CounterOut, make)


@router.post(
    "/{order_id}/bids/{bid_id}/counter/accept/",
    responses=errors(
        "order_not_found", "bid_not_found", "counter_not_found", "order_not_open", "counter_not_open",
        "counter_expired", "counter_changed", "invalid_body", *ASSIGNING,
    ),
)  # fmt: skip
def accept_counter(
    order_id: UUID, bid_id: UUID, body: CounterAcceptIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut:
    """By the carrier: assigns the order for the counter-offer's amount."""
    order = counters.accept_counter(session, actor, order_id, bid_id, amount_xof=body.amount_xof, now=now)
    return shown_order(order, actor)


@router.post(
    "/{order_id}/bids/{bid_id}/counter/decline/",
    responses=errors("order_not_found", "bid_not_found", "counter_not_found", "counter_not_open"),
)
def decline_counter(
    order_id: UUID, bid_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> CounterOut:
    """By the carrier; its bid stands."""
    return CounterOut.of(counters.decline_counter(session, actor, order_id, bid_id, now))


@router.post(
    "/{order_id}/bids/{bid_id}/counter/withdraw/",
    responses=errors(
        "not_your_order", "order_brokered", "order_not_found", "bid_not_found", "counter_not_found",
        "counter_not_open",
    ),
)  # fmt: skip
def withdraw_counter(
    order_id: UUID, bid_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> CounterOut:
    """Take a counter-offer back while the carrier has not answered."""
    return CounterOut.of(counters.withdraw_counter(session, actor, order_id, bid_id, now))
