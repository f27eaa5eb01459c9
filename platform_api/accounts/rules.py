"""Decisions about phones, passwords, who may sign in and when a refresh token is worth a new one."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import phonenumbers

from platform_api.actor import Actor, MemberRole, Role
from platform_api.errors import Forbidden, Invalid, Unauthorised

DEFAULT_REGION = "SN"
MAX_PHONE_CHARS = 32
MIN_PASSWORD_CHARS = 8
# Argon2 reads all of it: without a limit a megabyte of password is free work for an attacker.
MAX_PASSWORD_CHARS = 128
# The fifteen of ECOWAS as they were until January 2025: Burkina Faso, Mali and Niger have left it, and
# stay on the roads from Dakar and in the union of the CFA franc.
ACCEPTED_REGIONS = frozenset(
    {"BF", "BJ", "CI", "CV", "GH", "GM", "GN", "GW", "LR", "ML", "NE", "NG", "SL", "SN", "TG"}
)
_MOBILE = frozenset({phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE})
# Administrators are made on the command line, never over HTTP.
REGISTRABLE_ROLES = frozenset({Role.SHIPPER, Role.CARRIER, Role.DRIVER, Role.BROKER})


def normalise_phone(text: str) -> str:
    """E.164 of a number as people write it; one without country code is Senegalese.

    Raises Invalid `invalid_phone`.
    """
    problem = Invalid(
        "invalid_phone", "This is not a valid phone number, such as 77 123 45 67 or +221771234567."
    )
    if len(text) > MAX_PHONE_CHARS:
        raise problem
    try:
        number = phonenumbers.parse(text, DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise problem from error
    if not phonenumbers.is_valid_number(number):
        raise problem
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def check_reachable(phone: str) -> None:
    """Whether a new account may have this E.164 number: a mobile one of West Africa, where our texts arrive.

    Raises Invalid `phone_country_not_accepted` or `phone_not_mobile`.
    """
    number = phonenumbers.parse(phone)
    if phonenumbers.region_code_for_number(number) not in ACCEPTED_REGIONS:
        raise Invalid(
            "phone_country_not_accepted",
            "Only phone numbers of Senegal and its neighbours in ECOWAS are accepted.",
        )
    if phonenumbers.number_type(number) not in _MOBILE:
        raise Invalid(
            "phone_not_mobile", "This is not the number of a mobile phone, which codes are sent to."
        )


def check_password(password: str) -> None:
    """Length only, as NIST SP 800-63B 5.1.1 advises; raises Invalid `invalid_password`."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise Invalid(
            "invalid_password",
            f"A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters.",
            shortest=MIN_PASSWORD_CHARS,
            longest=MAX_PASSWORD_CHARS,
        )


def check_registrable(role: Role) -> None:
    if role not in REGISTRABLE_ROLES:
        raise Forbidden("role_not_allowed", "This role cannot be registered.")


def check_enabled(*, disabled: bool) -> None:
    if disabled:
        raise Unauthorised("account_disabled", "This account is disabled.")


def actor_of(
    *,
    user_id: UUID,
    role: Role,
    is_superuser: bool,
    carrier_id: UUID | None,
    acts_for: UUID | None = None,
    member_role: MemberRole = MemberRole.OWNER,
    session_id: UUID | None = None,
) -> Actor:
    """`carrier_id` as in the users table: set for a driver of a carrier."""
    fleet = (acts_for or user_id) if role is Role.CARRIER else carrier_id
    return Actor(
        user_id=user_id,
        role=role,
        is_superuser=is_superuser,
        carrier_id=fleet,
        acts_for=acts_for,
        member_role=member_role,
        session_id=session_id,
    )


class RefreshVerdict(StrEnum):
    ROTATE = "rotate"
    # Spent before: either a thief has it or its owner does; both lose the family.
    REUSED = "reused"
    REFUSED = "refused"


def judge_refresh(
    *, used_at: datetime | None, revoked_at: datetime | None, expires_at: datetime, now: datetime
) -> RefreshVerdict:
    if revoked_at is not None or expires_at <= now:
        return RefreshVerdict.REFUSED
    return RefreshVerdict.ROTATE if used_at is None else RefreshVerdict.REUSED
