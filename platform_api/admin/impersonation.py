"""An administrator acts as somebody else: with a reason, for a while, told to that person, each request noted."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.accounts import repository as accounts_repository
from platform_api.accounts import service as accounts
from platform_api.actor import Actor, Role
from platform_api.admin import rules
from platform_api.admin.auditing import audit
from platform_api.admin.models import Impersonation, ImpersonationRequest
from platform_api.alerts import service as alerts
from platform_api.errors import NotFound, Unauthorised
from platform_api.opaque_tokens import hash_of
from platform_api.pagination import PageQuery, fetch_page


@dataclass(frozen=True, slots=True)
class Begun:
    """`token` is seen this one time."""

    row: Impersonation
    token: str


def begin(
    session: Session,
    administrator: Actor,
    *,
    user_id: UUID,
    reason: str,
    minutes: int,
    may_change: bool,
    now: datetime,
) -> Begun:
    """Raises NotFound `user_not_found`, Forbidden `not_impersonable`, Conflict `account_is_disabled`."""
    user = accounts_repository.find_user(session, user_id)
    if user is None:
        raise NotFound("user_not_found", "There is no such user.")
    rules.check_impersonation(
        administrator,
        user_id=user.id,
        role=Role(user.role),
        is_superuser=user.is_superuser,
        disabled=user.disabled,
    )
    token = rules.IMPERSONATION_PREFIX + secrets.token_urlsafe(32)
    row = Impersonation(
        administrator_id=administrator.user_id,
        user_id=user.id,
        reason=reason,
        may_change=may_change,
        token_hash=hash_of(token),
        started_at=now,
        ends_at=now + timedelta(minutes=minutes),
    )
    session.add(row)
    session.flush()
    # To the person, whoever he acts for: it is his account.
    alerts.raise_alert(
        session,
        party_id=user.id,
        kind="impersonated",
        at=now,
        now=now,
        facts={"reason": reason, "ends_at": row.ends_at.isoformat()},
        dedup=f"impersonation {row.id}",
    )
    return Begun(row, token)


def authenticate(
    session: Session, token: str, method: str, path: str, *, request_id: str | None, now: datetime
) -> Actor:
    """Who the administrator is for this request, which is noted, and its changes are audited.

    Raises Unauthorised, Forbidden.
    """
    row = session.scalar(select(Impersonation).where(Impersonation.token_hash == hash_of(token)))
    if row is None:
        raise Unauthorised("invalid_token", "This token is not valid.")
    rules.check_impersonated_request(
        may_change=row.may_change,
        ends_at=row.ends_at,
        ended_at=row.ended_at,
        method=method,
        path=path,
        now=now,
    )
    # He may have been disabled, or have lost the role, since he began.
    if not accounts.actor_of_user(session, row.administrator_id).is_administrator:
        raise Unauthorised("impersonation_over", "Acting as this user has ended.")
    session.add(
        ImpersonationRequest(impersonation_id=row.id, at=now, method=method, path=path, request_id=request_id)
    )
    audit(
        session,
        actor_id=row.administrator_id,
        acting_as=row.user_id,
        channel="api",
        request_id=request_id,
    )
    actor = accounts.actor_of_user(session, row.user_id)
    if actor.is_administrator:
        raise Unauthorised("impersonation_over", "Acting as this user has ended.")
    return actor


def end(session: Session, impersonation_id: UUID, *, now: datetime) -> Impersonation:
    """Again is harmless. Raises NotFound `impersonation_not_found`."""
    row = session.get(Impersonation, impersonation_id, with_for_update=True)
    if row is None:
        raise NotFound("impersonation_not_found", "There is no such impersonation.")
    if row.ended_at is None:
        row.ended_at = min(now, row.ends_at)
    return row


def page(session: Session, query: PageQuery) -> tuple[list[Impersonation], str | None]:
    return fetch_page(session, select(Impersonation), (Impersonation.started_at, Impersonation.id), query)


def page_requests(
    session: Session, impersonation_id: UUID, query: PageQuery
) -> tuple[list[ImpersonationRequest], str | None]:
    statement = select(ImpersonationRequest).where(ImpersonationRequest.impersonation_id == impersonation_id)
    return fetch_page(session, statement, (ImpersonationRequest.id,), query)
