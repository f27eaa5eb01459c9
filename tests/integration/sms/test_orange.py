"""The adapter against a server that answers as Orange's API does."""

from collections.abc import Iterator

import pytest

from platform_api.sms.orange import OrangeSms
from platform_api.sms.rules import Outcome
from platform_api.sms.sending import SendError
from tests.integration.sms.orange import FakeOrange, fake_orange

PHONE = "+221771234567"


@pytest.fixture
def orange() -> Iterator[FakeOrange]:
    with fake_orange() as fake:
        yield fake


def adapter(url: str, sender_name: str = "") -> OrangeSms:
    return OrangeSms(
        url=url, client_id="app", client_secret="secret", sender="tel:+2210000", sender_name=sender_name
    )


def problem(kind: str, message_id: str) -> dict[str, object]:
    return {"requestError": {kind: {"messageId": message_id, "text": "no", "variables": []}}}


def test_the_wire_format(orange: FakeOrange) -> None:
    assert adapter(orange.url, "MESS").send(PHONE, "Votre code : 123456") == "c0ffee-1"
    assert orange.seen == [
        {
            "path": "/smsmessaging/v1/outbound/tel%3A%2B2210000/requests",
            "authorization": "Bearer token-1",
            "body": {
                "outboundSMSMessageRequest": {
                    "address": "tel:+221771234567",
                    "senderAddress": "tel:+2210000",
                    "senderName": "MESS",
                    "outboundSMSTextMessage": {"message": "Votre code : 123456"},
                }
            },
        }
    ]


def test_without_an_approved_name_none_is_sent_and_the_token_is_used_again(orange: FakeOrange) -> None:
    by = adapter(orange.url)
    by.send(PHONE, "un")
    by.send(PHONE, "deux")
    assert orange.tokens == 1
    assert all("senderName" not in seen["body"]["outboundSMSMessageRequest"] for seen in orange.seen)


def test_a_token_that_ended_is_renewed_once(orange: FakeOrange) -> None:
    by = adapter(orange.url)
    orange.answers = [(401, {})]
    by.send(PHONE, "un")
    assert [seen["authorization"] for seen in orange.seen] == ["Bearer token-1", "Bearer token-2"]
    orange.answers = [(401, {}), (401, {})]
    with pytest.raises(SendError) as refused:
        by.send(PHONE, "deux")
    assert refused.value.outcome is Outcome.NOT_TAKEN


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ((400, problem("serviceException", "SVC0004")), Outcome.REFUSED),
        ((403, problem("policyException", "POL0001")), Outcome.NOT_TAKEN),
        ((429, {}), Outcome.NOT_TAKEN),
        ((503, ["no", "object"]), Outcome.NOT_TAKEN),
        ((500, {"requestError": None}), Outcome.UNKNOWN),
        ((404, "nothing"), Outcome.REFUSED),
        (None, Outcome.UNKNOWN),
    ],
)
def test_what_a_refusal_means(
    orange: FakeOrange, answer: tuple[int, object] | None, outcome: Outcome
) -> None:
    orange.answers = [answer]
    with pytest.raises(SendError) as refused:
        adapter(orange.url).send(PHONE, "un code : 123456")
    assert refused.value.outcome is outcome
    assert "123456" not in str(refused.value)


def test_without_a_connection_or_a_token_nothing_was_taken(orange: FakeOrange) -> None:
    with pytest.raises(SendError) as away:
        adapter("http://127.0.0.1:9").send(PHONE, "un")
    assert away.value.outcome is Outcome.NOT_TAKEN
    orange.token_status = 400
    with pytest.raises(SendError) as strange:
        adapter(orange.url).send(PHONE, "un")
    assert strange.value.outcome is Outcome.NOT_TAKEN
    assert orange.seen == []


def test_a_strange_answer_to_an_accepted_text_is_no_failure(orange: FakeOrange) -> None:
    orange.answers = [(201, ["what"])]
    assert adapter(orange.url).send(PHONE, "un") == ""
