"""What an API key looks like, and which requests its scopes open."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden, Invalid, Unauthorised
from platform_api.methods import READING

# A secret scanner finds a key that leaked by its beginning.
PREFIX = "mess_key_"
SECRET_BYTES = 32
SHOWN_CHARS = len(PREFIX) + 6
MAX_KEYS = 20
MAX_LIFE = timedelta(days=3 * 365)


class Scope(StrEnum):
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    TRACKING_READ = "tracking:read"
    TELEMETRY_READ = "telemetry:read"
    FLEET_READ = "fleet:read"
    FLEET_WRITE = "fleet:write"
    GEOFENCES_READ = "geofences:read"
    GEOFENCES_WRITE = "geofences:write"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"
    EXPORTS_READ = "exports:read"
    EXPORTS_WRITE = "exports:write"
    WEBHOOKS_READ = "webhooks:read"


_SCOPES = frozenset(scope.value for scope in Scope)

# The beginning of a path -> the group of its scopes. Paths under none of these are closed to keys: what
# concerns a person (accounts, privacy, duty), members, keys themselves and engine stops.
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "/api/v1/orders/": "orders",
        "/api/v1/waybills/": "orders",
        "/api/v1/disputes/": "orders",
        "/api/v1/incidents/": "orders",
        "/api/v1/offers/": "orders",
        "/api/v1/order-templates/": "orders",
        "/api/v1/tracking/": "tracking",
        "/api/v1/telemetry/": "telemetry",
        "/api/v1/fleet/": "fleet",
        "/api/v1/geofences/": "geofences",
        "/api/v1/geofence-groups/": "geofences",
        "/api/v1/alerts/": "alerts",
        "/api/v1/alert-rules/": "alerts",
        "/api/v1/files/": "files",
        "/api/v1/exports/": "exports",
        "/api/v1/webhooks/": "webhooks",
    }
)


def looks_like_key(token: str) -> bool:
    return token.startswith(PREFIX)


def needed_scope(method: str, path: str) -> str | None:
    """The scope that a request needs; None = closed to keys."""
    group = next((group for start, group in GROUPS.items() if path.startswith(start)), None)
    if group is None:
        return None
    scope = f"{group}:{'read' if method in READING else 'write'}"
    return scope if scope in _SCOPES else None


def check_request(scopes: Collection[str], method: str, path: str) -> None:
    """Raises Forbidden `api_key_not_allowed`, `scope_missing`."""
    needed = needed_scope(method, path)
    if needed is None:
        raise Forbidden("api_key_not_allowed", "This is for people who signed in, not for API keys.")
    check_scope(scopes, needed)


def check_scope(scopes: Collection[str] | None, needed: str) -> None:
    """`scopes` None: no key, everything that the person may. Raises Forbidden `scope_missing`."""
    if scopes is not None and needed not in scopes:
        raise Forbidden("scope_missing", f"This API key lacks the scope {needed}.", scope=needed)


def check_usable(*, revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> None:
    if revoked_at is not None:
        raise Unauthorised("api_key_revoked", "This API key was revoked.")
    if expires_at is not None and expires_at <= now:
        raise Unauthorised("api_key_expired", "This API key has expired.")


def check_owner(actor: Actor) -> None:
    """Somebody may have become an administrator after he made the key. Raises Unauthorised `api_key_revoked`."""
    if actor.is_administrator:
        raise Unauthorised("api_key_revoked", "This API key was revoked: administrators work without.")


def check_creatable(actor: Actor, *, living: int, expires_at: datetime | None, now: datetime) -> None:
    if actor.is_administrator:
        # A leaked key of an administrator would open everything.
        raise Forbidden("role_not_allowed", "Administrators work without API keys.")
    if living >= MAX_KEYS:
        raise Conflict("too_many_api_keys", f"At most {MAX_KEYS} keys; revoke one first.", limit=MAX_KEYS)
    if expires_at is not None and not now < expires_at <= now + MAX_LIFE:
        raise Invalid("invalid_expiry", "A key expires in the future, within three years.")
