"""The sign-in form at /admin/: the edge that checks the password and commits."""

from config import clock
from config.database import transaction
from platform_api.accounts import repository
from platform_api.accounts.rules import normalise_phone
from platform_api.accounts.service import _password_matches
from platform_api.admin import sessions
from platform_api.errors import PlatformError


def sign_in(phone: str, password: str, *, ip: str | None, agent: str) -> str | None:
    """The token for the browser's cookie; None = refused, for whatever reason, which is noted."""
    now = clock.now()
    try:
        number = normalise_phone(phone)
    except PlatformError:
        return None
    with transaction() as session:
        user = repository.find_by_phone(session, number)
        if not _password_matches(user, password) or user is None:
            sessions.note(
                session, "sign_in_refused", None if user is None else user.id, ip=ip, why="password"
            )
            return None
        if not sessions.is_administrator(user):
            sessions.note(session, "sign_in_refused", user.id, ip=ip, why="no administrator")
            return None
        return sessions.start(session, user, ip=ip, agent=agent, now=now)
