"""What fits into a text message, when one is tried again, and when it is given up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from platform_api.sms import rules
from platform_api.sms.rules import GSM7, Outcome, State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def after(outcome: Outcome, attempts: int = 1, doubts: int = 0, life: timedelta = rules.LIFE) -> rules.Next:
    return rules.after(outcome, attempts=attempts, doubts=doubts, expires_at=NOW + life, now=NOW)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("Livré à Thiès, reçu signé", "Livré à Thiès, recu signé"),
        ("Votre code : 123456. Ne le dites à personne.", "Votre code : 123456. Ne le dites à personne."),
        ("l’être — « cœur »", 'l\'etre - " coeur "'),
        ("25 000 F", "25 000 F"),
        ("مرحبا ê", "مرحبا ê"),
    ],
)
def test_accents_that_cost_a_second_message_are_dropped(text: str, sent: str) -> None:
    assert rules.to_gsm7(text) == sent


@given(st.text(alphabet=st.sampled_from("abc éèêëçÇœ’«»–ñÀÂ\u202f\u00a0ẽ")))
def test_latin_text_always_fits_the_alphabet(text: str) -> None:
    assert set(rules.to_gsm7(text)) <= GSM7


@given(st.text())
def test_what_fits_is_left_alone(text: str) -> None:
    assert rules.to_gsm7(rules.to_gsm7(text)) == rules.to_gsm7(text)


def test_an_endless_text_is_cut() -> None:
    assert len(rules.shorten("x" * 5000)) == rules.MAX_CHARS
    assert rules.shorten("x" * rules.MAX_CHARS) == "x" * rules.MAX_CHARS


def test_what_was_taken_or_refused_is_done() -> None:
    assert after(Outcome.ACCEPTED) == rules.Next(State.SENT)
    assert after(Outcome.REFUSED) == rules.Next(State.FAILED)


def test_what_was_not_taken_is_tried_again_until_it_is_stale() -> None:
    assert after(Outcome.NOT_TAKEN) == rules.Next(State.QUEUED, NOW + rules.FIRST_PAUSE)
    assert after(Outcome.NOT_TAKEN, attempts=3).attempt_at == NOW + 4 * rules.FIRST_PAUSE
    assert after(Outcome.NOT_TAKEN, attempts=500).attempt_at == NOW + rules.LONGEST_PAUSE
    assert after(Outcome.NOT_TAKEN, life=timedelta(seconds=10)) == rules.Next(State.EXPIRED)


def test_what_may_have_been_taken_goes_out_once_more_and_no_more() -> None:
    assert after(Outcome.UNKNOWN, doubts=1).state is State.QUEUED
    assert after(Outcome.UNKNOWN, attempts=2, doubts=2) == rules.Next(State.FAILED)


@given(st.integers(min_value=0, max_value=10_000))
def test_pauses_never_shrink(attempts: int) -> None:
    assert rules.FIRST_PAUSE <= rules.pause_after(attempts) <= rules.pause_after(attempts + 1)


SECRETS = {"jwt_secret": "s" * 40, "mqtt_service_password": "s" * 40}


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"environment": "production", **SECRETS}, "MESS_SMS_CONSOLE_IN_PRODUCTION"),
        ({"sms_provider": "orange", "orange_client_id": "app"}, "MESS_ORANGE_CLIENT_SECRET"),
    ],
)
def test_a_start_that_could_not_text_is_refused(values: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Settings(_env_file=None, **values)  # type: ignore[call-arg,arg-type]


def test_the_console_in_production_is_a_decision() -> None:
    assert Settings(
        _env_file=None,  # type: ignore[call-arg]
        environment="production",
        sms_console_in_production=True,
        **SECRETS,  # type: ignore[arg-type]
    )
