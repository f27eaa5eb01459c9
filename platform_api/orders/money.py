"""Who is shown which price of an order: pure.

A freight broker buys from the carrier (`agreed_xof`) and sells to his customer (`customer_xof`). Both
prices together, and the difference, are his alone; each of the two others is shown his own and nothing
that tells of the other one. Everything that shows an amount of an order asks here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from platform_api.actor import Actor, Role


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """XOF. `agreed_xof`: what the carrier is paid; `customer_xof`: what the customer pays his broker."""

    shipper_id: UUID
    broker_id: UUID | None
    carrier_id: UUID | None
    driver_id: UUID | None
    agreed_xof: int | None
    customer_xof: int | None


@dataclass(frozen=True, slots=True)
class Prices:
    """XOF, None = not known or not this viewer's. `agreed_xof`: what he pays or is paid."""

    agreed_xof: int | None = None
    customer_xof: int | None = None
    margin_xof: int | None = None


def sees_both(facts: PriceFacts, actor: Actor) -> bool:
    """The broker of this order, and administrators."""
    return actor.is_administrator or (actor.role is Role.BROKER and actor.party_id == facts.broker_id)


def is_customer(facts: PriceFacts, actor: Actor) -> bool:
    """Whether this is the customer of a freight broker: he has no part in what happens on the market."""
    brokered = facts.broker_id is not None
    return brokered and actor.party_id == facts.shipper_id and not sees_both(facts, actor)


def shown_prices(facts: PriceFacts, actor: Actor) -> Prices:
    agreed, customer = facts.agreed_xof, facts.customer_xof
    if sees_both(facts, actor):
        margin = None if agreed is None or customer is None else customer - agreed
        return Prices(agreed, customer, margin)
    if is_customer(facts, actor):
        return Prices(None if facts.carrier_id is None else customer, customer)
    own = {
        Role.SHIPPER: facts.shipper_id,
        Role.CARRIER: facts.carrier_id,
        Role.DRIVER: facts.driver_id,
    }
    return Prices(agreed) if own.get(actor.role) == actor.party_id else Prices()


# The market's names of things: whoever has one of them can look for its amount.
_OF_THE_MARKET = frozenset({"bid_id", "counter_id", "offer_id"})


def shown_evidence(evidence: Mapping[str, Any], facts: PriceFacts, actor: Actor) -> dict[str, Any]:
    """Evidence of a history row without the amounts that are not this viewer's."""
    if sees_both(facts, actor):
        return dict(evidence)
    if is_customer(facts, actor):
        return _without(evidence, _hidden_from_customer)
    return _without(evidence, lambda key: key in ("customer_xof", "margin_xof"))


def _hidden_from_customer(key: str) -> bool:
    return key in _OF_THE_MARKET or (key.endswith("_xof") and key != "customer_xof")


def _without(value: Mapping[str, Any], hidden: Callable[[str], bool]) -> dict[str, Any]:
    return {key: _clean(item, hidden) for key, item in value.items() if not hidden(key)}


def _clean(value: Any, hidden: Callable[[str], bool]) -> Any:
    if isinstance(value, Mapping):
        return _without(value, hidden)
    if isinstance(value, list):
        return [_clean(item, hidden) for item in value]
    return value
