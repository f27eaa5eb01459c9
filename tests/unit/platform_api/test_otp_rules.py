"""One-time codes: what is stored, when one is taken, what is texted."""

from datetime import UTC, datetime, timedelta

import pytest

from platform_api.accounts import otp_rules
from platform_api.accounts.otp_rules import MAX_ATTEMPTS, Purpose
from platform_api.languages import Language
from platform_api.sms.rules import GSM7

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHONE = "+221771234567"


def verdict(
    *, right: bool = True, attempts: int = 0, left_s: int = 1, purpose: Purpose = Purpose.RESET
) -> str:
    refusal = otp_rules.judge(
        right=right,
        purpose=purpose,
        attempts=attempts,
        expires_at=NOW + timedelta(seconds=left_s),
        now=NOW,
    )
    return "taken" if refusal is None else refusal.code


def test_a_code_is_taken_or_why_not() -> None:
    assert verdict() == "taken"
    assert verdict(right=False) == "code_wrong"
    assert verdict(left_s=0) == "code_expired"


@pytest.mark.parametrize("purpose", list(Purpose))
def test_after_too_many_tries_the_right_code_is_refused_too(purpose: Purpose) -> None:
    most = MAX_ATTEMPTS[purpose]
    assert verdict(attempts=most - 1, purpose=purpose) == "taken"
    assert verdict(attempts=most, purpose=purpose) == verdict(attempts=most, right=False, purpose=purpose)
    assert verdict(attempts=most, purpose=purpose) == "code_used_up"


def test_what_is_stored_depends_on_all_of_it() -> None:
    stored = otp_rules.hash_code("secret", Purpose.REGISTER, PHONE, "123456")
    others = {
        otp_rules.hash_code("another", Purpose.REGISTER, PHONE, "123456"),
        otp_rules.hash_code("secret", Purpose.RESET, PHONE, "123456"),
        otp_rules.hash_code("secret", Purpose.REGISTER, "+221771234568", "123456"),
        otp_rules.hash_code("secret", Purpose.REGISTER, PHONE, "123457"),
    }
    assert len(others | {stored}) == 5
    assert "123456" not in stored


@pytest.mark.parametrize("typed", ["123456", "123 456", "123-456", "12.34.56", " 123\u00a0456 "])
def test_codes_are_typed_in_groups(typed: str) -> None:
    assert otp_rules.digits_of(typed) == "123456"


@pytest.mark.parametrize("language", list(Language))
def test_texts_fit_one_message(language: Language) -> None:
    texts = [otp_rules.code_text(purpose, language, "123456") for purpose in Purpose]
    texts += [otp_rules.has_account_text(language), otp_rules.password_changed_text(language)]
    for text in texts:
        assert len(text) <= 160
        assert set(text) <= GSM7
