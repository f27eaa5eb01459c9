"""/api/v1/orders/: an order from draft to done, its history."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Response

from geofence.errors import CODES as FENCE_CODES
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.orders import calling_off, repository, search, service
from platform_api.orders.bodies import OrderChange, OrderIn
from platform_api.orders.content import Content
from platform_api.orders.filters import FiltersDep
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.schemas import (
    CancelIn,
    CancellationOut,
    FeeOut,
    HistoryOut,
    OrderOut,
    WithdrawIn,
    shown_order,
    shown_orders,
)
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1/orders", tags=["orders"])

CONTENT_ERRORS = (
    *FENCE_CODES,
    "expiry_after_pickup", "invalid_body", "invalid_phone", "place_far_from_shape", "target_missing",
    "temperature_needed", "temperature_range", "too_many_stops", "un_number_needed", "un_number_unknown",
    "vehicle_type_not_found", "vehicle_type_retired", "window_reversed", "window_too_far", "window_too_long", "windows_out_of_order",
)  # fmt: skip


@router.post("/", status_code=201, responses=errors(*IDEMPOTENCY_ERRORS, "role_not_allowed", *CONTENT_ERRORS))
def create(body: OrderIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep) -> OrderOut:
    """A draft that only you see; `post/` opens it for bids."""
    return once.run(
        OrderOut,
        lambda: shown_order(service.create_order(session, actor, body.content(), now=now), actor),
    )


@router.get("/", responses=errors("near_needs_open", "near_incomplete", "filter_reversed"))
def list_orders(
    session: SessionDep, actor: CurrentActor, page: PageDep, filters: FiltersDep
) -> Page[OrderOut]:
    """Yours, newest first; for a carrier also the open ones and those it bid on.

    With `lat` and `lng` the open ones within `radius_km` of their pickup, nearest first.
    """
    found, cursor = search.find_orders(session, actor, filters, page)
    shown = shown_orders([each.order for each in found], actor)
    for order, each in zip(shown, found, strict=True):
        order.distance_km = None if each.distance_km is None else round(each.distance_km, 3)
    return Page(items=shown, next_cursor=cursor)


@router.get("/{order_id}/", responses=errors("order_not_found"))
def read(order_id: UUID, session: SessionDep, actor: CurrentActor, response: Response) -> OrderOut:
    """The order; those who only bid do not see who won, for how much, nor the journey."""
    return _versioned(response, shown_order(service.get_order(session, actor, order_id), actor))


def _versioned(response: Response, order: OrderOut) -> OrderOut:
    # Those who only bid are not told how much happens on it.
    if order.version is not None:
        set_etag(response, order.version)
    return order


@router.patch(
    "/{order_id}/",
    responses=errors(
        "invalid_if_match",
        "not_your_order",
        "order_brokered",
        "order_not_found",
        "order_not_draft",
        "order_offered",
        "version_mismatch",
        *CONTENT_ERRORS,
    ),
)
def edit(
    order_id: UUID,
    body: OrderChange,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> OrderOut:
    """Of a draft. What is named takes the place of what was; `stops` as a whole."""

    def change(order: Order, stops: Sequence[OrderStop]) -> Content:
        return OrderIn.of(order, stops).changed(body).content()

    order = service.edit_order(session, actor, order_id, change, expected=expected, now=now)
    return _versioned(response, shown_order(order, actor))


@router.delete(
    "/{order_id}/",
    status_code=204,
    responses=errors("not_your_order", "order_brokered", "order_not_found", "order_not_draft"),
)
def discard(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """Throws a draft away. What others have seen can only be cancelled."""
    service.discard_draft(session, actor, order_id, now)


@router.post(
    "/{order_id}/post/",
    responses=errors(
        "not_your_order",
        "order_brokered",
        "not_verified",
        "order_not_found",
        "order_not_draft",
        "pickup_over",
        "expiry_over",
    ),
)
def post(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """On the market until `expires_at`: as you said, else until the pickup window closes, at most 14 days."""
    return shown_order(service.post_order(session, actor, order_id, now), actor)


@router.get(
    "/{order_id}/cancellation/",
    responses=errors("not_your_order", "order_not_found", "order_not_cancellable"),
)
def preview_cancellation(
    order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> CancellationOut:
    """What you would owe if you cancelled now."""
    return CancellationOut.of(calling_off.cost_of_cancelling(session, actor, order_id, now))


@router.post(
    "/{order_id}/cancel/",
    responses=errors("not_your_order", "order_not_found", "order_not_cancellable", "reason_needed"),
)
def cancel(order_id: UUID, body: CancelIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """Possible until the goods are on the truck. After the award it costs what `cancellation/` says."""
    order = calling_off.cancel_order(
        session, actor, order_id, reason_code=body.reason_code, reason=body.reason, now=now
    )
    return shown_order(order, actor)


@router.post(
    "/{order_id}/withdraw/",
    responses=errors("not_your_load", "order_not_found", "order_not_withdrawable", "reason_needed"),
)
def withdraw(
    order_id: UUID, body: WithdrawIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut:
    """The carrier gives the order back before the goods are on its truck; it is on the market again."""
    order = calling_off.withdraw_carrier(
        session, actor, order_id, reason_code=body.reason_code, note=body.note, now=now
    )
    return shown_order(order, actor)


@router.get("/{order_id}/fees/", responses=errors("order_not_found"))
def list_fees(order_id: UUID, session: SessionDep, actor: CurrentActor) -> list[FeeOut]:
    """What you owe or are owed for this order's calling off: claims, not payments."""
    return [FeeOut.model_validate(fee) for fee in calling_off.fees_of(session, actor, order_id)]


@router.post(
    "/{order_id}/confirm-delivery/",
    responses=errors("not_your_order", "order_not_found", "order_not_delivered"),
)
def confirm_delivery(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """By the shipper. After some days of silence the order completes by itself."""
    return shown_order(service.confirm_delivery(session, actor, order_id, now), actor)


@router.get("/{order_id}/history/", responses=errors("order_not_found"))
def history(order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[HistoryOut]:
    """Oldest first, with the evidence of each change."""
    order = service.get_order(session, actor, order_id)
    party = service.is_party(order, actor)
    rows, cursor = repository.list_history(session, actor, order, page, party=party)
    return page_of(rows, cursor, lambda row: HistoryOut.of(row, order, actor))
