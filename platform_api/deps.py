"""What endpoints ask for: a session that commits before the response, and who is calling."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from config import clock
from config.database import transaction
from platform_api.accounts import service as accounts
from platform_api.actor import Actor, MemberRole, Role
from platform_api.admin import impersonation
from platform_api.admin.auditing import audit
from platform_api.admin.rules import looks_like_impersonation
from platform_api.api_keys import service as api_keys
from platform_api.api_keys.rules import looks_like_key
from platform_api.error_bodies import request_id_of
from platform_api.errors import Forbidden, Unauthorised
from platform_api.languages import Language, language_of
from platform_api.methods import READING

__all__ = ["Actor", "CurrentActor", "LanguageDep", "NowDep", "Role", "SessionDep", "require_role"]


async def session_slot(request: Request) -> AsyncIterator[None]:
    """Wait for a database connection without holding a thread.

    A request holds its connection while it hops between worker threads. Were there more such
    requests than connections, threads blocked in the pool would starve the very requests they wait for.
    """
    async with request.app.state.session_slots:
        yield


def open_session(_slot: Annotated[None, Depends(session_slot, scope="function")]) -> Iterator[Session]:
    with transaction() as session:
        yield session


# scope="function": the commit precedes the response. FastAPI's default commits after the 200 has gone out.
SessionDep = Annotated[Session, Depends(open_session, scope="function")]


async def _now() -> datetime:
    return clock.now()


NowDep = Annotated[datetime, Depends(_now)]


async def _language(request: Request) -> Language:
    return language_of(request)


# What Accept-Language asks for.
LanguageDep = Annotated[Language, Depends(_language)]

_bearer = HTTPBearer(auto_error=False, description="The access token of /api/v1/auth/login/")


# What one who only reads may still change: his own account, and that he is a member at all.
OWN_PATHS = ("/api/v1/auth/", "/api/v1/organisations/leave/", "/api/v1/organisations/handovers/")
# What is left to who handed his business over and went: his account, his data, and joining another business.
FORMER_PATHS = ("/api/v1/auth/", "/api/v1/privacy/", "/api/v1/invitations/")
_READS = READING | {"OPTIONS"}


def closed_to_viewers(method: str, path: str) -> bool:
    """Whether a request changes what is the organisation's."""
    return method not in _READS and not path.startswith(OWN_PATHS)


def closed_to_formers(path: str) -> bool:
    """Whether this is nothing for who acts for no business any more."""
    return not path.startswith(FORMER_PATHS)


def current_actor(
    request: Request,
    session: SessionDep,
    now: NowDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Actor:
    if credentials is None:
        raise Unauthorised("not_authenticated", "Send an access token: Authorization: Bearer ...")
    actor = _actor_of(request, session, credentials.credentials, now)
    if actor.member_role is MemberRole.VIEWER and closed_to_viewers(request.method, request.url.path):
        raise Forbidden("read_only_member", "As a viewer of this organisation you only read.")
    if actor.member_role is MemberRole.FORMER and closed_to_formers(request.url.path):
        raise Forbidden("business_left", "You handed your business over and left it.")
    return actor


def _actor_of(request: Request, session: Session, token: str, now: datetime) -> Actor:
    """By an API key, as somebody else, or by an access token. What administrators change is audited."""
    method, path, request_id = request.method, request.url.path, request_id_of(request)
    if looks_like_key(token):
        return api_keys.authenticate(session, token, method, path, now=now)
    if looks_like_impersonation(token):
        return impersonation.authenticate(session, token, method, path, request_id=request_id, now=now)
    actor = accounts.authenticate(session, token, now=now)
    if actor.is_administrator and method not in _READS:
        audit(session, actor_id=actor.user_id, channel="api", request_id=request_id)
    return actor


CurrentActor = Annotated[Actor, Depends(current_actor)]


def require_role(*roles: Role) -> Callable[[Actor], Awaitable[Actor]]:
    """A dependency that lets only these roles through: `Annotated[Actor, Depends(require_role(Role.CARRIER))]`."""

    async def check(actor: CurrentActor) -> Actor:
        if actor.role not in roles:
            raise Forbidden("role_not_allowed", f"Only for: {', '.join(roles)}.")
        return actor

    return check


def is_role_check(call: object) -> bool:
    """Whether this is a dependency that `require_role` made."""
    return getattr(call, "__qualname__", "").startswith(f"{require_role.__qualname__}.")
