"""The sign-in form at /admin/: the edge that counts the try, checks the password and commits."""

from config import clock
from config.database import transaction
from platform_api.accounts import limits, passwords, repository
from platform_api.accounts.rules import normalise_phone
from platform_api.admin import sessions
from platform_api.errors import PlatformError
from platform_api.throttle import edge
from platform_api.throttle import service as throttle
from platform_api.throttle.rules import network_of

KIND = "admin"


def sign_in(phone: str, password: str, *, ip: str | None, agent: str) -> str | None:
    """The token for the browser's cookie; None = refused, for whatever reason. What was no accident is noted."""
    now, network = clock.now(), network_of(ip)
    try:
        number = normalise_phone(phone)
        edge.spend((limits.LOGIN, network), now=now)
        edge.count_failure(KIND, number, network, (limits.LOGIN_PHONE, number), now=now)
    except PlatformError:
        return None
    with transaction() as session:
        user = repository.find_by_phone(session, number)
        right = passwords.proves(session, user, password)
        if user is None or not right or not sessions.is_administrator(user):
            why = "no administrator" if right else "password"
            sessions.note(session, "sign_in_refused", None if user is None else user.id, ip=ip, why=why)
            return None
        throttle.forgive(session, KIND, number, network)
        throttle.give_back(session, limits.LOGIN_PHONE, number)
        return sessions.start(session, user, ip=ip, agent=agent, now=now)
