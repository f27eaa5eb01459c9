"""/api/v1/organisations/ for a business and its people, /api/v1/invitations/ for whom it invites."""

from uuid import UUID

from fastapi import APIRouter, Response

from platform_api.actor import MemberRole
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.idempotency.once import IDEMPOTENCY_ERRORS, OnceDep
from platform_api.organisations import service
from platform_api.organisations.schemas import (
    InvitationIn,
    InvitationOut,
    MemberChange,
    MemberOut,
    OrganisationOut,
)
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

router = APIRouter(
    prefix="/api/v1/organisations",
    tags=["organisations"],
    responses=errors("not_authenticated", "account_disabled", "role_not_allowed"),
)
received_router = APIRouter(
    prefix="/api/v1/invitations",
    tags=["organisations"],
    responses=errors("not_authenticated", "account_disabled"),
)


@router.get("/mine/")
def read_mine(session: SessionDep, actor: CurrentActor) -> OrganisationOut:
    """Everybody who has a business has an organisation, if of one person."""
    return OrganisationOut.of(service.get_organisation(session, actor))


@router.get("/members/", responses=errors("invalid_cursor"))
def list_members(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[MemberOut]:
    """Besides the owner; who came first is first."""
    rows, cursor = service.list_members(session, actor, page)
    return page_of(rows, cursor, MemberOut.of)


@router.get("/members/{user_id}/", responses=errors("member_not_found"))
def read_member(user_id: UUID, session: SessionDep, actor: CurrentActor, response: Response) -> MemberOut:
    """One member and what he may do."""
    member = service.get_member(session, actor, user_id)
    set_etag(response, member.row.version)
    return MemberOut.of(member)


@router.patch(
    "/members/{user_id}/",
    responses=errors(
        "role_not_allowed",
        "managers_only",
        "owner_only",
        "member_not_found",
        "invalid_if_match",
        "version_mismatch",
    ),
)
def change_member(
    user_id: UUID,
    body: MemberChange,
    session: SessionDep,
    actor: CurrentActor,
    expected: IfMatch,
    response: Response,
) -> MemberOut:
    """By the owner and managers; only the owner makes and unmakes managers."""
    role = MemberRole(body.role)
    member = service.change_member(session, actor, user_id, role=role, expected=expected)
    set_etag(response, member.row.version)
    return MemberOut.of(member)


@router.delete(
    "/members/{user_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("role_not_allowed", "managers_only", "owner_only", "member_not_found"),
)
def remove_member(user_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """He acts for himself again from his next request on; an open live view of his ends within 30 seconds."""
    service.remove_member(session, actor, user_id, now)


@router.post(
    "/leave/", status_code=204, response_class=Response, responses=errors("not_a_member", "owner_stays")
)
def leave(session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """For members, viewers too. The owner stays, until he has handed the business over."""
    service.leave(session, actor, now)


@router.post(
    "/invitations/",
    status_code=201,
    responses=errors(
        *IDEMPOTENCY_ERRORS,
        "role_not_allowed",
        "managers_only",
        "owner_only",
        "invalid_phone",
        "already_member",
        "invitation_open",
        "organisation_closed",
        "too_many_invitations",
    ),
)
def invite(
    body: InvitationIn, session: SessionDep, actor: CurrentActor, now: NowDep, once: OnceDep
) -> InvitationOut:
    """Who has that phone number is told by SMS and may accept within 7 days, also if he registers only then."""

    def make() -> InvitationOut:
        made = service.invite(session, actor, phone=body.phone, joins_as=body.joins_as, now=now)
        return InvitationOut.of(made)

    return once.run(InvitationOut, make)


@router.get("/invitations/", responses=errors("invalid_cursor"))
def list_sent(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[InvitationOut]:
    """Sent by your organisation, newest first; members who do not manage it see those of drivers."""
    rows, cursor = service.sent(session, actor, page)
    return page_of(rows, cursor, InvitationOut.of)


@router.post(
    "/invitations/{invitation_id}/revoke/",
    responses=errors(
        "role_not_allowed",
        "managers_only",
        "owner_only",
        "invitation_not_found",
        "invitation_closed",
    ),
)
def revoke(invitation_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> InvitationOut:
    """Nobody can accept it any more."""
    return InvitationOut.of(service.revoke(session, actor, invitation_id, now))


@received_router.get("/", responses=errors("invalid_cursor"))
def list_received(
    session: SessionDep, actor: CurrentActor, now: NowDep, page: PageDep
) -> Page[InvitationOut]:
    """To your phone number, as long as they can be answered."""
    rows, cursor = service.received(session, actor, page, now)
    return page_of(rows, cursor, InvitationOut.of)


_ANSWER_ERRORS = ("invitation_not_found", "invitation_closed", "invitation_expired")


@received_router.post(
    "/{invitation_id}/accept/",
    responses=errors(
        *_ANSWER_ERRORS,
        "organisation_closed",
        "role_mismatch",
        "already_member",
        "own_business_open",
        "not_a_driver",
        "driver_taken",
    ),
)
def accept(invitation_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> InvitationOut:
    """From your next request on you act for the organisation, or drive for the carrier."""
    return InvitationOut.of(service.accept(session, actor, invitation_id, now))


@received_router.post("/{invitation_id}/decline/", responses=errors(*_ANSWER_ERRORS))
def decline(invitation_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> InvitationOut:
    """Say no to an invitation."""
    return InvitationOut.of(service.decline(session, actor, invitation_id, now))
