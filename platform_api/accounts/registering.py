"""Register a phone number, and show with a code that it is one's own: only then there is a user.

Nobody learns from the answers whether a number has an account. For one that has, everything is done the
same, with a code that nobody is told; its owner is texted that he has an account.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from platform_api.accounts import otp, otp_rules, repository, rules, sessions
from platform_api.accounts.models import Registration, User
from platform_api.accounts.otp_rules import CODE_LIFE, Purpose
from platform_api.accounts.sessions import Origin, SignedIn
from platform_api.actor import Role
from platform_api.errors import NotFound, PlatformError
from platform_api.languages import Language
from platform_api.sms import service as sms

REGISTRATION_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Pending:
    """A registration that waits for its code."""

    id: UUID
    phone: str
    name: str
    role: Role
    code_expires_at: datetime


def check(*, phone: str, role: Role) -> str:
    """The number in E.164. Raises Forbidden `role_not_allowed`, Invalid `invalid_phone`,
    `phone_country_not_accepted`, `phone_not_mobile`."""
    rules.check_registrable(role)
    number = rules.normalise_phone(phone)
    rules.check_reachable(number)
    return number


def register(
    session: Session,
    *,
    phone: str,
    name: str,
    role: Role,
    password_hash: str,
    language: Language,
    now: datetime,
) -> Pending:
    """Text a code to a number that `check` passed. A registration of the same number before it is gone.

    The id is for whoever registered: with it and the code he verifies. A stranger who registers the same
    number has another id, so nobody types his code into the stranger's registration.
    """
    registration_id = uuid4()
    row = {
        "id": registration_id,
        "phone": phone,
        "name": name,
        "role": role.value,
        "password_hash": password_hash,
        "created_at": now,
        "expires_at": now + REGISTRATION_LIFE,
    }
    repository.put_registration(session, row)
    expires_at = _text_code(session, phone, language, now)
    return Pending(id=registration_id, phone=phone, name=name, role=role, code_expires_at=expires_at)


def _text_code(session: Session, phone: str, language: Language, now: datetime) -> datetime:
    code = otp.new_code(session, phone, Purpose.REGISTER, now=now)
    expires_at = now + CODE_LIFE
    text = otp_rules.code_text(Purpose.REGISTER, language, code)
    if repository.find_by_phone(session, phone) is not None:
        text = otp_rules.has_account_text(language)
    sms.queue(session, to=phone, text=text, purpose="register_code", now=now, expires_at=expires_at)
    return expires_at


def get_pending(
    session: Session, registration_id: UUID, *, now: datetime, lock: bool = False
) -> Registration:
    """Raises NotFound `registration_not_found`."""
    row = repository.find_registration(session, registration_id, lock=lock)
    if row is None or row.expires_at <= now:
        raise NotFound("registration_not_found", "There is no such registration any more. Register again.")
    return row


def resend(session: Session, registration_id: UUID, *, language: Language, now: datetime) -> Pending:
    """A new code; the one before it is dead. Raises NotFound `registration_not_found`."""
    row = get_pending(session, registration_id, now=now, lock=True)
    expires_at = _text_code(session, row.phone, language, now)
    return Pending(id=row.id, phone=row.phone, name=row.name, role=Role(row.role), code_expires_at=expires_at)


def verify(
    session: Session, registration_id: UUID, *, code: str, origin: Origin, now: datetime
) -> SignedIn | PlatformError:
    """The registration becomes a user, who is signed in. A refusal is returned, so that the try counts.

    Raises NotFound `registration_not_found`. A number that got an account meanwhile ends in the unique
    constraint: Conflict `phone_taken`.
    """
    row = get_pending(session, registration_id, now=now, lock=True)
    refusal = otp.spend(session, row.phone, Purpose.REGISTER, code, now=now)
    if refusal is not None:
        return refusal
    user = User(phone=row.phone, name=row.name, role=row.role, password_hash=row.password_hash)
    session.add(user)
    session.delete(row)
    session.flush()  # the answer shows the id and time that the database gives
    return sessions.start(session, user, origin, now=now)
