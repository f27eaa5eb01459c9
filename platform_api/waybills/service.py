"""Issuing waybills, adding to them, voiding and verifying. The edge commits.

A number is taken by locking the carrier's counter to the end of the transaction: what is rolled back
gives its number back, so a series has no gap. Order first, counter last, as everywhere.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor, Role
from platform_api.errors import NotFound
from platform_api.orders.models import Order
from platform_api.orders.money import is_customer, shown_prices
from platform_api.orders.recording import record
from platform_api.orders.rules import Action, OrderStatus, may_see_all
from platform_api.orders.service import get_order, is_party, locked_order, price_facts
from platform_api.pagination import PageQuery, fetch_page
from platform_api.waybills import contents, rules, said
from platform_api.waybills.models import Waybill, WaybillAmendment, WaybillCounter

TOKEN_BYTES = 24


def in_force(session: Session, order_id: UUID) -> Waybill | None:
    return session.scalar(select(Waybill).where(Waybill.order_id == order_id, Waybill.voided_at.is_(None)))


def issue(session: Session, actor: Actor, order_id: UUID, now: datetime) -> Waybill:
    """By the carrier, from the assignment on. Raises Conflict `waybill_exists`, `waybill_not_now`."""
    order, facts = locked_order(session, actor, order_id)
    existing = _of_present_carrier(session, order, actor.user_id, now)
    rules.issue(facts, actor, in_force=existing is not None)
    return _issue(session, order, None, actor, now)


def issue_at_loading(
    session: Session, order: Order, loading: contents.Loading, actor: Actor, now: datetime
) -> None:
    """Under the order's lock. One that is in force already is amended by what was loaded."""
    existing = _of_present_carrier(session, order, actor.user_id, now)
    if existing is None:
        _issue(session, order, loading, actor, now)
    else:
        amend(session, existing, "loading", loading.to_json(), at=loading.at or now, now=now)


def _of_present_carrier(session: Session, order: Order, user_id: UUID, now: datetime) -> Waybill | None:
    """The one in force; a former carrier's is voided on the way."""
    existing = in_force(session, order.id)
    if existing is not None and existing.carrier_id != order.carrier_id:
        _void(session, order, existing, Actor(user_id, Role.CARRIER), "Transporteur remplacé", now)
        return None
    return existing


def _issue(
    session: Session, order: Order, loading: contents.Loading | None, actor: Actor, now: datetime
) -> Waybill:
    """`loading` None: as far as it is known. What was said of the goods before stands on it too."""
    assert order.carrier_id is not None
    told = said.said_of(session, order)
    loading = loading or said.loading_in(told)
    number = _next_number(session, order.carrier_id)
    content = contents.contents_of(session, order, loading, number=number, now=now).to_json()
    waybill = Waybill(
        order_id=order.id,
        carrier_id=order.carrier_id,
        number=number,
        token=secrets.token_urlsafe(TOKEN_BYTES),
        issued_at=now,
        issued_by=actor.user_id,
        content=content,
        content_sha256=rules.content_hash(content),
        freight_xof=order.agreed_xof,
    )
    session.add(waybill)
    order.waybill_number = number
    session.flush()
    evidence = {"waybill_id": str(waybill.id), "number": rules.shown_number(number)}
    record(session, order, Action.WAYBILL_ISSUED, now=now, actor=actor, evidence=evidence)
    for each in said.additions_in(told, order.delivered_at):
        amend(session, waybill, each.kind, dict(each.content), at=each.at, now=now)
    return waybill


def _next_number(session: Session, carrier_id: UUID) -> int:
    """Holds the carrier's counter until the transaction ends."""
    counter = insert(WaybillCounter).values(carrier_id=carrier_id, last_number=1)
    taken = counter.on_conflict_do_update(
        index_elements=["carrier_id"], set_={"last_number": WaybillCounter.last_number + 1}
    ).returning(WaybillCounter.last_number)
    number = session.scalar(taken)
    assert number is not None
    return number


def amend(
    session: Session, waybill: Waybill, kind: str, content: dict[str, Any], *, at: datetime, now: datetime
) -> None:
    """Say more without changing what was said."""
    session.add(WaybillAmendment(waybill_id=waybill.id, kind=kind, at=at, recorded_at=now, content=content))


def amend_of_order(
    session: Session, order: Order, kind: str, content: dict[str, Any], *, at: datetime, now: datetime
) -> None:
    """The same of the one in force, if there is one."""
    waybill = in_force(session, order.id)
    if waybill is not None:
        amend(session, waybill, kind, content, at=at, now=now)


def void(session: Session, actor: Actor, waybill_id: UUID, *, reason: str, now: datetime) -> Waybill:
    """It keeps its number and says that it is void; another one may be issued. Again is harmless."""
    waybill = find(session, actor, waybill_id)
    order, _ = locked_order(session, actor, waybill.order_id)
    session.refresh(waybill, with_for_update=True)
    snapshot = rules.WaybillSnapshot(waybill.carrier_id == actor.party_id, waybill.voided_at)
    if rules.void(snapshot, actor):
        _void(session, order, waybill, actor, reason, now)
    return waybill


def void_of_order(session: Session, order: Order, actor: Actor, *, reason: str, now: datetime) -> None:
    """Under the order's lock: what it says of truck or carrier no longer holds."""
    waybill = in_force(session, order.id)
    if waybill is not None:
        _void(session, order, waybill, actor, reason, now)


def _void(session: Session, order: Order, waybill: Waybill, actor: Actor, reason: str, now: datetime) -> None:
    waybill.voided_at, waybill.voided_by, waybill.void_reason = now, actor.user_id, reason
    if order.waybill_number == waybill.number:
        order.waybill_number = None
    evidence = {
        "waybill_id": str(waybill.id),
        "number": rules.shown_number(waybill.number),
        "reason": reason,
    }
    record(session, order, Action.WAYBILL_VOIDED, now=now, actor=actor, evidence=evidence)
    # One in force is a unique index; the next one is inserted after this.
    session.flush()


# Reading ---------------------------------------------------------------------------


def find(session: Session, actor: Actor, waybill_id: UUID) -> Waybill:
    """Of an order whose party the actor is. Raises NotFound `waybill_not_found`."""
    waybill = session.scalar(select(Waybill).where(Waybill.id == waybill_id))
    if waybill is not None:
        if waybill.carrier_id == actor.party_id:
            return waybill
        try:
            order = get_order(session, actor, waybill.order_id)
        except NotFound:
            order = None
        # A carrier that took the order over has a waybill of its own.
        foreign = actor.role is Role.CARRIER and not may_see_all(actor)
        if order is not None and is_party(order, actor) and not foreign:
            return waybill
    raise NotFound("waybill_not_found", "There is no such waybill.")


def of_order(session: Session, actor: Actor, order_id: UUID) -> Sequence[Waybill]:
    """Oldest first, the void ones too: at most a handful."""
    order = get_order(session, actor, order_id)
    if not is_party(order, actor):
        return []
    statement = select(Waybill).where(Waybill.order_id == order_id)
    if actor.role is Role.CARRIER:
        statement = statement.where(Waybill.carrier_id == actor.party_id)
    return session.scalars(statement.order_by(Waybill.issued_at, Waybill.id)).all()


def scoped(actor: Actor) -> Select[Waybill]:
    """A carrier's series; for administrators everybody's."""
    statement: Select[Waybill] = select(Waybill)
    return statement if actor.is_administrator else statement.where(Waybill.carrier_id == actor.party_id)


def page(session: Session, actor: Actor, query: PageQuery) -> tuple[list[Waybill], str | None]:
    """Newest first."""
    return fetch_page(session, scoped(actor), (Waybill.issued_at, Waybill.id), query)


def verify_url(waybill: Waybill) -> str:
    """What the QR code holds."""
    return f"{get_settings().public_url}/verify/{waybill.token}"


def amendments(session: Session, waybill_id: UUID) -> Sequence[WaybillAmendment]:
    statement = select(WaybillAmendment).where(WaybillAmendment.waybill_id == waybill_id)
    return session.scalars(statement.order_by(WaybillAmendment.id)).all()


@dataclass(frozen=True, slots=True)
class Verified:
    """What whoever holds the paper may know. `genuine`: what is stored is what was issued."""

    waybill: Waybill
    genuine: bool
    void: bool
    void_reason: str | None
    amended: Sequence[WaybillAmendment]


def verify(session: Session, token: str) -> Verified:
    """Raises NotFound `waybill_not_found`; a token is 192 random bits."""
    waybill = session.scalar(select(Waybill).where(Waybill.token == token))
    if waybill is None:
        raise NotFound("waybill_not_found", "There is no such waybill.")
    reason = void_reason(session, waybill)
    genuine = rules.content_hash(waybill.content) == waybill.content_sha256
    return Verified(waybill, genuine, reason is not None, reason, amendments(session, waybill.id))


def void_reason(session: Session, waybill: Waybill) -> str | None:
    """Why it no longer holds, in French; None = it does. An order that went elsewhere voids it too."""
    if waybill.void_reason is not None:
        return waybill.void_reason
    order = session.get_one(Order, waybill.order_id)
    if order.status == OrderStatus.CANCELLED:
        return "Commande annulée"
    return "Transporteur remplacé" if order.carrier_id != waybill.carrier_id else None


def sees_freight(session: Session, waybill: Waybill, actor: Actor) -> bool:
    """Its carrier, and whoever the order shows that very amount; neither a broker's customer nor the driver."""
    if waybill.carrier_id == actor.party_id:
        return True
    facts = price_facts(session.get_one(Order, waybill.order_id))
    if actor.role is Role.DRIVER or is_customer(facts, actor):
        return False
    return waybill.freight_xof is not None and shown_prices(facts, actor).agreed_xof == waybill.freight_xof
