"""/api/v1/files/: upload a photo or document once, then name its id where it belongs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query
from fastapi.responses import FileResponse

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.fields import OptionalName
from platform_api.files import service
from platform_api.files.rules import DOCUMENTS
from platform_api.files.schemas import FileOut
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.schemas import errors

PATH = "/api/v1/files/"
router = APIRouter(prefix="/api/v1/files", tags=["files"])

Content = Annotated[bytes, Body(media_type="application/octet-stream", description="The file itself")]


@router.post(
    "/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS, "file_too_large", "file_type_not_allowed", "file_damaged", "file_quota_reached"
    ),
)
def upload(
    body: Content,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    once: OnceDep,
    name: Annotated[OptionalName, Query(description="as people know it")] = "",
) -> FileOut:
    """JPEG, PNG, WebP or PDF as the request's body, at most 8 MiB; the kind is read from the content.

    A file that nothing refers to within 14 days is deleted.
    """
    return once.run(
        FileOut,
        lambda: FileOut.model_validate(service.store(session, actor, content=body, name=name, now=now)),
    )


@router.get("/{file_id}/", responses=errors("file_not_found"))
def read(file_id: UUID, session: SessionDep, actor: CurrentActor) -> FileOut:
    """One of yours."""
    return FileOut.model_validate(service.find(session, actor, file_id))


@router.get(
    "/{file_id}/content/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {} for kind in sorted(DOCUMENTS)}, "description": "The file"},
        **errors("file_not_found"),
    },
)
def content(file_id: UUID, session: SessionDep, actor: CurrentActor) -> FileResponse:
    """The file itself, for a browser to show and never to run."""
    return service.content_response(service.find(session, actor, file_id))
