"""/api/v1/duty/: a driver's duty, and whether his phone is followed."""

from fastapi import APIRouter

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.duty import service
from platform_api.duty.schemas import DutyOut, DutyPeriodOut, DutyStartIn
from platform_api.pagination import PageDep
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/duty", tags=["duty"])


@router.get("/", responses=errors("role_not_allowed"))
def show_duty(session: SessionDep, actor: CurrentActor, page: PageDep, now: NowDep) -> DutyOut:
    """Whether the positions of your phone are taken now, since when, until when, and why."""
    return DutyOut.of(service.show_duty(session, actor, page, now=now))


@router.post(
    "/start/", responses=errors("role_not_allowed", "duty_overlap", "time_in_future", "time_too_long_ago")
)
def start_duty(
    session: SessionDep, actor: CurrentActor, now: NowDep, body: DutyStartIn | None = None
) -> DutyPeriodOut:
    """Go on duty: from now on the positions of your phone are taken. Only you can do this."""
    return DutyPeriodOut.of(service.start_duty(session, actor, at=None if body is None else body.at, now=now))


@router.post("/stop/", responses=errors("role_not_allowed", "not_on_duty"))
def stop_duty(session: SessionDep, actor: CurrentActor, now: NowDep) -> DutyPeriodOut:
    """End your duty. While you are on an order its positions go on being taken."""
    return DutyPeriodOut.of(service.stop_duty(session, actor, now=now))
