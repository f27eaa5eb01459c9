"""/api/v1/order-templates/ and /api/v1/order-schedules/: orders that come again."""

from uuid import UUID

from fastapi import APIRouter, Response

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.orders.endpoints import CONTENT_ERRORS
from platform_api.orders.schemas import OrderOut, shown_order
from platform_api.pagination import Page, PageDep, page_of
from platform_api.repeats import repository, service
from platform_api.repeats.schemas import (
    FromTemplateIn,
    OccurrenceOut,
    ScheduleChange,
    ScheduleIn,
    ScheduleOut,
    TemplateChange,
    TemplateIn,
    TemplateOut,
)
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(prefix="/api/v1", tags=["orders"])

TEMPLATES, SCHEDULES = "/order-templates/", "/order-schedules/"


@router.post(
    TEMPLATES,
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        "role_not_allowed",
        "order_not_found",
        "too_many_repeats",
        "template_source",
        *CONTENT_ERRORS,
    ),
)
def save_template(
    body: TemplateIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> TemplateOut:
    """Keeps an order to make others of."""

    def make() -> TemplateOut:
        made = service.save_template(
            session, actor, name=body.name, order=body.order, order_id=body.order_id, now=now
        )
        return TemplateOut.model_validate(made)

    return once.run(TemplateOut, make)


@router.get(TEMPLATES)
def list_templates(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[TemplateOut]:
    """Yours, newest first."""
    rows, cursor = repository.list_templates(session, actor, page)
    return page_of(rows, cursor, TemplateOut.model_validate)


@router.get(TEMPLATES + "{template_id}/", responses=errors("template_not_found"))
def read_template(
    template_id: UUID, session: SessionDep, actor: CurrentActor, response: Response
) -> TemplateOut:
    """One of yours."""
    template = service.get_template(session, actor, template_id)
    set_etag(response, template.version)
    return TemplateOut.model_validate(template)


@router.patch(
    TEMPLATES + "{template_id}/",
    responses=errors("invalid_if_match", "template_not_found", "version_mismatch", *CONTENT_ERRORS),
)
def change_template(
    template_id: UUID,
    body: TemplateChange,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> TemplateOut:
    """Orders that were made of it stay as they are."""
    template = service.change_template(
        session, actor, template_id, name=body.name, order=body.order, expected=expected, now=now
    )
    set_etag(response, template.version)
    return TemplateOut.model_validate(template)


@router.delete(TEMPLATES + "{template_id}/", status_code=204, responses=errors("template_not_found"))
def remove_template(template_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """Its schedules end with it."""
    service.remove_template(session, actor, template_id, now)


@router.post(
    TEMPLATES + "{template_id}/orders/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        "role_not_allowed",
        "not_verified",
        "template_not_found",
        "pickup_over",
        "expiry_over",
        *CONTENT_ERRORS,
    ),
)
def create_order(
    template_id: UUID,
    body: FromTemplateIn,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    once: OnceDep,
) -> OrderOut:
    """A draft of the template, or an order on the market."""

    def make() -> OrderOut:
        order = service.order_from(
            session,
            actor,
            template_id,
            pickup_date=body.pickup_date,
            changes=body.changes,
            posts=body.post,
            now=now,
        )
        return shown_order(order, actor)

    return once.run(OrderOut, make)


@router.post(
    SCHEDULES,
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        "role_not_allowed",
        "template_not_found",
        "too_many_repeats",
        "schedule_days",
        "schedule_never",
    ),
)
def save_schedule(
    body: ScheduleIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> ScheduleOut:
    """Makes orders of a template by itself, one for each of its days."""

    def make() -> ScheduleOut:
        made = service.save_schedule(
            session, actor, template_id=body.template_id, terms=body.terms(), now=now
        )
        return ScheduleOut.model_validate(made)

    return once.run(ScheduleOut, make)


@router.get(SCHEDULES)
def list_schedules(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[ScheduleOut]:
    """Yours, newest first."""
    rows, cursor = repository.list_schedules(session, actor, page)
    return page_of(rows, cursor, ScheduleOut.model_validate)


@router.get(SCHEDULES + "{schedule_id}/", responses=errors("schedule_not_found"))
def read_schedule(
    schedule_id: UUID, session: SessionDep, actor: CurrentActor, response: Response
) -> ScheduleOut:
    """One of yours."""
    schedule = service.get_schedule(session, actor, schedule_id)
    set_etag(response, schedule.version)
    return ScheduleOut.model_validate(schedule)


@router.patch(
    SCHEDULES + "{schedule_id}/",
    responses=errors(
        "invalid_if_match", "schedule_not_found", "schedule_days", "schedule_never", "version_mismatch"
    ),
)
def change_schedule(
    schedule_id: UUID,
    body: ScheduleChange,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> ScheduleOut:
    """From now on. What was due before comes as it was; a day that had its order has no second one."""
    schedule = service.change_schedule(session, actor, schedule_id, body.of, expected=expected, now=now)
    set_etag(response, schedule.version)
    return ScheduleOut.model_validate(schedule)


@router.post(SCHEDULES + "{schedule_id}/pause/", responses=errors("schedule_not_found"))
def pause(schedule_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> ScheduleOut:
    """No orders until it is resumed."""
    return ScheduleOut.model_validate(service.pause(session, actor, schedule_id, now))


@router.post(SCHEDULES + "{schedule_id}/resume/", responses=errors("schedule_not_found"))
def resume(schedule_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> ScheduleOut:
    """From now on; the days of the pause are not made up for."""
    return ScheduleOut.model_validate(service.resume(session, actor, schedule_id, now))


@router.delete(SCHEDULES + "{schedule_id}/", status_code=204, responses=errors("schedule_not_found"))
def remove_schedule(schedule_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """Orders that it made stay."""
    service.remove_schedule(session, actor, schedule_id, now)


@router.get(SCHEDULES + "{schedule_id}/occurrences/", responses=errors("schedule_not_found"))
def list_occurrences(
    schedule_id: UUID, session: SessionDep, actor: CurrentActor, page: PageDep
) -> Page[OccurrenceOut]:
    """What came of each day, newest first."""
    service.get_schedule(session, actor, schedule_id)
    rows, cursor = repository.list_occurrences(session, schedule_id, page)
    return page_of(rows, cursor, OccurrenceOut.model_validate)
