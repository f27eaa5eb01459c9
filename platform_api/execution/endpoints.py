"""What the crew says and does on an order, under /api/v1/orders/."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from platform_api.availability.service import ASSIGNABLE_ERRORS
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.error_handlers import error_response
from platform_api.execution import codes, crews, reading, service
from platform_api.execution.models import DeliveryCode
from platform_api.execution.reckoning import Kind
from platform_api.execution.schemas import (
    CrewIn,
    CrewOut,
    DeliveryCodeOut,
    DemandIn,
    LoadingIn,
    ProofIn,
    RejectIn,
    StatementOut,
)
from platform_api.files import service as files
from platform_api.files.rules import IMAGES
from platform_api.orders.schemas import OrderOut, shown_order
from platform_api.pagination import Page, PageDep
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/orders", tags=["execution"])

_TIMES = ("time_in_future", "time_before_assignment")
_FILES = ("file_not_found", "file_type_not_allowed")
_CODES = ("delivery_code_missing", "delivery_code_wrong", "delivery_code_locked")


@router.post(
    "/{order_id}/confirm-loading/",
    responses=errors(
        "order_not_found", "not_your_load", "order_not_underway", *_TIMES, *_FILES, "action_id_reused"
    ),
)
def confirm_loading(
    order_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    body: LoadingIn | None = None,
) -> OrderOut:
    """By the driver or the carrier; of several words the earliest counts, the others are kept.

    Without it, leaving the pickup after a real stay counts as loaded.
    """
    details = body.details() if body else service.NOTHING
    return shown_order(service.confirm_loading(session, actor, order_id, details, now=now), actor)


@router.post(
    "/{order_id}/proof-of-delivery/",
    response_model=OrderOut,
    responses=errors(
        "order_not_found",
        "not_your_load",
        "order_not_picked_up",
        "time_before_loading",
        *_TIMES,
        *_FILES,
        *_CODES,
        "action_id_reused",
    ),
)
def proof_of_delivery(
    order_id: UUID, body: ProofIn, request: Request, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut | JSONResponse:
    """By the driver or the carrier. Taken away from the fence, or without the consignee's code, it is flagged.

    It is refused for the code only where the shipper demands it.
    """
    delivered = service.proof_of_delivery(session, actor, order_id, body.details(), now=now)
    if delivered.refused is not None:
        return error_response(request, delivered.refused)
    return shown_order(delivered.order, actor)


@router.post(
    "/{order_id}/accept-load/", responses=errors("order_not_found", "not_your_load", "load_rejected")
)
def accept_load(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> OrderOut:
    """By its driver. Silence for 30 minutes is acceptance too."""
    return shown_order(service.answer_load(session, actor, order_id, Kind.ACCEPT, now=now), actor)


@router.post(
    "/{order_id}/reject-load/",
    status_code=204,
    responses=errors(
        "order_not_found", "not_your_load", "load_accepted", "already_loaded", "answer_too_late"
    ),
)
def reject_load(
    order_id: UUID, body: RejectIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> Response:
    """By its driver, within 30 minutes: the order is no longer his, and the carrier puts on another crew."""
    service.answer_load(session, actor, order_id, Kind.REJECT, reason=body.reason, now=now)
    return Response(status_code=204)


@router.post(
    "/{order_id}/crew/",
    responses=errors(
        "order_not_found",
        "not_your_load",
        "crew_fixed",
        "vehicle_not_found",
        "driver_not_found",
        "vehicle_busy",
        "vehicle_without_driver",
        *ASSIGNABLE_ERRORS,
    ),
)
def change_crew(
    order_id: UUID, body: CrewIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> OrderOut:
    """By the carrier, until the goods are on the truck: another truck or driver of his."""
    order = crews.change_crew(
        session, actor, order_id, vehicle_id=body.vehicle_id, driver_id=body.driver_id, now=now
    )
    return shown_order(order, actor)


@router.get("/{order_id}/crew/", responses=errors("order_not_found", "not_your_load", "order_not_underway"))
def read_crew(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> CrewOut:
    """The present crew and its driver's answer, for the parties of the order."""
    return reading.crew(session, actor, order_id, now)


@router.get("/{order_id}/statements/", responses=errors("order_not_found", "not_your_load", "invalid_cursor"))
def list_statements(
    order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep
) -> Page[StatementOut]:
    """All that the crew said, taken or not, in the order of its own time; for the parties of the order."""
    return reading.statements(session, actor, order_id, page)


@router.get(
    "/{order_id}/statements/files/{file_id}/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {} for kind in sorted(IMAGES)}, "description": "A photo or signature"},
        **errors("order_not_found", "not_your_load", "file_not_found"),
    },
)
def statement_file(order_id: UUID, file_id: UUID, session: SessionDep, actor: CurrentActor) -> FileResponse:
    """A photo or signature that a statement of this order refers to, for its parties."""
    return files.content_response(reading.statement_file(session, actor, order_id, file_id))


def _code_shown(row: DeliveryCode) -> DeliveryCodeOut:
    return DeliveryCodeOut.of(
        row, codes.code_of(row.order_id, row.serial), locked=row.misses >= codes.MAX_MISSES
    )


@router.get(
    "/{order_id}/delivery-code/", responses=errors("order_not_found", "not_your_order", "delivery_code_none")
)
def read_code(order_id: UUID, session: SessionDep, actor: CurrentActor) -> DeliveryCodeOut:
    """For the shipper. The consignee is texted it when the goods are on the truck."""
    return _code_shown(codes.read(session, actor, order_id))


@router.put(
    "/{order_id}/delivery-code/",
    responses=errors("order_not_found", "not_your_order", "delivery_code_not_now"),
)
def demand_code(
    order_id: UUID, body: DemandIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> DeliveryCodeOut:
    """By the shipper: whether the goods are handed over only against the code."""
    return _code_shown(codes.demand(session, actor, order_id, required=body.required, now=now))


@router.post(
    "/{order_id}/delivery-code/renew/",
    responses=errors(
        "order_not_found", "not_your_order", "delivery_code_not_now", "delivery_code_renewed_often"
    ),
)
def renew_code(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> DeliveryCodeOut:
    """By the shipper: another code, texted again; the earlier one counts for deliveries before it."""
    return _code_shown(codes.renew(session, actor, order_id, now))
