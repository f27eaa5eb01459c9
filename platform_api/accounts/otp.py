"""One-time codes: make one, and tell whether somebody has it."""

import hmac
import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.accounts import otp_rules, repository
from platform_api.accounts.otp_rules import CODE_DIGITS, CODE_LIFE, Purpose
from platform_api.errors import PlatformError


def new_code(session: Session, phone: str, purpose: Purpose, *, now: datetime) -> str:
    """The code, for its text alone; the one before it is dead. What is stored is its hash."""
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    row = {
        "phone": phone,
        "purpose": purpose.value,
        "code_hmac": _hash(purpose, phone, code),
        "attempts": 0,
        "created_at": now,
        "expires_at": now + CODE_LIFE,
    }
    repository.put_code(session, row)
    return code


def spend(
    session: Session, phone: str, purpose: Purpose, typed: str, *, now: datetime
) -> PlatformError | None:
    """None: it was the code, and it is spent. Else why not: to be returned and not raised, so that the try counts.

    `code_expired`, `code_used_up` or `code_wrong`.
    """
    row = repository.lock_code(session, phone, purpose.value)
    if row is None:
        return otp_rules.no_code()
    right = hmac.compare_digest(row.code_hmac, _hash(purpose, phone, otp_rules.digits_of(typed)))
    refusal = otp_rules.judge(
        right=right, purpose=purpose, attempts=row.attempts, expires_at=row.expires_at, now=now
    )
    if refusal is None:
        session.delete(row)
    else:
        row.attempts += 1
    return refusal


def _hash(purpose: Purpose, phone: str, code: str) -> str:
    return otp_rules.hash_code(get_settings().jwt_secret.get_secret_value(), purpose, phone, code)
