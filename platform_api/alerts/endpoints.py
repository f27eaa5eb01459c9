"""/api/v1/alerts/: the inbox of the party one acts for."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from platform_api.alerts import repository, service
from platform_api.alerts.schemas import AcknowledgeAllIn, AcknowledgedOut, AlertCountOut, AlertOut
from platform_api.deps import CurrentActor, LanguageDep, NowDep, SessionDep
from platform_api.fields import Id
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])


@router.get("/", responses=errors("alert_kind_unknown"))
def list_alerts(
    session: SessionDep,
    actor: CurrentActor,
    page: PageDep,
    language: LanguageDep,
    is_open: Annotated[
        bool | None, Query(alias="open", description="true: neither acknowledged nor withdrawn")
    ] = None,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    order_id: Annotated[UUID | None, Query()] = None,
) -> Page[AlertOut]:
    """Newest told first, in the language of Accept-Language."""
    service.check_kind(kind)
    rows, cursor = repository.page_alerts(session, actor, page, is_open=is_open, kind=kind, order_id=order_id)
    return page_of(rows, cursor, lambda row: AlertOut.of(row, language))


@router.get("/count/")
def count(session: SessionDep, actor: CurrentActor) -> AlertCountOut:
    """How many are open, for the badge."""
    counts = repository.open_counts(session, actor)
    return AlertCountOut.model_validate({"open": sum(counts.values()), "by_severity": counts})


@router.post("/acknowledge-all/")
def acknowledge_all(
    session: SessionDep, actor: CurrentActor, now: NowDep, body: AcknowledgeAllIn | None = None
) -> AcknowledgedOut:
    """Everything that is open, or the part of it that you have seen (`up_to`)."""
    up_to = body.up_to if body else None
    return AcknowledgedOut(acknowledged=service.acknowledge_all(session, actor, up_to=up_to, now=now))


@router.post("/{alert_id}/acknowledge/", responses=errors("alert_not_found"))
def acknowledge(
    alert_id: Id, session: SessionDep, actor: CurrentActor, now: NowDep, language: LanguageDep
) -> AlertOut:
    """One of you for all of you; again is harmless."""
    return AlertOut.of(service.acknowledge(session, actor, alert_id, now), language)
