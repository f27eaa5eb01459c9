"""What people do with orders: one function per use case. The edge commits.

Every change of one order happens under its row lock, so of two people who act at once the second
sees what the first has done and is answered by the rules.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from config.settings import get_settings
from platform_api.actor import Actor, Role
from platform_api.bids import market
from platform_api.errors import NotFound
from platform_api.kyc import service as kyc
from platform_api.orders import fences, repository, rules
from platform_api.orders.content import Content, check_content, expiry_at_posting
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.money import PriceFacts
from platform_api.orders.recording import record
from platform_api.orders.rules import Action, OrderStatus
from platform_api.orders.writing import stop_rows, write_content
from platform_api.vehicle_types.service import check_offered
from platform_api.versions import check_version

# `cancel_reason` of a draft that was thrown away
DISCARDED = "discarded"


def snapshot(session: Session, order: Order) -> rules.OrderSnapshot:
    return rules.OrderSnapshot(
        id=order.id,
        status=OrderStatus(order.status),
        shipper_id=order.shipper_id,
        broker_id=order.broker_id,
        carrier_id=order.carrier_id,
        driver_id=order.driver_id,
        vehicle_id=order.vehicle_id,
        assigned_at=order.assigned_at,
        picked_up_at=order.picked_up_at,
        loading_confirmed_at=repository.loading_confirmed_at(session, order.id),
        delivered_at=order.delivered_at,
        expires_at=order.expires_at,
    )


def get_order(session: Session, actor: Actor, order_id: UUID) -> Order:
    """Raises NotFound for an order that is none of the actor's business, as if there were none."""
    order = repository.find_order(session, actor, order_id)
    if order is None:
        raise NotFound("order_not_found", "There is no such order.")
    return order


def is_party(order: Order, actor: Actor) -> bool:
    """Whether the whole story of the order is this actor's business."""
    return rules.is_party(
        order.shipper_id, order.carrier_id, order.driver_id, actor, broker_id=order.broker_id
    )


def price_facts(order: Order) -> PriceFacts:
    return PriceFacts(
        shipper_id=order.shipper_id,
        broker_id=order.broker_id,
        carrier_id=order.carrier_id,
        driver_id=order.driver_id,
        agreed_xof=order.agreed_xof,
        customer_xof=order.customer_xof,
    )


def locked_order(session: Session, actor: Actor, order_id: UUID) -> tuple[Order, rules.OrderSnapshot]:
    get_order(session, actor, order_id)
    order = repository.lock_order(session, order_id)
    assert order is not None  # orders are never deleted
    return order, snapshot(session, order)


def create_order(session: Session, actor: Actor, content: Content, *, now: datetime) -> Order:
    """A DRAFT that only its maker sees; a freight broker's own is in his hands from the start.

    Raises Invalid when what it says cannot be meant together.
    """
    rules.may_create(actor)
    check_content(content, now)
    check_offered(session, content.vehicle_type)
    order = Order(
        shipper_id=actor.party_id,
        broker_id=actor.party_id if actor.role is Role.BROKER else None,
        status=OrderStatus.DRAFT,
        version=0,
        created_at=now,
        updated_at=now,
    )
    write_content(order, content)
    session.add(order)
    # History and stops refer to it, and no relationship tells the session which goes first.
    session.flush()
    session.add_all(stop_rows(order.id, content.stops))
    record(session, order, Action.CREATED, now=now, actor=actor)
    return order


def edit_order(
    session: Session,
    actor: Actor,
    order_id: UUID,
    change: Callable[[Order, Sequence[OrderStop]], Content],
    *,
    expected: int | None,
    now: datetime,
) -> Order:
    """A draft says from now on what `change` makes of it.

    Raises PreconditionFailed when it is not the version the caller has read (None = he does not ask).
    """
    order, facts = locked_order(session, actor, order_id)
    rules.edit(facts, actor)
    check_version(order.version, expected)
    market.refuse_offered(session, order)
    content = change(order, repository.stops_of(session, [order.id]).get(order.id, ()))
    check_content(content, now)
    if content.vehicle_type != order.vehicle_type:
        check_offered(session, content.vehicle_type)
    write_content(order, content)
    repository.drop_stops(session, order.id)
    session.add_all(stop_rows(order.id, content.stops))
    record(session, order, Action.EDITED, now=now, actor=actor)
    session.flush()
    return order


def discard_draft(session: Session, actor: Actor, order_id: UUID, now: datetime) -> None:
    """A draft that is not wanted. Its row stays, CANCELLED, so that its reference is never given again."""
    order, facts = locked_order(session, actor, order_id)
    if rules.discard(facts, actor, discarded_before=order.cancel_reason == DISCARDED):
        market.close(session, order, now)
        order.cancelled_at, order.cancel_reason = now, DISCARDED
        cancelled = OrderStatus.CANCELLED
        evidence = {"reason_code": DISCARDED}
        record(session, order, Action.CANCELLED, now=now, to_status=cancelled, actor=actor, evidence=evidence)


def post_order(session: Session, actor: Actor, order_id: UUID, now: datetime) -> Order:
    """On the market until `expires_at`. Raises Conflict when its time is over already."""
    order, facts = locked_order(session, actor, order_id)
    if rules.post(facts, actor):
        kyc.check_verified(session, order.shipper_id, now)
        order.expires_at = expiry_at_posting(
            expires_at=order.expires_at, pickup_closes_at=order.pickup_closes_at, now=now
        )
        order.posted_at = now
        record(session, order, Action.POSTED, now=now, to_status=OrderStatus.POSTED, actor=actor)
        queue_after_commit(session, "routing.plan", order_id=str(order.id))
    return order


def confirm_delivery(session: Session, actor: Actor, order_id: UUID, now: datetime) -> Order:
    order, facts = locked_order(session, actor, order_id)
    if rules.confirm_delivery(facts, actor):
        _complete(session, order, Action.DELIVERY_CONFIRMED, now, actor)
    return order


def _complete(session: Session, order: Order, action: Action, now: datetime, actor: Actor | None) -> None:
    order.completed_at = now
    fences.end(session, order, now)
    record(session, order, action, now=now, to_status=OrderStatus.COMPLETED, actor=actor)


def complete_silent(session: Session, now: datetime, limit: int = 200) -> int:
    """How many DELIVERED orders were completed because the shipper said nothing for long enough."""
    silence = timedelta(hours=get_settings().auto_complete_hours)
    completed = 0
    for order_id in repository.silent_orders(session, silence, limit):
        order = repository.lock_order(session, order_id, skip_locked=True)
        if order is not None and order.status == OrderStatus.DELIVERED:
            _complete(session, order, Action.COMPLETED_BY_SILENCE, now, None)
            completed += 1
    return completed
