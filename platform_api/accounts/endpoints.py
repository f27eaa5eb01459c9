"""/api/v1/auth/: register, verify, sign in, stay signed in, sign out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from platform_api.accounts import limits, passwords, registering, rules, service, sessions
from platform_api.accounts.schemas import (
    LoginIn,
    LoginOut,
    RefreshIn,
    RegisterIn,
    RegistrationOut,
    ResendIn,
    TokensOut,
    VerifyIn,
)
from platform_api.accounts.sessions import Origin, SignedIn
from platform_api.deps import NowDep, SessionDep
from platform_api.error_handlers import error_response
from platform_api.errors import PlatformError
from platform_api.languages import Language, language_of_texts
from platform_api.schemas import errors
from platform_api.throttle import edge
from platform_api.throttle.edge import LIMIT_ERRORS, NetworkDep, limited

router = APIRouter(prefix="/api/v1/auth", tags=["accounts"])

CODE_ERRORS = ("code_wrong", "code_expired", "code_used_up")
PHONE_ERRORS = ("invalid_phone", "phone_country_not_accepted", "phone_not_mobile")


async def _text_language(request: Request) -> Language:
    return language_of_texts(request)


# Of what is texted.
TextLanguageDep = Annotated[Language, Depends(_text_language)]


def origin_of(request: Request, device_name: str = "") -> Origin:
    """Where a request comes from; control characters of a strange client are left out."""
    agent = "".join(c for c in request.headers.get("user-agent", "") if c.isprintable())
    return Origin(device_name, agent, request.client.host if request.client else "")


def answer_to_sign_in(request: Request, outcome: SignedIn | PlatformError) -> Any:
    """A refusal that was returned and not raised: what it counted is committed."""
    if isinstance(outcome, PlatformError):
        response: JSONResponse = error_response(request, outcome)
        return response
    return LoginOut.of(outcome)


@router.post(
    "/register/",
    status_code=201,
    dependencies=[Depends(limited(limits.REGISTER))],
    responses=errors("role_not_allowed", "invalid_password", *PHONE_ERRORS, *LIMIT_ERRORS),
)
def register(
    body: RegisterIn, session: SessionDep, language: TextLanguageDep, now: NowDep
) -> RegistrationOut:
    """Ask for an account: a code is texted to the phone, and `otp/verify/` makes the account.

    A number without country code is Senegalese; mobile numbers of ECOWAS are accepted. The answer does not
    tell whether the number has an account: its owner is texted that it has. Registering a number again
    replaces what was registered and not verified; no Idempotency-Key is needed.
    """
    phone = registering.check(phone=body.phone, role=body.role)
    edge.spend(*[(limit, phone) for limit in limits.CODES], now=now)
    password_hash = passwords.hash_password(body.password)
    pending = registering.register(
        session,
        phone=phone,
        name=body.name,
        role=body.role,
        password_hash=password_hash,
        language=language,
        now=now,
    )
    return RegistrationOut.of(pending)


@router.post(
    "/otp/verify/",
    response_model=LoginOut,
    dependencies=[Depends(limited(limits.VERIFY))],
    responses=errors("registration_not_found", "phone_taken", *CODE_ERRORS, *LIMIT_ERRORS),
)
def verify(body: VerifyIn, request: Request, session: SessionDep, now: NowDep) -> Any:
    """Show with the texted code that the phone is yours. Makes the account and signs in."""
    origin = origin_of(request, body.device_name)
    outcome = registering.verify(session, body.registration_id, code=body.code, origin=origin, now=now)
    return answer_to_sign_in(request, outcome)


@router.post(
    "/otp/resend/",
    dependencies=[Depends(limited(limits.RESEND))],
    responses=errors("registration_not_found", *LIMIT_ERRORS),
)
def resend(body: ResendIn, session: SessionDep, language: TextLanguageDep, now: NowDep) -> RegistrationOut:
    """Text another code for a registration; the one before it is dead."""
    phone = registering.get_pending(session, body.registration_id, now=now).phone
    edge.spend(*[(limit, phone) for limit in limits.CODES], now=now)
    pending = registering.resend(session, body.registration_id, language=language, now=now)
    return RegistrationOut.of(pending)


@router.post(
    "/login/",
    response_model=LoginOut,
    dependencies=[Depends(limited(limits.LOGIN))],
    responses=errors(
        "wrong_credentials",
        "account_disabled",
        "phone_not_verified",
        "invalid_phone",
        "locked_out",
        *LIMIT_ERRORS,
    ),
)
def login(body: LoginIn, request: Request, session: SessionDep, network: NetworkDep, now: NowDep) -> Any:
    """Sign in. After five wrong passwords each further one locks the number for this address, longer each time;
    a password reset opens it."""
    phone = rules.normalise_phone(body.phone)
    wanted = service.limits_of_login(session, phone, network, now=now)
    edge.count_failure("login", phone, network, *wanted, now=now)
    outcome = service.login(
        session,
        phone=phone,
        password=body.password,
        network=network,
        spent=wanted,
        origin=origin_of(request, body.device_name),
        now=now,
    )
    return answer_to_sign_in(request, outcome)


@router.post(
    "/token/refresh/",
    response_model=TokensOut,
    dependencies=[Depends(limited(limits.REFRESH))],
    responses=errors(
        "invalid_token", "token_expired", "token_reused", "token_revoked", "account_disabled", *LIMIT_ERRORS
    ),
)
def refresh(body: RefreshIn, request: Request, session: SessionDep, now: NowDep) -> Any:
    """Spend a refresh token for a new pair. Using one twice ends its session."""
    claims = sessions.decode_refresh(body.refresh, now=now)
    edge.spend((limits.REFRESH_USER, str(claims.user_id)), now=now)
    outcome = sessions.refresh(session, token=body.refresh, origin=origin_of(request), now=now)
    if isinstance(outcome, PlatformError):
        response: JSONResponse = error_response(request, outcome)
        return response
    return TokensOut.of_tokens(outcome)


@router.post(
    "/logout/",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(limited(limits.LOGOUT))],
    responses=errors("invalid_token", "token_expired", *LIMIT_ERRORS),
)
def logout(body: RefreshIn, session: SessionDep, now: NowDep) -> None:
    """End the session of this refresh token: its access token is refused from now on."""
    sessions.logout(session, token=body.refresh, now=now)
