"""/api/v1/orders/{id}/documents/: the papers of an order."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.fields import OptionalName
from platform_api.files.rules import DOCUMENTS
from platform_api.files.service import content_response
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.orders import papers
from platform_api.orders.papers import DocumentKind
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import StrictBody, errors

router = APIRouter(prefix="/api/v1/orders/{order_id}/documents", tags=["orders"])


class DocumentIn(StrictBody):
    """`file_id`: of a file that you uploaded by `/api/v1/files/`."""

    file_id: UUID
    kind: DocumentKind
    name: OptionalName = ""


class DocumentOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    order_id: UUID
    kind: DocumentKind
    name: str
    party_id: UUID
    uploaded_by: UUID
    created_at: datetime


@router.post(
    "/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS, "parties_only", "order_not_found", "file_not_found", "file_type_not_allowed", "order_closed",
        "too_many_documents",
    ),
)  # fmt: skip
def add(
    order_id: UUID, body: DocumentIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> DocumentOut:
    """For all parties of the order to read; not for those who merely bid."""

    def make() -> DocumentOut:
        made = papers.add_document(
            session, actor, order_id, file_id=body.file_id, kind=body.kind, name=body.name, now=now
        )
        return DocumentOut.model_validate(made)

    return once.run(DocumentOut, make)


@router.get("/", responses=errors("parties_only", "order_not_found"))
def list_documents(
    order_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep
) -> Page[DocumentOut]:
    """Newest first."""
    rows, cursor = papers.list_documents(session, actor, order_id, page)
    return page_of(rows, cursor, DocumentOut.model_validate)


@router.get(
    "/{document_id}/content/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {} for kind in sorted(DOCUMENTS)}, "description": "The file"},
        **errors("parties_only", "order_not_found", "order_document_not_found"),
    },
)
def content(order_id: UUID, document_id: UUID, session: SessionDep, actor: CurrentActor) -> FileResponse:
    """The paper itself, for a browser to show and never to run."""
    return content_response(papers.file_of(session, actor, order_id, document_id))


@router.delete(
    "/{document_id}/",
    status_code=204,
    responses=errors(
        "parties_only", "not_your_document", "order_not_found", "order_document_not_found", "order_closed"
    ),
)
def remove(order_id: UUID, document_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """By whoever brought it, until the order is over."""
    papers.remove_document(session, actor, order_id, document_id, now)
