"""/api/v1/exports/: everything of a period as one file, written in the background."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import FileResponse

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.exports import service
from platform_api.exports.rules import file_name
from platform_api.exports.schemas import ExportIn, ExportOut
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/exports", tags=["exports"], responses=errors("not_authenticated"))

_MEDIA = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


@router.post(
    "/",
    status_code=201,
    responses=errors(*IDEMPOTENCY_ERRORS, "export_in_progress", "invalid_period", "period_too_long"),
)
def ask(body: ExportIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep) -> ExportOut:
    """Rows are what the API shows you of them at the time of writing, at most a million, oldest first."""

    def make() -> ExportOut:
        row = service.ask(
            session,
            actor,
            kind=body.kind,
            form=body.format,
            start=body.from_time,
            end=body.until_time,
            now=now,
        )
        return ExportOut.model_validate(row)

    return once.run(ExportOut, make)


@router.get("/")
def list_exports(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[ExportOut]:
    """Yours, newest first."""
    rows, cursor = service.page(session, actor, page)
    return page_of(rows, cursor, ExportOut.model_validate)


@router.get("/{export_id}/", responses=errors("export_not_found"))
def read(export_id: UUID, session: SessionDep, actor: CurrentActor) -> ExportOut:
    """Whether it is ready."""
    return ExportOut.model_validate(service.get(session, actor, export_id))


@router.get(
    "/{export_id}/file/",
    response_class=FileResponse,
    responses={
        200: {"content": {kind.partition(";")[0]: {} for kind in _MEDIA.values()}, "description": "The file"},
        **errors(
            "export_not_found", "export_not_ready", "export_failed", "export_deleted", "export_file_missing"
        ),
    },
)
def download(export_id: UUID, session: SessionDep, actor: CurrentActor) -> FileResponse:
    """The file itself."""
    row = service.get(session, actor, export_id)
    return FileResponse(
        service.path_of(row, actor),
        media_type=_MEDIA[row.format],
        filename=f"mess-{row.kind}-{file_name(row.id, row.format)}",
        headers={"Cache-Control": "no-store"},
    )
