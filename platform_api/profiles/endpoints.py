"""/api/v1/auth/me/ and /api/v1/profiles/."""

from uuid import UUID

from fastapi import APIRouter, Response

from platform_api.actor import Actor
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.organisations.rules import BUSINESSES
from platform_api.profiles import service
from platform_api.profiles.schemas import MeChange, MeOut, PublicProfileOut
from platform_api.schemas import errors
from platform_api.versions import IfMatch, set_etag

me_router = APIRouter(
    prefix="/api/v1/auth", tags=["accounts"], responses=errors("not_authenticated", "account_disabled")
)
router = APIRouter(
    prefix="/api/v1/profiles", tags=["profiles"], responses=errors("not_authenticated", "account_disabled")
)


def _shown(me: service.Me, actor: Actor, response: Response) -> MeOut:
    set_etag(response, me.version)
    return MeOut.of_me(me, actor, has_business=actor.role in BUSINESSES)


@me_router.get("/me/")
def read_me(session: SessionDep, actor: CurrentActor, now: NowDep, response: Response) -> MeOut:
    """Who is signed in, and the business he acts for."""
    return _shown(service.read_me(session, actor, now), actor, response)


@me_router.patch(
    "/me/",
    responses=errors(
        "role_not_allowed",
        "managers_only",
        "company_name_missing",
        "invalid_if_match",
        "version_mismatch",
        "invalid_email",
        "invalid_ninea",
        "invalid_rccm",
        "invalid_region",
    ),
)
def change_me(
    body: MeChange,
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    expected: IfMatch,
    response: Response,
) -> MeOut:
    """What is left out stays. Company, NINEA, RCCM and region are the business's: for its owner and managers."""
    changes = body.model_dump(exclude_unset=True)
    return _shown(service.change_me(session, actor, changes, expected=expected, now=now), actor, response)


@router.get("/{party_id}/", responses=errors("profile_not_found"))
def read_public(party_id: UUID, session: SessionDep, _actor: CurrentActor, now: NowDep) -> PublicProfileOut:
    """A shipper, carrier or broker as the market knows him: no phone, no address, no person who works there."""
    return PublicProfileOut.model_validate(service.read_public(session, party_id, now))
