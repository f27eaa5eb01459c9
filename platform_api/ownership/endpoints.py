"""/api/v1/organisations/handovers/: a business goes from its owner to one of its members."""

from uuid import UUID

from fastapi import APIRouter

from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.ownership import service
from platform_api.ownership.schemas import HandoverIn, HandoverOut
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(
    prefix="/api/v1/organisations/handovers",
    tags=["organisations"],
    responses=errors("not_authenticated", "account_disabled", "role_not_allowed"),
)

_CLOSED = ("handover_not_found", "handover_closed")


@router.post(
    "/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        "role_not_allowed",
        "not_the_owner",
        "member_not_found",
        "company_name_missing",
        "handover_open",
        "organisation_closed",
    ),
)
def offer_handover(
    body: HandoverIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> HandoverOut:
    """By the owner, to a member, who has 7 days to accept. Until then nothing changes."""

    def make() -> HandoverOut:
        return HandoverOut.of(service.offer(session, actor, body.user_id, now=now))

    return once.run(HandoverOut, make)


@router.get("/", responses=errors("invalid_cursor"))
def list_handovers(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[HandoverOut]:
    """Offered to you, and for its owner and managers all of the business; newest first."""
    rows, cursor = service.list_own(session, actor, page)
    return page_of(rows, cursor, HandoverOut.of)


@router.post("/{handover_id}/withdraw/", responses=errors("role_not_allowed", "not_the_owner", *_CLOSED))
def withdraw_handover(
    handover_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep
) -> HandoverOut:
    """By the owner, as long as it was not answered."""
    return HandoverOut.of(service.withdraw(session, actor, handover_id, now=now))


@router.post(
    "/{handover_id}/accept/",
    responses=errors(*_CLOSED, "handover_expired", "organisation_closed", "company_name_missing"),
)
def accept_handover(handover_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> HandoverOut:
    """The business is yours from your next request on, and who owned it is a manager. Your own identity must be proved anew."""
    return HandoverOut.of(service.accept(session, actor, handover_id, now=now))


@router.post("/{handover_id}/decline/", responses=errors(*_CLOSED, "handover_expired"))
def decline_handover(handover_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> HandoverOut:
    """Say no."""
    return HandoverOut.of(service.decline(session, actor, handover_id, now=now))
