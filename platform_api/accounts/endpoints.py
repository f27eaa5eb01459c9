"""/api/v1/auth/: accounts and tokens."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from platform_api.accounts import service
from platform_api.accounts.schemas import LoginIn, LoginOut, RefreshIn, RegisterIn, TokensOut, UserOut
from platform_api.deps import NowDep, SessionDep
from platform_api.error_handlers import error_response
from platform_api.errors import PlatformError
from platform_api.schemas import errors

router = APIRouter(prefix="/api/v1/auth", tags=["accounts"])


@router.post(
    "/register/",
    status_code=201,
    responses=errors("role_not_allowed", "phone_taken", "invalid_phone", "invalid_password"),
)
def register(body: RegisterIn, session: SessionDep) -> UserOut:
    """Create an account. A phone number without country code is Senegalese."""
    user = service.register(session, phone=body.phone, name=body.name, role=body.role, password=body.password)
    return UserOut.of(user)


@router.post("/login/", responses=errors("wrong_credentials", "account_disabled", "invalid_phone"))
def login(body: LoginIn, session: SessionDep, now: NowDep) -> LoginOut:
    """A token of some minutes for calls, and a refresh token for the next one."""
    return LoginOut.of(service.login(session, phone=body.phone, password=body.password, now=now))


@router.post(
    "/token/refresh/",
    response_model=TokensOut,
    responses=errors("invalid_token", "token_expired", "token_reused", "token_revoked", "account_disabled"),
)
def refresh(body: RefreshIn, request: Request, session: SessionDep, now: NowDep) -> Any:
    """Spend a refresh token for a new pair. Using one twice revokes every token of that login."""
    outcome = service.refresh(session, token=body.refresh, now=now)
    if isinstance(outcome, PlatformError):
        response: JSONResponse = error_response(request, outcome)
        return response
    return TokensOut.of_tokens(outcome)


@router.post(
    "/logout/", status_code=204, response_class=Response, responses=errors("invalid_token", "token_expired")
)
def logout(body: RefreshIn, session: SessionDep, now: NowDep) -> None:
    """Revoke the login of this refresh token. Its access token dies within minutes by itself."""
    service.logout(session, token=body.refresh, now=now)
