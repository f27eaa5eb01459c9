"""Phones, passwords, roles and refresh tokens as pure decisions."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from platform_api.accounts import rules
from platform_api.accounts.rules import RefreshVerdict
from platform_api.actor import Role
from platform_api.errors import Forbidden, Invalid, Unauthorised

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("77 123 45 67", "+221771234567"),
        ("771234567", "+221771234567"),
        ("+221 77 123 45 67", "+221771234567"),
        ("00221771234567", "+221771234567"),
        ("33 821 23 45", "+221338212345"),
        ("+33 6 12 34 56 78", "+33612345678"),
    ],
)
def test_a_phone_is_stored_in_e164(written: str, stored: str) -> None:
    assert rules.normalise_phone(written) == stored


@pytest.mark.parametrize(
    "written", ["", "abc", "123", "+221", "77 123 45", "7" * 40, "+999123456789", "\x00", "77\n"]
)
def test_what_is_no_phone_is_refused(written: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.normalise_phone(written)
    assert caught.value.code == "invalid_phone"


@pytest.mark.parametrize(
    "phone",
    [
        "+221771234567", "+221701234567", "+22370123456", "+2250712345678", "+22670123456", "+22790123456",
        "+22890123456", "+2290161234567", "+2203012345", "+233241234567",
        "+224601234567", "+245955123456", "+231770123456", "+2348021234567", "+23225123456", "+2389911234",
    ],
)  # fmt: skip
def test_a_mobile_number_of_ecowas_may_register(phone: str) -> None:
    assert rules.normalise_phone(phone) == phone
    rules.check_reachable(phone)


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("+221338212345", "phone_not_mobile"),
        ("+221800123456", "phone_not_mobile"),
        ("+33612345678", "phone_country_not_accepted"),
        ("+22222123456", "phone_country_not_accepted"),
        ("+12025550123", "phone_country_not_accepted"),
        ("+881612345678", "phone_country_not_accepted"),
    ],
)
def test_any_other_number_is_refused(phone: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.check_reachable(phone)
    assert caught.value.code == code


def test_the_countries_are_the_fifteen() -> None:
    assert len(rules.ACCEPTED_REGIONS) == 15


@pytest.mark.parametrize("length", [0, rules.MIN_PASSWORD_CHARS - 1, rules.MAX_PASSWORD_CHARS + 1])
def test_a_password_outside_its_limits_is_refused(length: int) -> None:
    with pytest.raises(Invalid, match="invalid_password"):
        rules.check_password("x" * length)


@pytest.mark.parametrize("length", [rules.MIN_PASSWORD_CHARS, rules.MAX_PASSWORD_CHARS])
def test_a_password_at_its_limits_is_accepted(length: int) -> None:
    rules.check_password("x" * length)


@pytest.mark.parametrize("role", list(Role))
def test_everybody_but_an_administrator_may_register(role: Role) -> None:
    if role is Role.ADMINISTRATOR:
        with pytest.raises(Forbidden):
            rules.check_registrable(role)
    else:
        rules.check_registrable(role)


def test_a_disabled_account_is_refused() -> None:
    rules.check_enabled(disabled=False)
    with pytest.raises(Unauthorised, match="account_disabled"):
        rules.check_enabled(disabled=True)


def test_a_carrier_belongs_to_its_own_fleet_and_a_driver_to_his_carriers() -> None:
    user_id, carrier_id = uuid4(), uuid4()
    carrier = rules.actor_of(user_id=user_id, role=Role.CARRIER, is_superuser=False, carrier_id=None)
    driver = rules.actor_of(user_id=user_id, role=Role.DRIVER, is_superuser=False, carrier_id=carrier_id)
    shipper = rules.actor_of(user_id=user_id, role=Role.SHIPPER, is_superuser=False, carrier_id=None)
    assert (carrier.carrier_id, driver.carrier_id, shipper.carrier_id) == (user_id, carrier_id, None)


@pytest.mark.parametrize(
    ("role", "is_superuser", "expected"),
    [(Role.ADMINISTRATOR, False, True), (Role.SHIPPER, True, True), (Role.CARRIER, False, False)],
)
def test_who_is_an_administrator(role: Role, is_superuser: bool, expected: bool) -> None:
    actor = rules.actor_of(user_id=uuid4(), role=role, is_superuser=is_superuser, carrier_id=None)
    assert actor.is_administrator is expected


@pytest.mark.parametrize(
    ("used_at", "revoked_at", "expires_at", "verdict"),
    [
        (None, None, NOW + HOUR, RefreshVerdict.ROTATE),
        (NOW - HOUR, None, NOW + HOUR, RefreshVerdict.REUSED),
        (NOW, None, NOW + HOUR, RefreshVerdict.REUSED),
        (None, NOW - HOUR, NOW + HOUR, RefreshVerdict.REFUSED),
        (NOW - HOUR, NOW - HOUR, NOW + HOUR, RefreshVerdict.REFUSED),
        (None, None, NOW, RefreshVerdict.REFUSED),
        (None, None, NOW - HOUR, RefreshVerdict.REFUSED),
    ],
)
def test_what_a_refresh_token_is_worth(
    used_at: datetime | None, revoked_at: datetime | None, expires_at: datetime, verdict: RefreshVerdict
) -> None:
    judged = rules.judge_refresh(used_at=used_at, revoked_at=revoked_at, expires_at=expires_at, now=NOW)
    assert judged is verdict
