"""The outbox of text messages on a real database, with Orange's API played on the loopback."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import build_app
from config import clock
from config.database import transaction
from platform_api.sms import providers, rules, service, tasks
from platform_api.sms.models import SmsMessage
from tests.integration.sms.orange import FakeOrange, fake_orange
from tests.support.api import new_phone

TEXT = "Votre code MESS : 123456"


@pytest.fixture
def orange(database_url: str, redis_url: str, settings_for: Callable[..., Any]) -> Iterator[FakeOrange]:
    with fake_orange() as fake:
        settings_for(
            database_url=database_url,
            redis_url=redis_url,
            sms_provider="orange",
            orange_api_url=fake.url,
            orange_client_id="app",
            orange_client_secret="secret",
        )
        providers.provider.cache_clear()
        yield fake
        providers.provider.cache_clear()


def queue(**more: Any) -> int:
    with transaction() as session:
        return service.queue(
            session,
            to=more.pop("to", new_phone()),
            text=TEXT,
            purpose="test",
            now=more.pop("now", clock.now()),
            **more,
        )


def row(message_id: int) -> SmsMessage:
    with transaction() as session:
        return session.get_one(SmsMessage, message_id)


def change(message_id: int, **values: Any) -> None:
    with transaction() as session:
        message = session.get_one(SmsMessage, message_id)
        for name, value in values.items():
            setattr(message, name, value)


def test_a_text_is_sent_once_and_forgotten(orange: FakeOrange) -> None:
    message_id = queue()
    assert row(message_id).text == TEXT
    assert tasks.send(message_id) is True
    assert tasks.send(message_id) is False
    sent = row(message_id)
    assert (sent.state, sent.text, sent.provider, sent.provider_ref) == ("sent", None, "orange", "c0ffee-1")
    assert orange.texts == [TEXT]


def test_nothing_is_texted_when_the_transaction_fails(orange: FakeOrange) -> None:
    queued = []

    def fail() -> None:
        with transaction() as session:
            queued.append(service.queue(session, to=new_phone(), text=TEXT, purpose="test", now=clock.now()))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert tasks.send(queued[0]) is False
    assert orange.texts == []


def test_two_workers_send_it_once(orange: FakeOrange) -> None:
    for _ in range(20):
        message_id = queue()
        workers = [Thread(target=tasks.send, args=(message_id,)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert row(message_id).state == "sent"
    assert len(orange.texts) == 20


def test_a_refusal_for_now_is_tried_again_later(orange: FakeOrange) -> None:
    message_id = queue()
    orange.answers = [(503, {})]
    assert tasks.send(message_id) is False
    waiting = row(message_id)
    assert (waiting.state, waiting.attempts, waiting.error) == ("queued", 1, "503")
    assert waiting.next_attempt_at > clock.now()
    assert tasks.sweep() == 0
    change(message_id, next_attempt_at=clock.now())
    assert tasks.sweep() == 1
    assert row(message_id).state == "sent"


def test_a_refusal_for_good_ends_it(orange: FakeOrange) -> None:
    message_id = queue()
    orange.answers = [(400, {"requestError": {"serviceException": {"messageId": "SVC0004", "text": "no"}}})]
    tasks.send(message_id)
    refused = row(message_id)
    assert (refused.state, refused.text, refused.error) == ("failed", None, "400 SVC0004 no")


def test_an_answer_that_does_not_come_is_followed_by_one_repeat(orange: FakeOrange) -> None:
    message_id = queue()
    orange.answers = [None, None]
    tasks.send(message_id)
    assert row(message_id).state == "queued"
    change(message_id, next_attempt_at=clock.now())
    tasks.send(message_id)
    assert (row(message_id).state, row(message_id).text) == ("failed", None)
    assert len(orange.texts) == 2


def test_a_task_that_dies_is_followed_by_one_repeat(orange: FakeOrange) -> None:
    """It may have died before or after the provider took the text."""
    message_id = queue()
    for _ in range(2):
        with transaction() as session:
            assert service.claim(session, message_id, now=clock.now()) is not None
        assert tasks.send(message_id) is False  # in hand
        change(message_id, claimed_at=clock.now() - rules.CLAIM_LIFE)
    assert tasks.sweep() == 0
    assert row(message_id).state == "failed"
    assert orange.texts == []


def test_an_acceptance_that_comes_late_counts(orange: FakeOrange) -> None:
    message_id = queue()
    with transaction() as session:
        outgoing = service.claim(session, message_id, now=clock.now())
    assert outgoing is not None
    change(message_id, claimed_at=clock.now() - rules.CLAIM_LIFE)
    with transaction() as session:
        service.confirm(session, outgoing, rules.Outcome.ACCEPTED, now=clock.now(), provider="orange")
    assert tasks.sweep() == 0
    assert row(message_id).state == "sent"


def test_a_stale_text_is_not_sent(orange: FakeOrange) -> None:
    past = clock.now() - timedelta(minutes=11)
    message_id = queue(now=past, expires_at=past + timedelta(minutes=10))
    assert tasks.send(message_id) is False
    assert (row(message_id).state, row(message_id).text) == ("expired", None)
    assert orange.texts == []


def test_whom_we_texted_is_forgotten_after_a_month(orange: FakeOrange) -> None:
    kept, old = queue(), queue()
    tasks.send(kept)
    tasks.send(old)
    change(old, ended_at=clock.now() - rules.KEPT)
    assert tasks.drop_old() == 1
    assert row(kept).state == "sent"


def test_sweeps_pass_over_one_that_fails(orange: FakeOrange, monkeypatch: pytest.MonkeyPatch) -> None:
    queue()
    good = queue()
    calls = []

    def fail_once(message_id: int) -> bool:
        calls.append(message_id)
        if len(calls) == 1:
            raise RuntimeError("broken")
        return real(message_id)

    real = tasks.send
    monkeypatch.setattr(tasks, "send", fail_once)
    assert tasks.sweep() >= 1
    assert row(good).state == "sent"


def test_the_console_leaves_the_text_for_its_reader(
    database_url: str, redis_url: str, settings_for: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    settings_for(database_url=database_url, redis_url=redis_url, log_level="INFO")
    providers.provider.cache_clear()
    phone = new_phone()
    message_id = queue(to=phone)
    assert tasks.send(message_id) is True
    assert (row(message_id).state, row(message_id).text) == ("sent", TEXT)
    shown = CliRunner().invoke(build_app("sms"), ["sms", phone.removeprefix("+221")])
    assert (shown.exit_code, shown.stdout) == (0, f"{TEXT}\n")
    nobody = CliRunner().invoke(build_app("sms"), ["sms", new_phone()])
    assert nobody.exit_code == 1


def test_codes_are_shown_to_nobody_where_a_provider_sends_them(orange: FakeOrange) -> None:
    phone = new_phone()
    queue(to=phone)
    shown = CliRunner().invoke(build_app("sms"), ["sms", phone])
    assert shown.exit_code == 1
    assert TEXT not in shown.output
