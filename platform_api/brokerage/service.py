"""Brokerage, one function per use case. Each change happens under the order's row lock; the edge commits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.accounts.rules import normalise_phone
from platform_api.actor import Actor, Role
from platform_api.alerts.service import raise_alert
from platform_api.bids import market
from platform_api.brokerage import repository, rules
from platform_api.brokerage.models import Brokerage
from platform_api.brokerage.rules import BrokerageSnapshot, BrokerageStatus, ProposedBy
from platform_api.errors import Forbidden, Invalid, NotFound
from platform_api.francs import francs
from platform_api.orders.models import Order
from platform_api.orders.recording import record
from platform_api.orders.repository import lock_order
from platform_api.orders.rules import Action, OrderSnapshot
from platform_api.orders.service import locked_order, snapshot
from platform_api.pagination import PageQuery
from platform_api.sms import service as sms


@dataclass(frozen=True, slots=True)
class Proposal:
    """XOF. Of the two a broker names the customer's phone, a shipper the broker."""

    customer_xof: int
    customer_phone: str | None = None
    broker_id: UUID | None = None
    message: str = ""


def propose(session: Session, actor: Actor, order_id: UUID, wanted: Proposal, *, now: datetime) -> Brokerage:
    """One open proposal an order (unique index). Nothing holds before the other one agrees.

    Whether the phone is registered is not told: its owner finds the proposal when he signs in.
    """
    order, facts = locked_order(session, actor, order_id)
    if actor.role is Role.BROKER:
        row = _sale(session, actor, facts, wanted, now)
    else:
        broker_id = wanted.broker_id
        known = broker_id is not None and repository.is_broker(session, broker_id)
        rules.hand_over(facts, actor, broker_known=known)
        assert broker_id is not None  # the rules refuse it
        row = _row(order.id, broker_id, ProposedBy.SHIPPER, wanted, actor, now)
        row.customer_id = actor.party_id
    session.add(row)
    session.flush()
    _tell(session, order, row, wanted, now)
    return row


def _sale(session: Session, actor: Actor, facts: OrderSnapshot, wanted: Proposal, now: datetime) -> Brokerage:
    today = repository.proposals_since(session, actor.party_id, now - repository.DAY)
    rules.sell(facts, actor, today=today)
    if wanted.customer_phone is None:
        raise Invalid("customer_missing", "Say by phone who the customer is.")
    row = _row(facts.id, actor.party_id, ProposedBy.BROKER, wanted, actor, now)
    row.customer_phone = normalise_phone(wanted.customer_phone)
    return row


def _row(
    order_id: UUID, broker_id: UUID, by: ProposedBy, wanted: Proposal, actor: Actor, now: datetime
) -> Brokerage:
    return Brokerage(
        order_id=order_id,
        broker_id=broker_id,
        proposed_by=by,
        customer_xof=wanted.customer_xof,
        message=wanted.message,
        status=BrokerageStatus.PROPOSED,
        made_by=actor.user_id,
        created_at=now,
    )


def _tell(session: Session, order: Order, row: Brokerage, wanted: Proposal, now: datetime) -> None:
    asked = row.broker_id
    if row.customer_phone is not None:
        text = f"MESS: un courtier vous propose le transport {order.reference}. Repondez dans l'application."
        sms.queue(session, to=row.customer_phone, text=text, purpose="brokerage_proposed", now=now)
        customer = repository.party_with_phone(session, row.customer_phone)
        if customer is None:
            return
        asked = customer
    amount = francs(wanted.customer_xof)
    facts = {"reference": order.reference, "amount": amount, "brokerage_id": str(row.id)}
    raise_alert(
        session, party_id=asked, kind="brokerage_proposed", at=now, now=now, facts=facts,
        dedup=f"brokerage/{row.id}",
    )  # fmt: skip


def list_own(
    session: Session, actor: Actor, page: PageQuery, status: BrokerageStatus | None
) -> tuple[list[tuple[Brokerage, Order]], str | None]:
    """With their orders, in one query for all."""
    if actor.role in (Role.CARRIER, Role.DRIVER) and not actor.is_administrator:
        raise Forbidden("role_not_allowed", "Brokerage is between shippers and freight brokers.")
    phone = repository.phone_of(session, actor.user_id)
    rows, cursor = repository.list_own(session, actor, phone, page, status)
    orders = session.scalars(select(Order).where(Order.id.in_({row.order_id for row in rows})))
    by_id = {order.id: order for order in orders}
    return [(row, by_id[row.order_id]) for row in rows], cursor


def _locked(
    session: Session, actor: Actor, brokerage_id: UUID
) -> tuple[Brokerage, Order, OrderSnapshot, str]:
    """The proposal under its order's lock, and the actor's phone."""
    phone = repository.phone_of(session, actor.user_id)
    row = repository.find(session, actor, phone, brokerage_id)
    if row is None:
        raise NotFound("brokerage_not_found", "There is no such proposal.")
    order = lock_order(session, row.order_id)
    row = repository.find(session, actor, phone, brokerage_id)
    if order is None or row is None:
        raise NotFound("brokerage_not_found", "There is no such proposal.")
    return row, order, snapshot(session, order), phone


def agree(session: Session, actor: Actor, brokerage_id: UUID, *, now: datetime) -> tuple[Brokerage, Order]:
    """The order is the customer's and in the broker's hands from now on.

    A shipper's own market ends with it: bids and offers that answered him are lost, and so is the price
    that he had in mind; the broker posts the order anew or offers it.
    """
    row, order, facts, phone = _locked(session, actor, brokerage_id)
    if not rules.is_asked(_snapshot(row), actor, phone=phone):
        raise NotFound("brokerage_not_found", "There is no such proposal.")
    if not rules.answer(facts, _snapshot(row), BrokerageStatus.AGREED, now=now):
        return row, order
    if row.proposed_by == ProposedBy.BROKER:
        row.customer_id = rules.shipper_after(facts, actor.party_id)
        order.shipper_id = row.customer_id
    else:
        order.target_xof, order.target_shown = None, False
    _answered(row, BrokerageStatus.AGREED, actor, now)
    if row.proposed_by == ProposedBy.SHIPPER:
        market.close(session, order, now)
    order.broker_id, order.customer_xof = row.broker_id, row.customer_xof
    evidence: dict[str, Any] = {"broker_id": str(row.broker_id), "customer_xof": row.customer_xof}
    record(session, order, Action.BROKERAGE_AGREED, now=now, actor=actor, evidence=evidence)
    _tell_answer(session, order, row, now)
    return row, order


def decline(session: Session, actor: Actor, brokerage_id: UUID, *, now: datetime) -> tuple[Brokerage, Order]:
    row, order, facts, phone = _locked(session, actor, brokerage_id)
    if not rules.is_asked(_snapshot(row), actor, phone=phone):
        raise NotFound("brokerage_not_found", "There is no such proposal.")
    if rules.answer(facts, _snapshot(row), BrokerageStatus.DECLINED, now=now):
        if row.proposed_by == ProposedBy.BROKER:
            row.customer_id = actor.party_id
        _answered(row, BrokerageStatus.DECLINED, actor, now)
        _tell_answer(session, order, row, now)
    return row, order


def withdraw(session: Session, actor: Actor, brokerage_id: UUID, *, now: datetime) -> tuple[Brokerage, Order]:
    """By whoever proposed it."""
    row, order, facts, _ = _locked(session, actor, brokerage_id)
    if rules.withdraw(facts, _snapshot(row), actor, now=now):
        _answered(row, BrokerageStatus.WITHDRAWN, actor, now)
    return row, order


def expire(session: Session, now: datetime, limit: int = 200) -> int:
    """How many proposals nobody answered in time. What somebody is acting on waits for the next round."""
    expired = 0
    for brokerage_id, order_id in repository.over(session, now - rules.PROPOSAL_LIFE, limit):
        order = lock_order(session, order_id, skip_locked=True)
        row = session.get(Brokerage, brokerage_id, populate_existing=True)
        if order is None or row is None or not rules.is_over(_snapshot(row), now):
            continue
        _answered(row, BrokerageStatus.EXPIRED, None, now)
        _tell_answer(session, order, row, now)
        expired += 1
    return expired


def _answered(row: Brokerage, to: BrokerageStatus, actor: Actor | None, now: datetime) -> None:
    """`actor` None = nobody did; its time is over."""
    row.status, row.answered_at, row.answered_by = to, now, actor.user_id if actor else None
    # Nobody's business any more.
    row.customer_phone = None


def _tell_answer(session: Session, order: Order, row: Brokerage, now: datetime) -> None:
    by_broker = row.proposed_by == ProposedBy.BROKER
    asker = row.broker_id if by_broker else row.customer_id
    assert asker is not None  # a shipper's proposal names him
    facts = {"reference": order.reference, "brokerage_id": str(row.id), "status": row.status}
    kind = "brokerage_unanswered" if row.status == BrokerageStatus.EXPIRED else "brokerage_answered"
    raise_alert(
        session, party_id=asker, kind=kind, at=now, now=now, order_id=order.id, facts=facts,
        dedup=f"brokerage_answered/{row.id}",
    )  # fmt: skip


def _snapshot(row: Brokerage) -> BrokerageSnapshot:
    return BrokerageSnapshot(
        id=row.id,
        broker_id=row.broker_id,
        proposed_by=ProposedBy(row.proposed_by),
        customer_id=row.customer_id,
        customer_phone=row.customer_phone,
        status=BrokerageStatus(row.status),
        created_at=row.created_at,
    )
