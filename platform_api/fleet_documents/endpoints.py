"""/api/v1/fleet/documents/: papers of vehicles and drivers, and until when they are good."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import FileResponse

from platform_api.actor import Actor, Role
from platform_api.deps import CurrentActor, NowDep, SessionDep, require_role
from platform_api.fields import MAX_ID
from platform_api.files import service as files
from platform_api.files.rules import DOCUMENTS
from platform_api.fleet_documents import repository, service
from platform_api.fleet_documents.rules import DocumentState
from platform_api.fleet_documents.schemas import (
    DocumentIn,
    DocumentKindChange,
    DocumentKindOut,
    DocumentKindsOut,
    DocumentOut,
)
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1/fleet", tags=["fleet"], responses=errors("not_authenticated"))

Viewer = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.DRIVER, Role.ADMINISTRATOR))]
Uploader = Annotated[Actor, Depends(require_role(Role.CARRIER, Role.DRIVER))]


@router.get("/document-kinds/")
def list_document_kinds(session: SessionDep, _actor: CurrentActor) -> DocumentKindsOut:
    """In the order to show them in."""
    return DocumentKindsOut(
        items=[DocumentKindOut.model_validate(row) for row in service.list_kinds(session)]
    )


@router.patch(
    "/document-kinds/{code}/",
    responses=errors(
        "role_not_allowed", "fleet_document_kind_not_found", "invalid_if_match", "version_mismatch"
    ),
)
def change_document_kind(
    code: Annotated[str, Path(max_length=32)],
    body: DocumentKindChange,
    session: SessionDep,
    actor: CurrentActor,
    expected: IfMatch,
    response: Response,
) -> DocumentKindOut:
    """For administrators."""
    changes = body.model_dump(exclude_unset=True)
    row = service.change_kind(session, actor, code, changes, expected=expected)
    set_etag(response, row.version)
    return DocumentKindOut.model_validate(row)


@router.post(
    "/documents/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS, "role_not_allowed", "fleet_document_kind_not_found", "vehicle_not_found", "driver_not_found",
        "file_not_found", "file_type_not_allowed", "fleet_document_kind_of_other_subject", "fleet_document_expiry_missing",
        "fleet_document_dates_invalid", "fleet_document_already_expired", "licence_classes_misplaced",
    ),
)  # fmt: skip
def upload_document(
    body: DocumentIn, session: SessionDep, actor: Uploader, now: NowDep, once: OnceDep
) -> DocumentOut:
    """Upload the file first (`POST /api/v1/files/`). The current document of this kind is replaced by it."""
    return once.run(
        DocumentOut,
        lambda: DocumentOut.of(service.upload(session, actor, body.upload(), now=now), now.date()),
    )


@router.get("/documents/", responses=errors("role_not_allowed", "invalid_cursor"))
def list_documents(
    session: SessionDep,
    actor: Viewer,
    page: PageDep,
    now: NowDep,
    vehicle_id: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    driver_id: UUID | None = None,
    state: DocumentState | None = None,
    history: Annotated[bool, Query(description="also those that were replaced or taken back")] = False,
) -> Page[DocumentOut]:
    """Newest first. A driver sees his own and those of the truck he drives."""
    rows, cursor = repository.page_documents(
        session,
        actor,
        page,
        vehicle_id=vehicle_id,
        driver_id=driver_id,
        state=state,
        history=history,
        today=now.date(),
    )
    return page_of(rows, cursor, lambda row: DocumentOut.of(row, now.date()))


@router.get("/documents/{document_id}/", responses=errors("role_not_allowed", "fleet_document_not_found"))
def get_document(document_id: UUID, session: SessionDep, actor: Viewer, now: NowDep) -> DocumentOut:
    """One document and how it stands."""
    return DocumentOut.of(service.get_document(session, actor, document_id), now.date())


@router.get(
    "/documents/{document_id}/content/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {} for kind in sorted(DOCUMENTS)}, "description": "The file"},
        **errors("role_not_allowed", "fleet_document_not_found"),
    },
)
def document_content(document_id: UUID, session: SessionDep, actor: Viewer) -> FileResponse:
    """The file itself."""
    return files.content_response(service.content(session, actor, document_id))


@router.delete(
    "/documents/{document_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("role_not_allowed", "fleet_document_not_found"),
)
def take_document_back(document_id: UUID, session: SessionDep, actor: Uploader, now: NowDep) -> None:
    """It was a mistake. It stays in the history."""
    service.take_back(session, actor, document_id, now=now)
