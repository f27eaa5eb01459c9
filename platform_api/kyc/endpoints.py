"""/api/v1/kyc/: papers that prove who a business is, and their review."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from fastapi.responses import FileResponse

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.files.rules import DOCUMENTS
from platform_api.files.service import content_response
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.kyc import rules, service
from platform_api.kyc.rules import MAX_PAGES
from platform_api.kyc.schemas import (
    DocumentIn,
    DocumentOut,
    DocumentWithHistoryOut,
    QueuedOut,
    RejectIn,
    StatusOut,
)
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(
    prefix="/api/v1/kyc", tags=["kyc"], responses=errors("not_authenticated", "account_disabled")
)

PageNumber = Annotated[int, Path(ge=1, le=MAX_PAGES)]
_OWN = ("role_not_allowed", "managers_only")
_REVIEW = ("role_not_allowed", "own_document", "document_not_found", "document_decided")


@router.get("/status/")
def read_status(session: SessionDep, actor: CurrentActor, now: NowDep) -> StatusOut:
    """Whether the party you act for is verified, and what is missing."""
    return StatusOut.of(service.status_of(session, actor.party_id, now))


@router.post(
    "/documents/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        *_OWN,
        "document_not_needed",
        "document_submitted",
        "invalid_document_number",
        "invalid_ninea",
        "invalid_rccm",
        "expiry_missing",
        "document_expired",
        "invalid_document_expiry",
        "file_not_found",
        "file_type_not_allowed",
    ),
)
def submit(
    body: DocumentIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> DocumentWithHistoryOut:
    """Send a document for review, also again: one of its kind that waits is replaced, an approved one counts until then."""

    def make() -> DocumentWithHistoryOut:
        made = service.submit(
            session,
            actor,
            kind=body.kind,
            number=body.number,
            expires_on=body.expires_on,
            file_ids=body.file_ids,
            now=now,
        )
        return DocumentWithHistoryOut.of(made)

    return once.run(DocumentWithHistoryOut, make)


@router.get("/documents/", responses=errors(*_OWN, "invalid_cursor"))
def list_own(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[DocumentOut]:
    """What your party sent, newest first."""
    rows, cursor = service.list_own(session, actor, page)
    return page_of(rows, cursor, DocumentOut.of)


@router.get("/documents/{document_id}/", responses=errors(*_OWN, "document_not_found"))
def read(document_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> DocumentWithHistoryOut:
    """For its party and for administrators, whose reading is noted in the access log."""
    return DocumentWithHistoryOut.of(service.get_document(session, actor, document_id, now))


@router.get(
    "/documents/{document_id}/pages/{number}/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {} for kind in sorted(DOCUMENTS)}, "description": "The page"},
        **errors(*_OWN, "document_not_found", "page_not_found"),
    },
)
def read_page(
    document_id: UUID, number: PageNumber, session: SessionDep, actor: CurrentActor, now: NowDep
) -> FileResponse:
    """The picture or PDF; read by an administrator, it is noted."""
    return content_response(service.page_file(session, actor, document_id, number, now))


@router.get("/queue/", responses=errors("role_not_allowed", "invalid_cursor"))
def list_queue(
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    page: PageDep,
    free: Annotated[bool, Query(description="without what other reviewers have in hand")] = False,
) -> Page[QueuedOut]:
    """For administrators: who waits longest is first."""
    rows, cursor = service.waiting(session, actor, page, free=free, now=now)
    return page_of(rows, cursor, QueuedOut.of)


@router.get("/parties/{party_id}/status/", responses=errors("role_not_allowed", "party_not_found"))
def read_status_of(party_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> StatusOut:
    """For administrators."""
    rules.check_reviews(actor)
    return StatusOut.of(service.status_of(session, party_id, now))


@router.get(
    "/parties/{party_id}/documents/",
    responses=errors("role_not_allowed", "party_not_found", "invalid_cursor"),
)
def list_of(
    party_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep, page: PageDep
) -> Page[DocumentOut]:
    """For administrators: everything that a party sent. Noted in the access log."""
    rows, cursor = service.list_of(session, actor, party_id, page, now)
    return page_of(rows, cursor, DocumentOut.of)


@router.post("/documents/{document_id}/claim/", responses=errors(*_REVIEW, "document_claimed"))
def claim(document_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> DocumentWithHistoryOut:
    """Take it in hand for 30 minutes; again prolongs. Of two reviewers one gets it."""
    return DocumentWithHistoryOut.of(service.claim(session, actor, document_id, now))


@router.post("/documents/{document_id}/release/", responses=errors("role_not_allowed", "document_not_found"))
def release(
    document_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> DocumentWithHistoryOut:
    """Give it back to the queue; again is harmless."""
    return DocumentWithHistoryOut.of(service.release(session, actor, document_id, now))


@router.post(
    "/documents/{document_id}/approve/",
    responses=errors(*_REVIEW, "document_not_claimed", "document_expired"),
)
def approve(
    document_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> DocumentWithHistoryOut:
    """By the reviewer who has it in hand."""
    return DocumentWithHistoryOut.of(service.approve(session, actor, document_id, now))


@router.post(
    "/documents/{document_id}/reject/", responses=errors(*_REVIEW, "document_not_claimed", "invalid_body")
)
def reject(
    document_id: UUID, body: RejectIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> DocumentWithHistoryOut:
    """With a reason that its sender reads."""
    return DocumentWithHistoryOut.of(service.reject(session, actor, document_id, reason=body.reason, now=now))
