"""/api/v1/privacy/: a person's rights over his data: a copy of it, its erasure, and who looked at it."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import FileResponse

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.privacy import repository, service
from platform_api.privacy.schemas import (
    AccessOut,
    AskedErasureOut,
    ConfirmIn,
    ErasureOut,
    ExportOut,
    SubjectIn,
)
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/privacy", tags=["privacy"])


@router.post(
    "/exports/",
    status_code=202,
    responses=errors(
        "role_not_allowed",
        "subject_missing",
        "user_not_found",
        "already_erased",
        "export_in_progress",
        "too_many_exports",
    ),
)
def ask_export(
    session: SessionDep, actor: CurrentActor, now: NowDep, body: SubjectIn | None = None
) -> ExportOut:
    """Have a copy of your data written. It can be had when `state` is ready, and is deleted some days later."""
    subject_id = None if body is None else body.subject_id
    return ExportOut.of(service.ask_export(session, actor, subject_id, now=now))


@router.get("/exports/")
def list_exports(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[ExportOut]:
    """Copies asked for, newest first; an administrator sees all."""
    rows, next_cursor = repository.page_exports(session, actor, page)
    return page_of(rows, next_cursor, ExportOut.of)


@router.get("/exports/{export_id}/", responses=errors("export_not_found"))
def get_export(export_id: UUID, session: SessionDep, actor: CurrentActor) -> ExportOut:
    """Whether the copy is ready."""
    return ExportOut.of(service.get_export(session, actor, export_id))


@router.get(
    "/exports/{export_id}/file/",
    response_class=FileResponse,
    responses={
        200: {"content": {"application/zip": {}}, "description": "The file"},
        **errors(
            "export_not_found", "export_file_missing", "export_not_ready", "export_failed", "export_deleted"
        ),
    },
)
def download_export(export_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> FileResponse:
    """The ZIP."""
    path = service.open_export(session, actor, export_id, now=now)
    return FileResponse(
        path,
        media_type="application/zip",
        filename=f"mess-{export_id}.zip",
        headers={"Cache-Control": "no-store"},
    )


@router.post(
    "/erasures/",
    status_code=201,
    responses=errors(
        "role_not_allowed",
        "subject_missing",
        "user_not_found",
        "administrator_stays",
        "already_erased",
        "order_under_way",
        "own_business_open",
        "erasure_confirmed",
    ),
)
def ask_erasure(
    session: SessionDep, actor: CurrentActor, now: NowDep, body: SubjectIn | None = None
) -> AskedErasureOut:
    """The first step. Confirm it with the code in the answer; then it waits some days, and can be withdrawn."""
    subject_id = None if body is None else body.subject_id
    return AskedErasureOut.of_asked(service.ask_erasure(session, actor, subject_id, now=now))


@router.get("/erasures/")
def list_erasures(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[ErasureOut]:
    """Erasures asked for, newest first; an administrator sees all."""
    rows, next_cursor = repository.page_erasures(session, actor, page)
    return page_of(rows, next_cursor, ErasureOut.of)


@router.get("/erasures/{erasure_id}/", responses=errors("erasure_not_found"))
def get_erasure(erasure_id: UUID, session: SessionDep, actor: CurrentActor) -> ErasureOut:
    """How far it is."""
    return ErasureOut.of(service.get_erasure(session, actor, erasure_id))


@router.post(
    "/erasures/{erasure_id}/confirm/",
    responses=errors(
        "erasure_not_found",
        "order_under_way",
        "own_business_open",
        "erasure_not_open",
        "confirmation_expired",
        "wrong_code",
    ),
)
def confirm_erasure(
    erasure_id: UUID, body: ConfirmIn, session: SessionDep, actor: CurrentActor, now: NowDep
) -> ErasureOut:
    """The second step, with the code of the first."""
    return ErasureOut.of(service.confirm_erasure(session, actor, erasure_id, body.code, now=now))


@router.post("/erasures/{erasure_id}/withdraw/", responses=errors("erasure_not_found", "erasure_begun"))
def withdraw_erasure(erasure_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> ErasureOut:
    """Think better of it, until it begins."""
    return ErasureOut.of(service.withdraw_erasure(session, actor, erasure_id, now=now))


@router.get("/access-log/")
def list_access(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[AccessOut]:
    """Who looked at your positions, and who had your data copied or erased; newest first."""
    rows, next_cursor = repository.page_access(session, actor, page)
    return page_of(rows, next_cursor, AccessOut.of)
