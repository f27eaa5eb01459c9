"""Keys for a party's own systems: made once, seen once, revoked at any time."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from platform_api.accounts import service as accounts
from platform_api.actor import Actor
from platform_api.api_keys import rules
from platform_api.api_keys.models import ApiKey
from platform_api.errors import NotFound, Unauthorised
from platform_api.opaque_tokens import hash_of
from platform_api.pagination import PageQuery, fetch_page

# So exactly is known when a key was last used; every request would write otherwise.
LAST_USED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NewKey:
    """`key` is seen this one time."""

    row: ApiKey
    key: str


def _own(actor: Actor) -> Select[ApiKey]:
    return select(ApiKey).where(ApiKey.party_id == actor.party_id)


def create(
    session: Session,
    actor: Actor,
    *,
    name: str,
    scopes: Collection[rules.Scope],
    expires_at: datetime | None,
    now: datetime,
) -> NewKey:
    living = session.scalar(
        select(func.count())
        .select_from(ApiKey)
        .where(
            ApiKey.party_id == actor.party_id,
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
        )
    )
    rules.check_creatable(actor, living=living or 0, expires_at=expires_at, now=now)
    key = rules.PREFIX + secrets.token_urlsafe(rules.SECRET_BYTES)
    row = ApiKey(
        party_id=actor.party_id,
        user_id=actor.user_id,
        name=name,
        prefix=key[: rules.SHOWN_CHARS],
        key_hash=hash_of(key),
        scopes=sorted(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return NewKey(row, key)


def page(session: Session, actor: Actor, query: PageQuery) -> tuple[list[ApiKey], str | None]:
    return fetch_page(session, _own(actor), (ApiKey.created_at, ApiKey.id), query)


def revoke(session: Session, actor: Actor, key_id: UUID, *, now: datetime) -> None:
    """Works with the next request; again is harmless. Raises NotFound `api_key_not_found`."""
    row = session.scalar(_own(actor).where(ApiKey.id == key_id).with_for_update())
    if row is None:
        raise NotFound("api_key_not_found", "You have no such API key.")
    if row.revoked_at is None:
        row.revoked_at = now


def authenticate(session: Session, key: str, method: str, path: str, *, now: datetime) -> Actor:
    """Who asks with this key, for a request that its scopes open. Raises Unauthorised, Forbidden.

    It acts as the person who made it does now: when he leaves the party, the key is worth nothing.
    """
    row = _find(session, key, now=now)
    rules.check_request(row.scopes, method, path)
    actor = accounts.actor_of_user(session, row.user_id)
    if actor.party_id != row.party_id:
        raise Unauthorised("api_key_revoked", "This API key was revoked.")
    rules.check_owner(actor)
    return replace(actor, scopes=frozenset(row.scopes))


def _find(session: Session, key: str, *, now: datetime) -> ApiKey:
    """The row of a key that is good now."""
    row = session.scalar(select(ApiKey).where(ApiKey.key_hash == hash_of(key)))
    if row is None:
        raise Unauthorised("invalid_token", "This token is not valid.")
    rules.check_usable(revoked_at=row.revoked_at, expires_at=row.expires_at, now=now)
    if row.last_used_at is None or now - row.last_used_at > LAST_USED_EVERY:
        row.last_used_at = now
    return row
