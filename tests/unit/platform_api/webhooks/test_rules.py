"""Signatures, addresses and retries of webhooks."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.errors import Invalid
from platform_api.webhooks import rules
from platform_api.webhooks.rules import Answer

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the specification "Standard Webhooks" 1.0, section "Signature scheme".
    signature = rules.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp_s=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200), st.integers(0, 2**33))
def test_a_receiver_can_verify_by_itself(secret: bytes, body: bytes, timestamp_s: int) -> None:
    signed = rules.sign(rules.secret_text(secret), message_id="m", timestamp_s=timestamp_s, body=body)
    digest = hmac.new(secret, b"m." + str(timestamp_s).encode() + b"." + body, hashlib.sha256).digest()
    assert signed == "v1," + base64.b64encode(digest).decode()


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example.sn/x",
        "ftp://erp.example.sn/x",
        "https://",
        "https://user:secret@erp.example.sn/",
        "https://@erp.example.sn/",
        "https://:@erp.example.sn/",
        "https://erp.example.sn:0/",
        "https://erp.example.sn:99999/",
        "https://erp.example.sn/a b",
        "https://[::1/",
        "erp.example.sn",
    ],
)
def test_addresses_that_no_webhook_has(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        rules.check_url(url, https_only=True)
    assert refused.value.code == "invalid_webhook_url"


def test_an_address_that_a_webhook_has() -> None:
    rules.check_url("https://erp.example.sn:8443/hooks?tenant=3", https_only=True)
    rules.check_url("http://127.0.0.1:9000/", https_only=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "ff02::1",
        "fec0::1",
        "fe80::1%eth0",
        # IPv4 addresses within: compatible, translated, 6to4, Teredo, and through a gateway
        "::127.0.0.1",
        "::ffff:0:7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
    ],
)
def test_our_own_network_is_never_called(address: str) -> None:
    assert not rules.is_public(address)


def test_the_internet_is() -> None:
    assert rules.is_public("196.207.200.1")
    assert rules.is_public("2606:4700::1111")
    assert rules.is_public("::ffff:196.207.200.1")
    assert rules.is_public("64:ff9b::196.207.200.1"), "the only way from a network without IPv4"


def test_a_delivery_that_is_taken_is_over() -> None:
    assert rules.after_attempt(Answer(204), 1, NOW) == rules.Next("delivered", None)


def test_a_receiver_that_says_gone_is_never_asked_again() -> None:
    assert rules.after_attempt(Answer(410), 1, NOW).state == "failed"
    assert rules.disable_reason(Answer(410), None, NOW) == "gone"


@pytest.mark.parametrize("answer", [Answer(500), Answer(302), Answer(404), Answer(None, "timed out")])
def test_waits_grow_and_then_it_gives_up(answer: Answer) -> None:
    waits = []
    attempts = 1
    while (after := rules.after_attempt(answer, attempts, NOW)).next_attempt_at is not None:
        waits.append(after.next_attempt_at - NOW)
        attempts += 1
    assert waits == sorted(waits) == list(rules.RETRY_AFTER)
    assert after.state == "failed"
    assert attempts == 9


def test_an_endpoint_is_switched_off_only_when_it_failed_for_long() -> None:
    short, long = NOW - timedelta(days=4), NOW - timedelta(days=5)
    assert rules.disable_reason(Answer(500), short, NOW) is None
    assert rules.disable_reason(Answer(500), long, NOW) == "failing"
    assert rules.disable_reason(Answer(200), long, NOW) is None
