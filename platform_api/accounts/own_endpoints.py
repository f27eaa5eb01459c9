"""/api/v1/auth/password/ and /api/v1/auth/sessions/: what somebody does about his own account."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request, Response

from platform_api.accounts import limits, passwords, repository, rules, sessions
from platform_api.accounts.endpoints import CODE_ERRORS, TextLanguageDep, answer_to_sign_in, origin_of
from platform_api.accounts.schemas import (
    CodeSentOut,
    LoginOut,
    PasswordChangeIn,
    ResetConfirmIn,
    ResetIn,
    RevokeAllIn,
    RevokedOut,
    SessionOut,
    SessionsOut,
)
from platform_api.deps import CurrentActor, NowDep, SessionDep
from platform_api.schemas import errors
from platform_api.throttle import edge
from platform_api.throttle.edge import LIMIT_ERRORS, NetworkDep, limited

router = APIRouter(prefix="/api/v1/auth", tags=["accounts"])


@router.post(
    "/password/reset/",
    status_code=202,
    dependencies=[Depends(limited(limits.RESET))],
    responses=errors("invalid_phone", *LIMIT_ERRORS),
)
def ask_reset(body: ResetIn, session: SessionDep, language: TextLanguageDep, now: NowDep) -> CodeSentOut:
    """Have a code texted for a new password. The answer is the same for a number without an account."""
    phone = rules.normalise_phone(body.phone)
    edge.spend(*[(limit, phone) for limit in limits.CODES], now=now)
    return CodeSentOut.until(passwords.ask_reset(session, phone, language=language, now=now))


@router.post(
    "/password/reset/confirm/",
    response_model=LoginOut,
    dependencies=[Depends(limited(limits.CONFIRM))],
    responses=errors(
        "invalid_phone", "invalid_password", "account_disabled", "locked_out", *CODE_ERRORS, *LIMIT_ERRORS
    ),
)
def reset(
    body: ResetConfirmIn, request: Request, session: SessionDep, network: NetworkDep, now: NowDep
) -> Any:
    """Set a new password with the texted code. Ends every session, opens every lock, and signs in."""
    phone = rules.normalise_phone(body.phone)
    edge.count_failure("reset", phone, network, now=now)
    password_hash = passwords.hash_password(body.new_password)
    origin = origin_of(request, body.device_name)
    outcome = passwords.reset(
        session, phone=phone, code=body.code, password_hash=password_hash, origin=origin, now=now
    )
    return answer_to_sign_in(request, outcome)


@router.post(
    "/password/change/",
    status_code=204,
    response_class=Response,
    responses=errors("wrong_password", "invalid_password", "locked_out"),
)
def change_password(
    body: PasswordChangeIn,
    session: SessionDep,
    actor: CurrentActor,
    network: NetworkDep,
    language: TextLanguageDep,
    now: NowDep,
) -> None:
    """Ends every session but this one."""
    user = repository.find_user(session, actor.user_id)
    assert user is not None  # found a moment ago by the same transaction
    edge.count_failure("password", user.phone, network, now=now)
    passwords.change(
        session,
        user,
        current=body.current_password,
        password_hash=passwords.hash_password(body.new_password),
        keep=actor.session_id,
        network=network,
        language=language,
        now=now,
    )


@router.get("/sessions/")
def list_sessions(session: SessionDep, actor: CurrentActor, now: NowDep) -> SessionsOut:
    """Where you are signed in, last seen first; at most 30, so there are no pages."""
    rows = sessions.live(session, actor.user_id, now=now)
    return SessionsOut(items=[SessionOut.of(row, actor.session_id) for row in rows])


@router.delete(
    "/sessions/{session_id}/",
    status_code=204,
    response_class=Response,
    responses=errors("session_not_found"),
)
def revoke_session(session_id: UUID, session: SessionDep, actor: CurrentActor, now: NowDep) -> None:
    """Sign out on that device, at once; again is harmless."""
    sessions.revoke(session, actor.user_id, session_id, now=now)


@router.post("/sessions/revoke-all/")
def revoke_all(
    session: SessionDep,
    actor: CurrentActor,
    now: NowDep,
    body: Annotated[RevokeAllIn | None, Body()] = None,
) -> RevokedOut:
    """Sign out everywhere, here too unless `keep_current`."""
    keep = actor.session_id if body is not None and body.keep_current else None
    return RevokedOut(revoked=sessions.revoke_all(session, actor.user_id, keep=keep, now=now))
