"""/api/v1/api-keys/: keys for a party's own systems."""

from uuid import UUID

from fastapi import APIRouter, Response

from platform_api.api_keys import service
from platform_api.api_keys.schemas import ApiKeyIn, ApiKeyOut, NewApiKeyOut
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.pagination import Page, PageDep, page_of
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/api-keys", tags=["API keys"], responses=errors("not_authenticated"))


@router.post(
    "/", status_code=201, responses=errors("role_not_allowed", "too_many_api_keys", "invalid_expiry")
)
def create(body: ApiKeyIn, session: SessionDep, actor: CurrentActor, now: NowDep) -> NewApiKeyOut:
    """The key is in the answer and never again. Send it as `Authorization: Bearer mess_key_...`.

    It acts as you do, within its scopes; a key cannot make keys, nor reach accounts, members or privacy.
    """
    new = service.create(
        session, actor, name=body.name, scopes=set(body.scopes), expires_at=body.expires_at, now=now
    )
    return NewApiKeyOut.of(new)


@router.get("/")
def list_keys(session: SessionDep, actor: CurrentActor, page: PageDep) -> Page[ApiKeyOut]:
    """Your keys, newest first; never their secrets."""
    rows, cursor = service.page(session, actor, page)
    return page_of(rows, cursor, ApiKeyOut.model_validate)


@router.delete("/{key_id}/", status_code=204, response_class=Response, responses=errors("api_key_not_found"))
def revoke(key_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """The key is refused from the next request on."""
    service.revoke(session, actor, key_id, now=now)
