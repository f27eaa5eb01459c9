"""Orders that do not come about: cancelled by the shipper's side, given back by the carrier, left on the market.

All under the order's row lock. What is owed for it is written down as a claim (`order_fees`); paying it is
another matter.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.bids import market
from platform_api.bids.models import Bid
from platform_api.offers.models import Offer
from platform_api.orders import cancelling, fences, repository, rules
from platform_api.orders.cancelling import CancelReason, Cost, FeeTerms, WithdrawalReason
from platform_api.orders.models import Order, OrderFee, OrderWithdrawal
from platform_api.orders.recording import record
from platform_api.orders.rules import OPEN, Action, OrderStatus, dispatcher_of
from platform_api.orders.service import get_order, locked_order, snapshot
from platform_api.orders.telling import tell
from platform_api.waybills import service as waybills


def cancel_order(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    reason_code: CancelReason,
    reason: str,
    now: datetime,
) -> Order:
    """Open bids are lost, the fences watch no longer, and what the truck does from now on changes nothing."""
    order, facts = locked_order(session, actor, order_id)
    cancelling.check_reason(reason_code, reason)
    if not rules.cancel(facts, actor):
        return order
    cost = _cost(order, facts, order.agreed_xof, now)
    evidence: dict[str, Any] = {"reason_code": reason_code, "reason": reason}
    basis = {"reason_code": reason_code, "by": str(actor.user_id)}
    concerned = {order.shipper_id: cost}
    if order.carrier_id is not None:
        debtor_id = dispatcher_of(order.shipper_id, order.broker_id)
        _claim(session, order, cost, debtor_id, order.carrier_id, basis, now)
        concerned[order.carrier_id] = cost
    if order.broker_id is not None and order.broker_id != order.shipper_id:
        # The customer knows his own price alone.
        customers = _cost(order, facts, order.customer_xof, now)
        _claim(session, order, customers, order.shipper_id, order.broker_id, basis, now)
        concerned |= {order.shipper_id: customers, order.broker_id: customers}
    _take_off(session, order, reason_code, actor=actor, evidence=evidence, now=now)
    for party_id in concerned.keys() - {actor.party_id}:
        fee_xof = concerned[party_id].amount_xof
        tell(session, order, party_id, "order_cancelled", key=order.version, now=now, fee_xof=fee_xof)
    return order


def _claim(
    session: Session,
    order: Order,
    cost: Cost,
    debtor_id: UUID,
    creditor_id: UUID,
    basis: dict[str, Any],
    now: datetime,
) -> None:
    if cost.amount_xof:
        session.add(
            OrderFee(
                order_id=order.id,
                kind="cancellation",
                debtor_id=debtor_id,
                creditor_id=creditor_id,
                amount_xof=cost.amount_xof,
                basis={**asdict(cost), **basis},
                created_at=now,
            )
        )


def _take_off(
    session: Session,
    order: Order,
    reason: str,
    *,
    actor: Actor | None,
    evidence: dict[str, Any],
    now: datetime,
) -> None:
    market.close(session, order, now)
    order.cancelled_at, order.cancel_reason = now, reason
    fences.retire(session, order, now)
    cancelled = OrderStatus.CANCELLED
    record(session, order, Action.CANCELLED, now=now, to_status=cancelled, actor=actor, evidence=evidence)


def cost_of_cancelling(session: Session, actor: Actor, order_id: UUID, now: datetime) -> Cost:
    """What the actor's side would owe now, by the same rule. Raises as cancelling would."""
    order = get_order(session, actor, order_id)
    facts = snapshot(session, order)
    rules.cancel(facts, actor)
    brokered = order.broker_id is not None and order.broker_id != order.shipper_id
    his_price = order.customer_xof if brokered and actor.party_id == order.shipper_id else order.agreed_xof
    return _cost(order, facts, his_price, now)


def _cost(order: Order, facts: rules.OrderSnapshot, price_xof: int | None, now: datetime) -> Cost:
    settings = get_settings()
    return cancelling.cost_of_cancelling(
        facts,
        FeeTerms(
            settings.cancel_assigned_pct,
            settings.cancel_assigned_min_xof,
            settings.cancel_arrived_pct,
            settings.cancel_arrived_min_xof,
        ),
        agreed_xof=price_xof,
        arrived_pickup_at=order.arrived_pickup_at,
        pickup_closes_at=order.pickup_closes_at,
        now=now,
    )


def withdraw_carrier(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    reason_code: WithdrawalReason,
    note: str,
    now: datetime,
) -> Order:
    """The carrier gives the order back: it is POSTED again, and nothing of this truck is left on it.

    The withdrawal is kept, for the carrier's record.
    """
    order, facts = locked_order(session, actor, order_id)
    cancelling.check_reason(reason_code, note)
    cancelling.withdraw(facts, actor)
    assert order.carrier_id is not None
    assert order.assigned_at is not None
    carrier_id = order.carrier_id
    evidence: dict[str, Any] = {"carrier_id": str(carrier_id), "vehicle_id": order.vehicle_id}
    evidence |= {"reason_code": reason_code, "note": note}
    session.add(
        OrderWithdrawal(
            order_id=order.id,
            carrier_id=carrier_id,
            driver_id=order.driver_id,
            vehicle_id=order.vehicle_id,
            bid_id=_undo_award(session, order, carrier_id),
            reason=reason_code,
            note=note,
            status=order.status,
            assigned_at=order.assigned_at,
            withdrawn_at=now,
            withdrawn_by=actor.user_id,
        )
    )
    waybills.void_of_order(session, order, actor, reason="Transporteur désisté", now=now)
    fences.release(session, order, now)
    order.carrier_id = order.driver_id = order.vehicle_id = order.agreed_xof = None
    order.assigned_at = order.arrived_pickup_at = order.picked_up_at = order.departed_pickup_at = None
    order.arrived_delivery_at = order.departed_delivery_at = None
    order.posted_at = order.posted_at or now
    order.expires_at = cancelling.expiry_after_withdrawal(order.expires_at, now)
    posted = OrderStatus.POSTED
    record(session, order, Action.CARRIER_WITHDREW, now=now, to_status=posted, actor=actor, evidence=evidence)
    dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
    tell(session, order, dispatcher, "order_given_back", key=order.version, now=now)
    queue_after_commit(session, "routing.plan", order_id=str(order.id))
    return order


def _undo_award(session: Session, order: Order, carrier_id: UUID) -> UUID | None:
    """What had won has won no longer, so that another may; the bid's id, if a bid had."""
    won = [Bid.order_id == order.id, Bid.carrier_id == carrier_id, Bid.status == "ACCEPTED"]
    bid_id = session.scalar(select(Bid.id).where(*won))
    session.execute(update(Bid).where(*won).values(status="WITHDRAWN"))
    session.execute(
        update(Offer)
        .where(Offer.order_id == order.id, Offer.carrier_id == carrier_id, Offer.status == "ACCEPTED")
        .values(status="WITHDRAWN")
    )
    return bid_id


def due_orders(session: Session, now: datetime, limit: int = 200) -> Sequence[UUID]:
    """Open orders whose time on the market is over, the longest first."""
    due = select(Order.id).where(Order.status.in_(OPEN), Order.expires_at <= now)
    return session.scalars(due.order_by(Order.expires_at).limit(limit)).all()


def expire_order(session: Session, order_id: UUID, now: datetime) -> bool:
    """Whether an open order left the market unawarded. What somebody is acting on waits for the next round."""
    order = repository.lock_order(session, order_id, skip_locked=True)
    if order is None or order.status not in OPEN or order.expires_at is None or order.expires_at > now:
        return False
    evidence = {"reason_code": cancelling.EXPIRED, "expires_at": order.expires_at.isoformat()}
    _take_off(session, order, cancelling.EXPIRED, actor=None, evidence=evidence, now=now)
    dispatcher = dispatcher_of(order.shipper_id, order.broker_id)
    tell(session, order, dispatcher, "order_expired", key=order.version, now=now)
    return True


def fees_of(session: Session, actor: Actor, order_id: UUID) -> list[OrderFee]:
    """Of an order that the actor may know of: those that he owes or is owed; administrators see all."""
    get_order(session, actor, order_id)
    statement = select(OrderFee).where(OrderFee.order_id == order_id).order_by(OrderFee.id)
    if not actor.is_administrator:
        mine = or_(OrderFee.debtor_id == actor.party_id, OrderFee.creditor_id == actor.party_id)
        statement = statement.where(mine)
    return list(session.scalars(statement))
