"""How long an administrator stays signed in, and when he may act as somebody else."""

from datetime import datetime, timedelta
from uuid import UUID

from platform_api.actor import Actor, Role
from platform_api.errors import Conflict, Forbidden, Unauthorised
from platform_api.methods import READING

# A browser left open in an office must not be an open door.
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=10)

IMPERSONATION_PREFIX = "mess_imp_"
MAX_IMPERSONATION_MINUTES = 60
# What only the person himself may do, whoever else acts as him.
OWN_ALONE = (
    "/api/v1/auth/",
    "/api/v1/api-keys/",
    "/api/v1/privacy/",
    "/api/v1/admin/",
    "/api/v1/payments/",
    "/api/v1/organisations/handovers/",
)


def session_lives(
    *, created_at: datetime, last_seen_at: datetime, ended_at: datetime | None, now: datetime
) -> bool:
    return ended_at is None and now - last_seen_at < IDLE and now - created_at < LONGEST


def looks_like_impersonation(token: str) -> bool:
    return token.startswith(IMPERSONATION_PREFIX)


def check_impersonation(
    administrator: Actor, *, user_id: UUID, role: Role, is_superuser: bool, disabled: bool
) -> None:
    """May he act as this user? Raises Forbidden, Conflict."""
    if not administrator.is_administrator:
        raise Forbidden("role_not_allowed", "Only for administrators.")
    if user_id == administrator.user_id or is_superuser or role is Role.ADMINISTRATOR:
        raise Forbidden("not_impersonable", "Nobody acts as an administrator.")
    if disabled:
        raise Conflict("account_is_disabled", "This account is disabled.")


def check_impersonated_request(
    *, may_change: bool, ends_at: datetime, ended_at: datetime | None, method: str, path: str, now: datetime
) -> None:
    """Raises Unauthorised `impersonation_over`, Forbidden `impersonation_not_allowed`, `impersonation_reads_only`."""
    if ended_at is not None or ends_at <= now:
        raise Unauthorised("impersonation_over", "Acting as this user has ended.")
    if path.startswith(OWN_ALONE) and path != "/api/v1/auth/me/":
        raise Forbidden("impersonation_not_allowed", "Only the person himself may do this.")
    if method not in READING and (not may_change or path == "/api/v1/auth/me/"):
        raise Forbidden("impersonation_reads_only", "You act as somebody else to look, not to change.")
