"""/api/v1/alert-rules/: who is alerted of what, and when."""

from fastapi import APIRouter, Response

from platform_api.alert_rules import service
from platform_api.alert_rules.schemas import AlertRuleChange, AlertRuleIn, AlertRuleOut
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.fields import Id
from platform_api.idempotency.once import OnceDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1/alert-rules", tags=["alerts"])

_FORM = ("invalid_alert_rule", "unknown_alert_kinds", "not_of_your_party")


@router.post(
    "/",
    status_code=201,
    responses=errors(
        *_FORM,
        "role_not_allowed",
        "too_many_alert_rules",
        "geofence_not_found",
        "geofence_retired",
        "geofence_group_not_found",
        "vehicle_not_found",
    ),
)
def create(
    body: AlertRuleIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> AlertRuleOut:
    """It judges what happens from now on; what it finds is in the inbox of alerts."""
    return once.run(
        AlertRuleOut,
        lambda: AlertRuleOut.model_validate(service.create(session, actor, body.wish(), now=now)),
    )


@router.get("/")
def list_rules(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[AlertRuleOut]:
    """Newest first."""
    rows, cursor = service.page(session, actor, page)
    return page_of(rows, cursor, AlertRuleOut.model_validate)


@router.get("/{rule_id}/", responses=errors("alert_rule_not_found"))
def read(rule_id: Id, session: SessionDep, actor: CurrentActor, response: Response) -> AlertRuleOut:
    """One of yours."""
    row = service.get(session, actor, rule_id)
    set_etag(response, row.version)
    return AlertRuleOut.model_validate(row)


@router.patch(
    "/{rule_id}/",
    responses=errors(*_FORM, "alert_rule_not_found"),
)
def change(
    rule_id: Id,
    body: AlertRuleChange,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> AlertRuleOut:
    """Change what is given; the next event is judged by it."""
    row = service.change(session, actor, rule_id, body.changes(), expected=expected, now=now)
    set_etag(response, row.version)
    return AlertRuleOut.model_validate(row)


@router.delete(
    "/{rule_id}/", status_code=204, response_class=Response, responses=errors("alert_rule_not_found")
)
def remove(rule_id: Id, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """What it told stays in the inbox."""
    service.remove(session, actor, rule_id, now=now)
