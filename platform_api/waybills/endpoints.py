"""Waybills: /api/v1/orders/<id>/waybills/ and /api/v1/waybills/."""

import hashlib
import json
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.errors import Forbidden
from platform_api.idempotency.once import OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.waybills import printing, service, signing
from platform_api.waybills.form import Amendment, form_of
from platform_api.waybills.models import Waybill
from platform_api.waybills.rules import shown_number
from platform_api.waybills.schemas import VoidIn, WaybillList, WaybillOut

router = APIRouter(prefix="/api/v1", tags=["waybills"])

PDF = "application/pdf"


def _shown(waybill: Waybill) -> WaybillOut:
    return WaybillOut.of(waybill, service.verify_url(waybill))


@router.post(
    "/orders/{order_id}/waybills/",
    status_code=201,
    responses=errors("order_not_found", "not_your_load", "waybill_not_now", "waybill_exists"),
)
def issue(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep) -> WaybillOut:
    """By the carrier, from the assignment on. Without it, confirming the loading issues one."""
    return once.run(WaybillOut, lambda: _shown(service.issue(session, actor, order_id, now)))


@router.get("/orders/{order_id}/waybills/", responses=errors("order_not_found"))
def of_order(order_id: UUID, session: SessionDep, actor: CurrentActor) -> WaybillList:
    """For the parties of the order, the void ones too; a carrier reads its own."""
    return WaybillList(items=[_shown(each) for each in service.of_order(session, actor, order_id)])


@router.get("/waybills/", responses=errors("invalid_cursor"))
def list_waybills(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[WaybillOut]:
    """A carrier's series, newest first."""
    rows, cursor = service.page(session, actor, page)
    return page_of(rows, cursor, _shown)


@router.get("/waybills/{waybill_id}/", responses=errors("waybill_not_found"))
def read(waybill_id: UUID, session: SessionDep, actor: CurrentActor) -> WaybillOut:
    """For the parties of its order."""
    return _shown(service.find(session, actor, waybill_id))


@router.post(
    "/waybills/{waybill_id}/void/", responses=errors("waybill_not_found", "order_not_found", "not_your_load")
)
def void(waybill_id: UUID, body: VoidIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> WaybillOut:
    """By its carrier. It keeps its number in the series; then another one may be issued."""
    return _shown(service.void(session, actor, waybill_id, reason=body.reason, now=now))


@router.get(
    "/waybills/{waybill_id}/pdf/",
    response_class=Response,
    responses={
        200: {
            "content": {PDF: {}},
            "description": "One A4 page in French, and an annex where texts are long",
        },
        304: {"description": "What you have is what there is"},
        **errors("waybill_not_found", "freight_not_shown"),
    },
)
def pdf(
    waybill_id: UUID,
    session: SessionDep,
    actor: CurrentActor,
    freight: Annotated[
        bool, Query(description="with what the carrier is paid, for him and who pays him")
    ] = False,
    if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
) -> Response:
    """The paper, with all that was added since its issue. Its ETag changes with what is printed."""
    waybill = service.find(session, actor, waybill_id)
    if freight and not service.sees_freight(session, waybill, actor):
        raise Forbidden("freight_not_shown", "Only the carrier and who pays him print what he is paid.")
    form = form_of(
        waybill.content,
        [Amendment(each.kind, each.at, each.content) for each in service.amendments(session, waybill.id)],
        content_sha256=waybill.content_sha256,
        url=service.verify_url(waybill),
        freight_xof=waybill.freight_xof if freight else None,
        void=service.void_reason(session, waybill),
        signatures=signing.taken(session, waybill.order_id),
    )
    told = json.dumps(form.to_json(), sort_keys=True)
    etag = f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and (if_none_match.strip() == "*" or etag in if_none_match):
        return Response(status_code=304, headers=headers)
    name = f"lettre-de-voiture-{shown_number(waybill.number)}.pdf"
    headers |= {"Content-Disposition": f'inline; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return Response(printing.rendered(told, signing.load), media_type=PDF, headers=headers)
