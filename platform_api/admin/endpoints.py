"""/api/v1/admin/: what only administrators do and read."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from sqlalchemy import select

from platform_api.actor import Actor, Role
from platform_api.admin import impersonation
from platform_api.admin.models import AuditEntry
from platform_api.admin.schemas import (
    AuditOut,
    BegunImpersonationOut,
    ImpersonatedRequestOut,
    ImpersonationIn,
    ImpersonationOut,
)
from platform_api.deps import NowDep, SessionDep, require_role
from platform_api.pagination import Page, PageDep, fetch_page, page_of
from platform_api.schemas import errors

router = APIRouter(
    prefix="/api/v1/admin", tags=["administration"], responses=errors("not_authenticated", "role_not_allowed")
)

Administrator = Annotated[Actor, Depends(require_role(Role.ADMINISTRATOR))]


@router.post(
    "/impersonations/",
    status_code=201,
    responses=errors("user_not_found", "role_not_allowed", "not_impersonable", "account_is_disabled"),
)
def begin(
    body: ImpersonationIn, session: SessionDep, actor: Administrator, now: NowDep
) -> BegunImpersonationOut:
    """Act as a user: the token in the answer is his access token, for a while. He is told so, with the reason."""
    begun = impersonation.begin(
        session,
        actor,
        user_id=body.user_id,
        reason=body.reason,
        minutes=body.minutes,
        may_change=body.may_change,
        now=now,
    )
    return BegunImpersonationOut.of(begun)


@router.get("/impersonations/")
def list_impersonations(session: SessionDep, _: Administrator, page: PageDep) -> Page[ImpersonationOut]:
    """Who acted as whom, newest first."""
    rows, cursor = impersonation.page(session, page)
    return page_of(rows, cursor, ImpersonationOut.model_validate)


@router.post("/impersonations/{impersonation_id}/end/", responses=errors("impersonation_not_found"))
def end(impersonation_id: UUID, session: SessionDep, _: Administrator, now: NowDep) -> ImpersonationOut:
    """Its token is worth nothing any more."""
    return ImpersonationOut.model_validate(impersonation.end(session, impersonation_id, now=now))


@router.get("/impersonations/{impersonation_id}/requests/")
def list_requests(
    impersonation_id: UUID, session: SessionDep, _: Administrator, page: PageDep
) -> Page[ImpersonatedRequestOut]:
    """Every request that was made in it, newest first."""
    rows, cursor = impersonation.page_requests(session, impersonation_id, page)
    return page_of(rows, cursor, ImpersonatedRequestOut.model_validate)


@router.get("/audit/")
def list_audit(
    session: SessionDep,
    _: Administrator,
    page: PageDep,
    actor_id: Annotated[UUID | None, Query(description="what this administrator did")] = None,
    table: Annotated[str | None, Query(max_length=63, description="changes of this table")] = None,
) -> Page[AuditOut]:
    """What administrators changed, as themselves or as somebody else; newest first."""
    statement = select(AuditEntry)
    if actor_id is not None:
        statement = statement.where(AuditEntry.actor_id == actor_id)
    if table is not None:
        statement = statement.where(AuditEntry.table_name == table)
    rows, cursor = fetch_page(session, statement, (AuditEntry.id,), page)
    return page_of(rows, cursor, AuditOut.model_validate)
