"""What a waybill says, who may issue one, and how it is numbered. Pure.

Contents: OHADA uniform act on contracts for the carriage of goods by road (AUCTMR, 2003), article 4.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden
from platform_api.orders.rules import UNDERWAY, OrderSnapshot, OrderStatus

NBSP = "\N{NO-BREAK SPACE}"
# Regulation 14/2005/CM/UEMOA: a lot heavier than this travels with a waybill.
MANDATORY_ABOVE_KG = 7_000
ISSUABLE = UNDERWAY | {OrderStatus.DELIVERED}


@dataclass(frozen=True, slots=True)
class Party:
    name: str
    address: str = ""
    phone: str | None = None
    ninea: str | None = None
    rccm: str | None = None


@dataclass(frozen=True, slots=True)
class Goods:
    """Weights in kg. `loaded_*`: what the crew found; None = it has not said."""

    description: str
    packaging: str | None = None
    packages: int | None = None
    declared_weight_kg: int | None = None
    loaded_weight_kg: int | None = None
    loaded_packages: int | None = None
    volume_m3: float | None = None
    value_xof: int | None = None
    un_number: str | None = None
    needs: tuple[str, ...] = ()
    temperature_min_c: float | None = None
    temperature_max_c: float | None = None
    seals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Times RFC 3339 UTC. `at`: when it happened; the window is what was agreed."""

    name: str
    at: str | None = None
    opens_at: str | None = None
    closes_at: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """All of article 4 but the freight, which is not everybody's business."""

    number: int
    order_reference: str
    issued_at: str
    issued_in: str
    carrier: Party
    sender: Party
    consignee: Party
    taking_over: Place
    delivery: Place
    stops: tuple[str, ...]
    goods: Goods
    instructions: str
    plate: str
    driver: str
    reserves: str

    def to_json(self) -> dict[str, Any]:
        return json.loads(canonical(asdict(self)))  # type: ignore[no-any-return]


def canonical(content: Mapping[str, Any]) -> str:
    """One text for one content: keys sorted, no spaces, UTF-8 (as RFC 8785 for what stands in it)."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(content: Mapping[str, Any]) -> str:
    """Hex sha256 of the canonical JSON."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def shown_number(number: int) -> str:
    """As it is printed; numbers run on for ever, one series a carrier."""
    return f"LV-{number:06d}"


def reserve_words(told: Mapping[str, Any]) -> str:
    """A reserve (text, packages_damaged, packages_missing) in one line; "" for none."""
    if not told:
        return ""
    counts = [
        f"{told[key]:,}".replace(",", NBSP) + f" {what}"
        for key, what in (("packages_damaged", "colis abîmé(s)"), ("packages_missing", "colis manquant(s)"))
        if told.get(key)
    ]
    return " — ".join([str(told["text"]), *counts])


def is_waybill_missing(status: OrderStatus, weight_kg: int | None, number: int | None) -> bool:
    """Whether an order on its way ought to have one and has none."""
    return status in UNDERWAY and weight_kg is not None and weight_kg > MANDATORY_ABOVE_KG and number is None


def issue(order: OrderSnapshot, actor: Actor, *, in_force: bool) -> None:
    """Raises unless the carrier may issue one now by himself."""
    if actor.party_id != order.carrier_id and not actor.is_administrator:
        raise Forbidden("not_your_load", "Only the carrier of this order issues its waybill.")
    if order.status not in ISSUABLE:
        raise Conflict("waybill_not_now", f"An order that is {order.status} gets no waybill.")
    if in_force:
        raise Conflict("waybill_exists", "This order has a waybill; void it first.")


@dataclass(frozen=True, slots=True)
class WaybillSnapshot:
    carrier: bool  # it is the actor's own
    voided_at: datetime | None


def void(waybill: WaybillSnapshot, actor: Actor) -> bool:
    """True = void it now; False = it is void already. It stays in the series."""
    if not waybill.carrier and not actor.is_administrator:
        raise Forbidden("not_your_load", "Only its carrier voids a waybill.")
    return waybill.voided_at is None
