"""Who is shown which price: each his own, the broker both."""

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.actor import Actor, Role
from platform_api.orders.money import PriceFacts, Prices, is_customer, shown_evidence, shown_prices

SHIPPER = Actor(uuid4(), Role.SHIPPER)
BROKER = Actor(uuid4(), Role.BROKER)
CARRIER = Actor(uuid4(), Role.CARRIER)
DRIVER = Actor(uuid4(), Role.DRIVER, carrier_id=CARRIER.user_id)
ADMINISTRATOR = Actor(uuid4(), Role.ADMINISTRATOR)
OTHERS = [Actor(uuid4(), role) for role in (Role.SHIPPER, Role.BROKER, Role.CARRIER, Role.DRIVER)]
BROKERED = PriceFacts(
    SHIPPER.user_id, BROKER.user_id, CARRIER.user_id, DRIVER.user_id, agreed_xof=400_001, customer_xof=500_003
)
DIRECT = PriceFacts(SHIPPER.user_id, None, CARRIER.user_id, DRIVER.user_id, 400_001, None)


@pytest.mark.parametrize(
    ("actor", "prices"),
    [
        (BROKER, Prices(400_001, 500_003, 100_002)),
        (ADMINISTRATOR, Prices(400_001, 500_003, 100_002)),
        (SHIPPER, Prices(500_003, 500_003)),
        (CARRIER, Prices(400_001)),
        (DRIVER, Prices(400_001)),
        *((other, Prices()) for other in OTHERS),
    ],
)
def test_prices_of_a_brokered_order(actor: Actor, prices: Prices) -> None:
    assert shown_prices(BROKERED, actor) == prices


def test_a_customer_pays_nothing_before_there_is_a_carrier() -> None:
    waiting = PriceFacts(SHIPPER.user_id, BROKER.user_id, None, None, None, 500_003)
    assert shown_prices(waiting, SHIPPER) == Prices(None, 500_003)


def test_prices_without_a_broker() -> None:
    for actor in (SHIPPER, CARRIER, DRIVER, ADMINISTRATOR):
        assert shown_prices(DIRECT, actor) == Prices(400_001)
    assert not is_customer(DIRECT, SHIPPER)
    assert shown_evidence({"amount_xof": 400_001}, DIRECT, SHIPPER) == {"amount_xof": 400_001}


JSON = st.recursive(
    st.integers() | st.text(max_size=5) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["amount_xof", "agreed_xof", "customer_xof", "margin_xof", "bid_id", "fee_xof", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
)


def names(value: object) -> set[str]:
    return set(json.dumps(value).replace('"', " ").split())


@given(st.dictionaries(st.sampled_from(["amount_xof", "customer_xof", "basis", "bid_id"]), JSON, max_size=4))
def test_no_evidence_tells_of_the_other_price_however_deep(evidence: dict[str, object]) -> None:
    assert shown_evidence(evidence, BROKERED, BROKER) == evidence
    assert not names(shown_evidence(evidence, BROKERED, SHIPPER)) & {
        "amount_xof",
        "agreed_xof",
        "margin_xof",
        "fee_xof",
        "bid_id",
    }
    for actor in (CARRIER, DRIVER, *OTHERS):
        assert not names(shown_evidence(evidence, BROKERED, actor)) & {"customer_xof", "margin_xof"}
