"""/api/v1/orders/<id>/dispute/, and /api/v1/disputes/ for all of one's own."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse

from platform_api.actor import Actor, Role
from platform_api.deps import CurrentActor, NowDep, SessionDep, require_role
from platform_api.disputes import service
from platform_api.disputes.rules import Outcome
from platform_api.disputes.schemas import DisputeIn, DisputeOut, MessageIn, MessageOut, VerdictIn
from platform_api.files import service as files
from platform_api.files.rules import DOCUMENTS
from platform_api.idempotency.once import OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1", tags=["disputes"])

Administrator = Annotated[Actor, Depends(require_role(Role.ADMINISTRATOR))]
_FILES = ("file_not_found", "file_type_not_allowed")


@router.get("/disputes/")
def list_disputes(
    session: SessionDep,
    actor: CurrentActor,
    page: PageDep,
    live: Annotated[bool | None, Query(description="true: neither resolved nor withdrawn")] = None,
) -> Page[DisputeOut]:
    """Of your orders, oldest first; for administrators the queue of all."""
    rows, cursor = service.page(session, actor, page, live=live)
    return page_of(rows, cursor, DisputeOut.model_validate)


@router.post(
    "/orders/{order_id}/dispute/",
    status_code=201,
    responses=errors("order_not_found", "not_your_order", "order_not_disputable", "dispute_exists", *_FILES),
)
def open_dispute(
    order_id: UUID, body: DisputeIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> DisputeOut:
    """Between delivery and completion, by the shipper's side or the carrier. The order waits for the verdict."""

    def make() -> DisputeOut:
        row = service.open_dispute(
            session,
            actor,
            order_id,
            reason=body.reason,
            description=body.description,
            claimed_xof=body.claimed_xof,
            file_ids=body.file_ids,
            now=now,
        )
        return DisputeOut.model_validate(row)

    return once.run(DisputeOut, make)


@router.get("/orders/{order_id}/dispute/", responses=errors("dispute_not_found"))
def read(order_id: UUID, session: SessionDep, actor: CurrentActor, response: Response) -> DisputeOut:
    """For both sides and administrators."""
    row = service.get(session, actor, order_id)
    set_etag(response, row.version)
    return DisputeOut.model_validate(row)


@router.get("/orders/{order_id}/dispute/messages/", responses=errors("dispute_not_found"))
def list_messages(
    order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep
) -> Page[MessageOut]:
    """Oldest first; the first one is what the dispute was opened with."""
    rows, cursor = service.messages(session, service.get(session, actor, order_id), page)
    return page_of(rows, cursor, MessageOut.of)


@router.post(
    "/orders/{order_id}/dispute/messages/",
    status_code=201,
    responses=errors("dispute_not_found", "dispute_closed", "dispute_too_long", *_FILES),
)
def say(
    order_id: UUID, body: MessageIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> MessageOut:
    """To the other side and the administrator, with evidence."""

    def make() -> MessageOut:
        said = service.say(session, actor, order_id, text=body.text, file_ids=body.file_ids, now=now)
        return MessageOut.of(said)

    return once.run(MessageOut, make)


@router.get(
    "/orders/{order_id}/dispute/files/{file_id}/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {} for kind in sorted(DOCUMENTS)}, "description": "The file"},
        **errors("dispute_not_found", "file_not_found"),
    },
)
def read_file(order_id: UUID, file_id: UUID, session: SessionDep, actor: CurrentActor) -> FileResponse:
    """What somebody showed in a message."""
    return files.content_response(service.file_of(session, actor, order_id, file_id))


@router.post(
    "/orders/{order_id}/dispute/withdraw/",
    responses=errors("dispute_not_found", "not_your_dispute", "dispute_closed"),
)
def withdraw(order_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> DisputeOut:
    """By the side that opened it: the order is resolved as it was delivered. Again is harmless."""
    return DisputeOut.model_validate(service.withdraw(session, actor, order_id, now=now))


@router.post("/orders/{order_id}/dispute/claim/", responses=errors("dispute_not_found", "dispute_closed"))
def claim(order_id: UUID, session: SessionDep, actor: Administrator, now: NowDep) -> DisputeOut:
    """An administrator looks into it, also in another's place."""
    return DisputeOut.model_validate(service.claim(session, actor, order_id, now=now))


@router.post(
    "/orders/{order_id}/dispute/resolve/",
    responses=errors(
        "dispute_not_found",
        "dispute_closed",
        "dispute_claimed",
        "refund_without_reason",
        "refund_too_large",
        "no_broker",
    ),
)
def resolve(
    order_id: UUID,
    body: VerdictIn,
    session: SessionDep,
    actor: Administrator,
    now: NowDep,
    expected: IfMatch,
) -> DisputeOut:
    """The verdict. What is to be given back stands in the order's fees, for payment."""
    row = service.resolve(
        session,
        actor,
        order_id,
        outcome=Outcome(body.outcome),
        verdict=body.verdict,
        refund_xof=body.refund_xof,
        customer_refund_xof=body.customer_refund_xof,
        expected=expected,
        now=now,
    )
    return DisputeOut.model_validate(row)
